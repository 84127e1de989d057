/* The C side of rayon.rs and of bench/runtime/foreign.rs. */
#include "bench/spawn/spawn.h"

void kernel_init(unsigned workers)
{
    runtime_init(workers, 1);
}

int kernel_main(int argc, char **argv, void (*init)(unsigned workers), void (*run)(void))
{
    struct bench bench = SPAWN(init, run);
    return bench_perform(argc, argv, &bench, "rayon");
}

long kernel_n(void)
{
    return spawn_n;
}

void kernel_task(void)
{
    spawn_task();
}

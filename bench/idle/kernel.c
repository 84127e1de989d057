/* The C side of rayon.rs and of bench/runtime/foreign.rs. */
#include "bench/idle/idle.h"

void kernel_init(unsigned workers)
{
    runtime_init(workers, 1);
}

int kernel_main(int argc, char **argv, void (*init)(unsigned workers), void (*run)(void))
{
    struct bench bench = IDLE(init, run);
    return bench_perform(argc, argv, &bench, "rayon");
}

void kernel_meet(void)
{
    idle_meet();
}

void kernel_rest(void)
{
    idle_rest();
}

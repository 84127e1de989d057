/* The C side of rayon.rs and of bench/runtime/foreign.rs. */
#include "bench/steal/steal.h"

void kernel_init(unsigned workers)
{
    runtime_init(workers, 2);
}

int kernel_main(int argc, char **argv, void (*init)(unsigned workers), void (*run)(void))
{
    struct bench bench = STEAL(init, run);
    return bench_perform(argc, argv, &bench, "rayon");
}

long kernel_n(void)
{
    return steal_n;
}

void kernel_begin(void)
{
    steal_begin();
}

void kernel_start(void)
{
    steal_start();
}

void kernel_wait(long tasks)
{
    steal_wait(tasks);
}

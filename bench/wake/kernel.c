/* The C side of rayon.rs and of bench/runtime/foreign.rs. */
#include "bench/wake/wake.h"

void kernel_init(unsigned workers)
{
    runtime_init(workers, 2);
}

int kernel_main(int argc, char **argv, void (*init)(unsigned workers), void (*run)(void))
{
    struct bench bench = WAKE(init, run);
    return bench_perform(argc, argv, &bench, "rayon");
}

long kernel_n(void)
{
    return wake_n;
}

void kernel_idle(void)
{
    wake_idle();
}

void kernel_start(void)
{
    wake_start();
}

void kernel_wait(long tasks)
{
    wake_wait(tasks);
}

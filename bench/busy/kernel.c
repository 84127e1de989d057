/* The C side of rayon.rs and of bench/runtime/foreign.rs. */
#include "bench/busy/busy.h"

void kernel_init(unsigned workers)
{
    runtime_init(workers, 1);
}

int kernel_main(int argc, char **argv, void (*init)(unsigned workers), void (*run)(void))
{
    struct bench bench = BUSY(init, run);
    return bench_perform(argc, argv, &bench, "rayon");
}

long kernel_n(void)
{
    return busy_n;
}

void kernel_idle(void)
{
    busy_idle();
}

void kernel_meet(void)
{
    busy_meet();
}

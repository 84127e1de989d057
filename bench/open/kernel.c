/* The C side of rayon.rs and of bench/runtime/foreign.rs. */
#include "bench/open/open.h"

void kernel_init(unsigned workers)
{
    runtime_init(workers, 1);
}

int kernel_main(int argc, char **argv, void (*init)(unsigned workers), void (*run)(void))
{
    struct bench bench = OPEN(init, run);
    return bench_perform(argc, argv, &bench, "rayon");
}

long kernel_n(void)
{
    return open_n;
}

void kernel_count(void)
{
    open_count++;
}

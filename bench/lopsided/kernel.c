/* The C side of rayon.rs and of bench/runtime/foreign.rs. */
#include "bench/lopsided/lopsided.h"

void kernel_init(unsigned workers)
{
    runtime_init(workers, 1);
}

int kernel_main(int argc, char **argv, void (*init)(unsigned workers), void (*run)(void))
{
    struct bench bench = LOPSIDED(init, run);
    return bench_perform(argc, argv, &bench, "rayon");
}

long kernel_n(void)
{
    return lopsided_n;
}

void kernel_work(bool has_inner)
{
    lopsided_work(has_inner);
}

bool kernel_has_inner(long i)
{
    return lopsided_has_inner(i);
}

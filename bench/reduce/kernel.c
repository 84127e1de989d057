/* The C side of rayon.rs and of bench/runtime/foreign.rs. */
#include "bench/reduce/reduce.h"

void kernel_init(unsigned workers)
{
    (void)workers;
}

int kernel_main(int argc, char **argv, void (*init)(unsigned workers), void (*run)(void))
{
    struct bench bench = REDUCE(init, run);
    return bench_perform(argc, argv, &bench, "rayon");
}

void kernel_repeat(void (*loop)(void *arg))
{
    repeat_run(loop, NULL);
}

long kernel_n(void)
{
    return reduce_n;
}

double kernel_items(long begin, long end)
{
    return reduce_items(begin, end);
}

double kernel_number(long i)
{
    return reduce_number(i);
}

bool kernel_cheap(void)
{
    return reduce_rounds == 0;
}

void kernel_result(double sum)
{
    reduce_result(sum, false);
}

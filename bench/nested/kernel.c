/* The C side of rayon.rs and of bench/runtime/foreign.rs. */
#include "bench/nested/nested.h"

void kernel_init(unsigned workers)
{
    (void)workers;
}

int kernel_main(int argc, char **argv, void (*init)(unsigned workers), void (*run)(void))
{
    struct bench bench = NESTED(init, run);
    return bench_perform(argc, argv, &bench, "rayon");
}

void kernel_repeat(void (*loop)(void *arg))
{
    repeat_run(loop, NULL);
}

uint64_t *kernel_x(void)
{
    return loop_x;
}

long kernel_rows(void)
{
    return nested_rows;
}

long kernel_columns(void)
{
    return nested_columns;
}

bool kernel_cheap(void)
{
    return loop_rounds == 0;
}

void kernel_item(long i)
{
    loop_item(i);
}

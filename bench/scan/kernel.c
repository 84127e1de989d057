/* The C side of rayon.rs and of bench/runtime/foreign.rs. */
#include "bench/scan/scan.h"

void kernel_init(unsigned workers)
{
    if (workers > SCAN_PARTS_MOST)
        exit(3);
}

int kernel_main(int argc, char **argv, void (*init)(unsigned workers), void (*run)(void))
{
    struct bench bench = SCAN(init, run);
    return bench_perform(argc, argv, &bench, "rayon");
}

void kernel_repeat(void (*loop)(void *arg))
{
    repeat_run(loop, NULL);
}

long kernel_cut(long part, long parts)
{
    return scan_cut(part, parts);
}

double kernel_sum(long begin, long end)
{
    return scan_sum(begin, end, 0);
}

void kernel_items(long begin, long end, double sum)
{
    (void)scan_items(begin, end, sum);
}

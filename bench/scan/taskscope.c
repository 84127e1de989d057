/* Variants: 0 all scans in one scope; 1 each from a thread that is no worker. */
#include "bench/taskscope.h"
#include "bench/scan/scan.h"

#include <taskscope_loop.h>

/* Results of a block are before plus the sum so far, which begins with 0. */
__attribute__((noinline)) static double results(long begin, long end, double before, double sum)
{
    const double *x = scan_x;
    double *y = scan_y;
    for (long i = begin; i < end; i++) {
        sum += x[i];
        y[i] = before + sum;
    }
    return sum;
}

static int scan(struct scope *s, size_t begin, size_t end, const void *before, void *sum, void *arg)
{
    double *now = (double *)sum;
    (void)s;
    (void)arg;
    *now = before ? results((long)begin, (long)end, *(const double *)before, *now)
                  : scan_sum((long)begin, (long)end, *now);
    return 0;
}

static void combine(void *left, const void *right, void *arg)
{
    (void)arg;
    *(double *)left += *(const double *)right;
}

static void loop(void *s)
{
    static const double zero = 0;
    static const struct scope_prefix prefix = {sizeof(zero), &zero, scan, combine, NULL, 0};
    (void)scope_scan((struct scope *)s, 0, (size_t)scan_n, &prefix, NULL);
}

static int loops(struct scope *s, void *arg)
{
    (void)arg;
    repeat_run(loop, s);
    return 0;
}

static void run(void)
{
    if (scan_variant == 1)
        repeat_run(loop, NULL);
    else
        (void)scope_run(loops, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = SCAN(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

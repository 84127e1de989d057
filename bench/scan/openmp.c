/* Variants: 0 two passes, written by hand, over one part a thread; 1 the scan directive. */
#include "bench/openmp.h"
#include "bench/scan/scan.h"

#define DIRECTIVE_MOST 500000 /* clang has the partial sums on the stack */

static void loop_directive(void *arg)
{
    const double *x = scan_x;
    double *y = scan_y, sum = 0;
    (void)arg;
#pragma omp parallel for reduction(inscan, + : sum)
    for (long i = 0; i < scan_n; i++) {
        sum += x[i];
#pragma omp scan inclusive(sum)
        y[i] = sum;
    }
}

static void loop_passes(void *arg)
{
    double part[SCAN_PARTS_MOST];
    (void)arg;
#pragma omp parallel
    {
        long me = omp_get_thread_num(), parts = omp_get_num_threads();
        double before = 0;
        if (me + 1 < parts)
            part[me] = scan_sum(scan_cut(me, parts), scan_cut(me + 1, parts), 0);
#pragma omp barrier
        for (long i = 0; i < me; i++)
            before += part[i];
        (void)scan_items(scan_cut(me, parts), scan_cut(me + 1, parts), before);
    }
}

static void run(void)
{
    if (scan_variant && scan_n > DIRECTIVE_MOST && !strcmp(RUNTIME, "libomp"))
        exit(3);
    repeat_run(scan_variant ? loop_directive : loop_passes, NULL);
}

static void init(unsigned workers)
{
    if (workers > SCAN_PARTS_MOST)
        exit(3);
    openmp_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = SCAN(init, run);
    return bench_main(argc, argv, &bench);
}

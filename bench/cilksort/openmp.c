#include "bench/openmp.h"
#include "bench/cilksort/cilksort.h"

static void merge(const struct cilksort_merge *whole)
{
    struct cilksort_merge half[2];
    if (cilksort_small(whole)) {
        cilksort_join(whole);
        return;
    }
    cilksort_cut(whole, half);
#pragma omp task shared(half)
    merge(&half[0]);
    merge(&half[1]);
#pragma omp taskwait
}

static void sort(const struct cilksort_part *part)
{
    struct cilksort_part quarter[4];
    struct cilksort_merge merges[3];
    if (part->n <= cilksort_grain) {
        cilksort_quick(part->values, part->n);
        return;
    }
    cilksort_quarters(part, quarter);
    cilksort_merges(quarter, merges);
    for (int i = 0; i < 3; i++) {
#pragma omp task shared(quarter) firstprivate(i)
        sort(&quarter[i]);
    }
    sort(&quarter[3]);
#pragma omp taskwait
#pragma omp task shared(merges)
    merge(&merges[0]);
    merge(&merges[1]);
#pragma omp taskwait
    merge(&merges[2]);
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    sort(&cilksort_whole);
}

int main(int argc, char **argv)
{
    struct bench bench = CILKSORT(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

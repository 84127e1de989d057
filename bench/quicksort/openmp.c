#include "bench/openmp.h"
#include "bench/quicksort/quicksort.h"

static void sort(uint64_t *values, long n)
{
    while (n > quicksort_grain) {
        long left = quicksort_split(values, n);
#pragma omp task firstprivate(values, left)
        sort(values, left);
        values += left;
        n -= left;
    }
    quicksort_serial(values, n);
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    sort(quicksort_values, quicksort_n);
}

int main(int argc, char **argv)
{
    struct bench bench = QUICKSORT(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/tbb.hpp"
#include "bench/quicksort/quicksort.h"

static void sort(tbb::task_group &group, uint64_t *values, long n)
{
    while (n > quicksort_grain) {
        long left = quicksort_split(values, n);
        group.run([&group, values, left] { sort(group, values, left); });
        values += left;
        n -= left;
    }
    quicksort_serial(values, n);
}

static void run(void)
{
    tbb_arena->execute([] {
        tbb::task_group group;
        group.run_and_wait([&group] { sort(group, quicksort_values, quicksort_n); });
    });
}

int main(int argc, char **argv)
{
    struct bench bench = QUICKSORT(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

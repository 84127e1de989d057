/* libstdc++'s parallel mode. */
#include <functional>
#include <parallel/algorithm>

#include "bench/openmp.h"
#include "bench/sort/sort.hpp"

static void run(void)
{
    sort_each([](auto begin, auto end, auto less) {
        if (sort_stable)
            __gnu_parallel::stable_sort(begin, end, less);
        else
            __gnu_parallel::sort(begin, end, less);
    });
}

int main(int argc, char **argv)
{
    struct bench bench = SORT(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

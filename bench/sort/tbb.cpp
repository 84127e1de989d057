/* tbb::parallel_sort, which is not stable. */
#include <functional>
#include <tbb/parallel_sort.h>

#include "bench/sort/sort.hpp"
#include "bench/tbb.hpp"

static void run(void)
{
    if (sort_stable)
        exit(3); /* not applicable */
    tbb_arena->execute(
        [] { sort_each([](auto begin, auto end, auto less) { tbb::parallel_sort(begin, end, less); }); });
}

int main(int argc, char **argv)
{
    struct bench bench = SORT(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

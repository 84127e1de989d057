#include "bench/tbb.hpp"
#include "bench/cilksort/cilksort.h"

#include <tbb/parallel_invoke.h>

static void merge(const cilksort_merge &whole)
{
    cilksort_merge half[2];
    if (cilksort_small(&whole)) {
        cilksort_join(&whole);
        return;
    }
    cilksort_cut(&whole, half);
    tbb::parallel_invoke([&half] { merge(half[0]); }, [&half] { merge(half[1]); });
}

static void sort(const cilksort_part &part)
{
    cilksort_part quarter[4];
    cilksort_merge merges[3];
    if (part.n <= cilksort_grain) {
        cilksort_quick(part.values, part.n);
        return;
    }
    cilksort_quarters(&part, quarter);
    cilksort_merges(quarter, merges);
    tbb::parallel_invoke([&quarter] { sort(quarter[0]); }, [&quarter] { sort(quarter[1]); },
                         [&quarter] { sort(quarter[2]); }, [&quarter] { sort(quarter[3]); });
    tbb::parallel_invoke([&merges] { merge(merges[0]); }, [&merges] { merge(merges[1]); });
    merge(merges[2]);
}

static void run(void)
{
    tbb_arena->execute([] { sort(cilksort_whole); });
}

int main(int argc, char **argv)
{
    struct bench bench = CILKSORT(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

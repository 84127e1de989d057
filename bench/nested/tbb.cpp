/* Variants: 0 parallel_for inside parallel_for; blocked_range2d, 1 auto, 2 static partitioner. */
#include "bench/tbb.hpp"
#include "bench/nested/nested.h"

#include <tbb/blocked_range.h>
#include <tbb/blocked_range2d.h>
#include <tbb/parallel_for.h>

typedef tbb::blocked_range<long> range;

static void columns(long row)
{
    tbb::parallel_for(range(0, nested_columns), [row](const range &r) { nested_items(row, r.begin(), r.end()); });
}

static void rows(const range &r)
{
    for (long row = r.begin(); row < r.end(); row++)
        columns(row);
}

static void loop(void *)
{
    tbb::parallel_for(range(0, nested_rows), [](const range &r) { rows(r); });
}

static void rectangle(const tbb::blocked_range2d<long> &r)
{
    for (long row = r.rows().begin(); row < r.rows().end(); row++)
        nested_items(row, r.cols().begin(), r.cols().end());
}

template <typename Partitioner> static void loop_2d(void *)
{
    tbb::parallel_for(
        tbb::blocked_range2d<long>(0, nested_rows, 0, nested_columns),
        [](const tbb::blocked_range2d<long> &r) { rectangle(r); }, Partitioner());
}

static void run(void)
{
    auto chosen = loop_variant == 1   ? loop_2d<tbb::auto_partitioner>
                  : loop_variant == 2 ? loop_2d<tbb::static_partitioner>
                                      : loop;
    tbb_arena->execute([chosen] { repeat_run(chosen, nullptr); });
}

int main(int argc, char **argv)
{
    struct bench bench = NESTED(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

/* Variants: 0 parallel_for inside parallel_for; 1 blocked_range2d. */
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

static void loop_2d(void *)
{
    tbb::parallel_for(tbb::blocked_range2d<long>(0, nested_rows, 0, nested_columns),
                      [](const tbb::blocked_range2d<long> &r) { rectangle(r); });
}

static void run(void)
{
    tbb_arena->execute([] { repeat_run(loop_variant ? loop_2d : loop, nullptr); });
}

int main(int argc, char **argv)
{
    struct bench bench = NESTED(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/tbb.hpp"
#include "bench/mandelbrot/mandelbrot.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

static void rows(const tbb::blocked_range<long> &range)
{
    for (long chunk = range.begin(); chunk < range.end(); chunk++)
        mandelbrot_leaf(chunk);
}

static void picture()
{
    tbb::parallel_for(
        tbb::blocked_range<long>(0, mandelbrot_chunks()), [](const auto &range) { rows(range); },
        tbb::auto_partitioner());
}

static void run(void)
{
    tbb_arena->execute(picture);
}

int main(int argc, char **argv)
{
    struct bench bench = MANDELBROT(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

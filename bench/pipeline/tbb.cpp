#include "bench/tbb.hpp"
#include "bench/pipeline/pipeline.h"

#include <tbb/parallel_pipeline.h>

static std::size_t tokens;

static void init(unsigned workers)
{
    tbb_init(workers);
    tokens = 4 * workers;
}

static uint64_t make(tbb::flow_control &control)
{
    uint64_t x = pipeline_make();
    if (x == 0)
        control.stop();
    return x;
}

static void stages()
{
    tbb::parallel_pipeline(tokens,
                           tbb::make_filter<void, uint64_t>(tbb::filter_mode::serial_in_order, &make) &
                               tbb::make_filter<uint64_t, uint64_t>(tbb::filter_mode::parallel, &pipeline_hash) &
                               tbb::make_filter<uint64_t, void>(tbb::filter_mode::serial_in_order, &pipeline_fold));
}

static void run(void)
{
    tbb_arena->execute(stages);
}

int main(int argc, char **argv)
{
    struct bench bench = PIPELINE(init, run);
    return bench_main(argc, argv, &bench);
}

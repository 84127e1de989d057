#include "bench/tbb.hpp"
#include "bench/heat/heat.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

static void rows(long step, const tbb::blocked_range<long> &range)
{
    for (long chunk = range.begin(); chunk < range.end(); chunk++)
        heat_leaf(step, chunk);
}

static void steps()
{
    for (long step = 0; step < heat_steps; step++)
        tbb::parallel_for(
            tbb::blocked_range<long>(0, heat_chunks()), [step](const auto &range) { rows(step, range); },
            tbb::auto_partitioner());
}

static void run(void)
{
    tbb_arena->execute(steps);
}

int main(int argc, char **argv)
{
    struct bench bench = HEAT(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

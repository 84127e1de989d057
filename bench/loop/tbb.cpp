/* Variants: partitioners 0 auto, 1 static, 2 affinity.  All loops are in one call of the arena. */
#include "bench/tbb.hpp"
#include "bench/loop/loop.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

template <typename Partitioner> static void loop(void *partitioner)
{
    tbb::parallel_for(
        tbb::blocked_range<long>(0, loop_n), [](const auto &range) { loop_items(range.begin(), range.end()); },
        *static_cast<Partitioner *>(partitioner));
}

template <typename Partitioner> static void loops()
{
    Partitioner partitioner;
    tbb_arena->execute([&partitioner] { repeat_run(loop<Partitioner>, &partitioner); });
}

static void run(void)
{
    if (loop_variant == 1)
        loops<tbb::static_partitioner>();
    else if (loop_variant == 2)
        loops<tbb::affinity_partitioner>();
    else
        loops<tbb::auto_partitioner>();
}

int main(int argc, char **argv)
{
    struct bench bench = LOOP(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

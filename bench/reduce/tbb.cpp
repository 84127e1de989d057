/* Variants: parallel_reduce, 0 auto, 2 static partitioner; 1 parallel_deterministic_reduce, with leaves as long as taskscope's
 * blocks: unless it is told, they are single items. */
#include "bench/tbb.hpp"
#include "bench/reduce/reduce.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_reduce.h>

#define GRAIN 1024

typedef tbb::blocked_range<long> range;

static double add(const range &r, double sum)
{
    return sum + reduce_items(r.begin(), r.end());
}

template <typename Partitioner> static void loop(void *)
{
    reduce_result(tbb::parallel_reduce(range(0, reduce_n), 0.0, add, std::plus<double>(), Partitioner()), false);
}

static void loop_deterministic(void *)
{
    long fitting = reduce_n / 32 < GRAIN ? reduce_n / 32 : GRAIN; /* as in taskscope */
    range all(0, reduce_n, static_cast<std::size_t>(fitting > 0 ? fitting : 1));
    reduce_result(tbb::parallel_deterministic_reduce(all, 0.0, add, std::plus<double>()), true);
}

static void run(void)
{
    auto chosen = reduce_variant == 1   ? loop_deterministic
                  : reduce_variant == 2 ? loop<tbb::static_partitioner>
                                        : loop<tbb::auto_partitioner>;
    tbb_arena->execute([chosen] { repeat_run(chosen, nullptr); });
}

int main(int argc, char **argv)
{
    struct bench bench = REDUCE(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

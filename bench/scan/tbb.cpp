/* No variants: parallel_scan. */
#include "bench/tbb.hpp"
#include "bench/scan/scan.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_scan.h>

typedef tbb::blocked_range<long> range;

static double scan(const range &r, double sum, bool last)
{
    return last ? scan_items(r.begin(), r.end(), sum) : scan_sum(r.begin(), r.end(), sum);
}

static void loop(void *)
{
    tbb::parallel_scan(range(0, scan_n), 0.0, scan, std::plus<double>());
}

static void run(void)
{
    tbb_arena->execute([] { repeat_run(loop, nullptr); });
}

int main(int argc, char **argv)
{
    struct bench bench = SCAN(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

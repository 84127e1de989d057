#include "bench/openmp.h"
#include "bench/pipeline/pipeline.h"

/* OpenMP has no pipelines.  An ordered loop, whose numbers are known beforehand, comes closest. */
static void run(void)
{
#pragma omp parallel for schedule(dynamic) ordered
    for (long i = 1; i <= pipeline_items; i++) {
        uint64_t x = pipeline_hash((uint64_t)i);
#pragma omp ordered
        pipeline_fold(x);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = PIPELINE(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

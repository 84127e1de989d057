/* No variants: the reduction clause. */
#include "bench/openmp.h"
#include "bench/reduce/reduce.h"

static void loop(void *arg)
{
    double sum = 0;
    (void)arg;
    if (reduce_rounds) {
#pragma omp parallel for reduction(+ : sum)
        for (long i = 0; i < reduce_n; i++)
            sum += reduce_number(i);
    } else {
        const double *x = reduce_x;
#pragma omp parallel for simd reduction(+ : sum)
        for (long i = 0; i < reduce_n; i++)
            sum += x[i];
    }
    reduce_result(sum, false);
}

static void run(void)
{
    repeat_run(loop, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = REDUCE(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

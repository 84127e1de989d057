#include "bench/openmp.h"
#include "bench/lopsided/lopsided.h"

static void task(long i)
{
    lopsided_work();
    if (!lopsided_has_inner(i))
        return;
    for (int j = 0; j < LOPSIDED_INNER; j++) {
#pragma omp task
        lopsided_work();
    }
#pragma omp taskwait
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    for (long i = 0; i < lopsided_n; i++) {
#pragma omp task firstprivate(i)
        task(i);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = LOPSIDED(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

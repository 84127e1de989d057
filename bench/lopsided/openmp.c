#include "bench/openmp.h"
#include "bench/lopsided/lopsided.h"

static void task(long i)
{
    lopsided_work(lopsided_has_inner(i));
    if (!lopsided_has_inner(i))
        return;
    for (int j = 0; j < LOPSIDED_INNER; j++) {
#pragma omp task
        lopsided_work(false);
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

static void init(unsigned workers)
{
    runtime_init(workers, 1);
    openmp_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = LOPSIDED(init, run);
    return bench_main(argc, argv, &bench);
}

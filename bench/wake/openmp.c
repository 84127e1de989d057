#include "bench/openmp.h"
#include "bench/wake/wake.h"

static void owner(void)
{
    for (long i = 0; i < wake_n; i++) {
        wake_idle();
#pragma omp task
        wake_start();
        wake_wait(i + 1);
    }
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    owner();
}

static void init(unsigned workers)
{
    runtime_init(workers, 2);
    openmp_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = WAKE(init, run);
    return bench_main(argc, argv, &bench);
}

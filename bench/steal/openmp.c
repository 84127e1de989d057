#include "bench/openmp.h"
#include "bench/steal/steal.h"

static void owner(void)
{
    steal_begin();
    for (long i = 0; i < steal_n; i++) {
#pragma omp task
        steal_start();
        steal_wait(i + 1);
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
    struct bench bench = STEAL(init, run);
    return bench_main(argc, argv, &bench);
}

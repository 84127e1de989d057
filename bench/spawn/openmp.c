#include "bench/openmp.h"
#include "bench/spawn/spawn.h"

static void run(void)
{
#pragma omp parallel
#pragma omp single
    for (long i = 0; i < spawn_n; i++) {
#pragma omp task
        spawn_task();
    }
}

int main(int argc, char **argv)
{
    struct bench bench = SPAWN(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

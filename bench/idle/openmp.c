#include "bench/openmp.h"
#include "bench/idle/idle.h"

static void run(void)
{
#pragma omp parallel
    idle_meet();
    idle_rest();
}

static void init(unsigned workers)
{
    runtime_init(workers, 1);
    openmp_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = IDLE(init, run);
    return bench_main(argc, argv, &bench);
}

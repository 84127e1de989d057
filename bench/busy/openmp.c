#include "bench/openmp.h"
#include "bench/busy/busy.h"

static void run(void)
{
    for (long i = 0; i < busy_n; i++) {
        busy_idle();
#pragma omp parallel
        busy_meet();
    }
}

static void init(unsigned workers)
{
    runtime_init(workers, 1);
    openmp_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = BUSY(init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/openmp.h"
#include "bench/open/open.h"

static void run(void)
{
    for (long i = 0; i < open_n; i++) {
#pragma omp parallel
        if (omp_get_thread_num() == 0)
            open_count++;
    }
}

int main(int argc, char **argv)
{
    struct bench bench = OPEN(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/openmp.h"
#include "bench/heat/heat.h"

static void run(void)
{
#pragma omp parallel
    for (long step = 0; step < heat_steps; step++) {
#pragma omp for schedule(static)
        for (long chunk = 0; chunk < heat_chunks(); chunk++)
            heat_leaf(step, chunk);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = HEAT(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

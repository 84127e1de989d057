#include "bench/openmp.h"
#include "bench/mandelbrot/mandelbrot.h"

static void run(void)
{
#pragma omp parallel for schedule(dynamic)
    for (long chunk = 0; chunk < mandelbrot_chunks(); chunk++)
        mandelbrot_leaf(chunk);
}

int main(int argc, char **argv)
{
    struct bench bench = MANDELBROT(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

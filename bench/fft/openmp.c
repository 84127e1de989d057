#include "bench/openmp.h"
#include "bench/fft/fft.h"

static void pass(struct fft_pass p)
{
    if (fft_small(&p)) {
        fft_step(&p);
        return;
    }
    struct fft_pass half = fft_cut(&p);
#pragma omp task firstprivate(half)
    pass(half);
    pass(p);
#pragma omp taskwait
}

static void fft(struct fft_number *values, long n)
{
    if (n <= fft_grain) {
        fft_leaf(values, n);
        return;
    }
    pass(fft_whole(values, n));
#pragma omp task firstprivate(values, n)
    fft(values, n / 2);
    fft(values + n / 2, n / 2);
#pragma omp taskwait
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    fft(fft_values, fft_n);
}

int main(int argc, char **argv)
{
    struct bench bench = FFT(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/tbb.hpp"
#include "bench/fft/fft.h"

static void pass(fft_pass p)
{
    tbb::task_group group;
    while (!fft_small(&p)) {
        fft_pass half = fft_cut(&p);
        group.run([half] { pass(half); });
    }
    fft_step(&p);
    group.wait();
}

static void fft(fft_number *values, long n)
{
    if (n <= fft_grain) {
        fft_leaf(values, n);
        return;
    }
    pass(fft_whole(values, n));
    tbb::task_group group;
    group.run([values, n] { fft(values, n / 2); });
    fft(values + n / 2, n / 2);
    group.wait();
}

static void run(void)
{
    tbb_arena->execute([] { fft(fft_values, fft_n); });
}

int main(int argc, char **argv)
{
    struct bench bench = FFT(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

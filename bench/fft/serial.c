#include "bench/serial.h"
#include "bench/fft/fft.h"

static void fft(struct fft_number *values, long n)
{
    if (n <= fft_grain) {
        fft_leaf(values, n);
        return;
    }
    struct fft_pass whole = fft_whole(values, n);
    fft_step(&whole);
    fft(values, n / 2);
    fft(values + n / 2, n / 2);
}

static void run(void)
{
    fft(fft_values, fft_n);
}

int main(int argc, char **argv)
{
    struct bench bench = FFT(serial_init, run);
    return bench_main(argc, argv, &bench);
}

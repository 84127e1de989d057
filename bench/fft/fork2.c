#include "bench/fft/fft.h"
#include "bench/taskscope.h"

struct part {
    struct fft_number *values;
    long n;
};

static int pass(struct scope *s, void *arg)
{
    struct fft_pass low = *(struct fft_pass *)arg;
    if (fft_small(&low)) {
        fft_step(&low);
        return 0;
    }
    struct fft_pass high = fft_cut(&low);
    return scope_fork2(s, pass, &high, pass, &low);
}

static int fft(struct scope *s, void *arg)
{
    const struct part *part = arg;
    long n = part->n;
    if (n <= fft_grain) {
        fft_leaf(part->values, n);
        return 0;
    }
    struct fft_pass whole = fft_whole(part->values, n);
    struct part half[2] = {{part->values, n / 2}, {part->values + n / 2, n / 2}};
    int status = pass(s, &whole);
    return status == SCOPE_OK ? scope_fork2(s, fft, &half[0], fft, &half[1]) : status;
}

static void run(void)
{
    struct part whole = {fft_values, fft_n};
    (void)scope_run(fft, &whole);
}

int main(int argc, char **argv)
{
    struct bench bench = FFT(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

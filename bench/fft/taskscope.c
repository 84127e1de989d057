#include "bench/taskscope.h"
#include "bench/fft/fft.h"

struct part {
    struct fft_number *values;
    long n;
};

static int fft(struct scope *s, void *arg);

static int pass(struct scope *s, void *arg)
{
    struct fft_pass p = *(struct fft_pass *)arg;
    while (!fft_small(&p)) {
        struct fft_pass half = fft_cut(&p);
        (void)scope_spawn_copy(s, pass, &half, sizeof(half));
    }
    fft_step(&p);
    return 0;
}

static int halves(struct scope *s, void *arg)
{
    struct part *half = arg;
    (void)scope_spawn(s, fft, &half[0]);
    return fft(s, &half[1]);
}

static int fft(struct scope *s, void *arg)
{
    struct part *part = arg;
    long n = part->n;
    (void)s;
    if (n <= fft_grain) {
        fft_leaf(part->values, n);
        return 0;
    }
    struct fft_pass whole = fft_whole(part->values, n);
    struct part half[2] = {{part->values, n / 2}, {part->values + n / 2, n / 2}};
    int status = scope_run(pass, &whole);
    return status == SCOPE_OK ? scope_run(halves, half) : status;
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

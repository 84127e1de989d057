#include "bench/fft/fft.h"
#include "bench/taskscope.h"

struct part {
    struct fft_number *values;
    long n;
};

SCOPE_TASK(int, pass, struct fft_pass);
SCOPE_TASK(int, fft, struct part);

/* Each second half is a fork, until what is left of them all is small. */
static inline int pass(struct scope_strand strand, struct fft_pass p)
{
    int forks = 0;
    for (; !fft_small(&p); forks++)
        pass_fork(&strand, fft_cut(&p));
    fft_step(&p);
    for (; forks > 0; forks--)
        (void)pass_join(&strand);
    return 0;
}

static inline int fft(struct scope_strand strand, struct part part)
{
    long half = part.n / 2;
    if (part.n <= fft_grain) {
        fft_leaf(part.values, part.n);
        return 0;
    }
    (void)pass(strand, fft_whole(part.values, part.n));
    fft_fork(&strand, (struct part){part.values, half});
    (void)fft(strand, (struct part){part.values + half, half});
    return fft_join(&strand);
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    return fft_call(s, (struct part){fft_values, fft_n});
}

static void run(void)
{
    (void)scope_run(body, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = FFT(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

/* Fourier transform of N complex numbers in place, by decimation in frequency: one pass over the whole, cut in two
 * until it has at most GRAIN steps, then the two halves, of which one is a task.  Up to GRAIN numbers are transformed
 * serially.  The result is left in bit-reversed order, as for a convolution.  Parameters: N, GRAIN, both powers of
 * two. */
#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FFT_PI 3.141592653589793
#define FFT_LOOP 1024 /* a serial transform of more numbers is split, as it would not fit in the nearest cache */
#define FFT_ERROR 1e-7

struct fft_number {
    double re, im;
};

/* Steps of a pass over 2 half numbers. */
struct fft_pass {
    struct fft_number *values;
    long half, first, last;
};

static struct fft_number *fft_input, *fft_values;
static struct fft_number *fft_twiddles; /* from h to 2h - 1: for a pass over 2h numbers */
static long fft_n, fft_grain;

static inline struct fft_number *fft_new(long n)
{
    struct fft_number *values = (struct fft_number *)aligned_alloc(64, sizeof(struct fft_number) * ((size_t)n + 4));
    if (!values) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return values;
}

/* A root of unity: by so many of N steps of a turn, backwards. */
static inline struct fft_number fft_root(long steps)
{
    struct fft_number w = fft_twiddles[fft_n / 2 + steps % (fft_n / 2)];
    return steps % fft_n < fft_n / 2 ? w : (struct fft_number){-w.re, -w.im};
}

static void fft_setup_twiddles(void)
{
    for (long k = 0, h = fft_n / 2; k < h; k++) {
        double angle = -FFT_PI * (double)k / (double)h;
        fft_twiddles[h + k] = (struct fft_number){cos(angle), sin(angle)};
    }
    for (long i = fft_n / 2 - 1; i > 0; i--)
        fft_twiddles[i] = fft_twiddles[2 * i];
}

/* The input is a damped wave, since the transform of that is known and is 0 nowhere. */
static void fft_setup(const long *value)
{
    fft_n = value[0];
    fft_grain = value[1];
    if (fft_n < 4 || (fft_n & (fft_n - 1)) || fft_grain < 2 || (fft_grain & (fft_grain - 1))) {
        fprintf(stderr, "N and GRAIN must be powers of two, N from 4 and GRAIN from 2\n");
        exit(2);
    }
    fft_input = fft_new(fft_n);
    fft_values = fft_new(fft_n);
    fft_twiddles = fft_new(fft_n);
    fft_setup_twiddles();
    for (long j = 0; j < fft_n; j++) {
        struct fft_number w = fft_root(fft_n - fft_n / 3 * j % fft_n);
        double size = exp(-(double)j / (double)fft_n);
        fft_input[j] = (struct fft_number){size * w.re, size * w.im};
    }
}

static void fft_reset(void)
{
    memcpy(fft_values, fft_input, sizeof(struct fft_number) * (size_t)fft_n);
}

/* Steps of a pass: a and b become a + b and (a - b) w. */
static inline void fft_steps(const struct fft_pass *p)
{
    struct fft_number *__restrict low = p->values, *__restrict high = low + p->half;
    const struct fft_number *__restrict w = fft_twiddles + p->half;
    for (long k = p->first; k < p->last; k++) {
        struct fft_number a = low[k], b = high[k], d = {a.re - b.re, a.im - b.im};
        low[k] = (struct fft_number){a.re + b.re, a.im + b.im};
        high[k] = (struct fft_number){d.re * w[k].re - d.im * w[k].im, d.re * w[k].im + d.im * w[k].re};
    }
}

/* The kernels: steps, and a serial transform.  Not inlined, so that the code is the same in all programs of a
 * compiler. */
__attribute__((noinline, unused)) static void fft_step(const struct fft_pass *p)
{
    fft_steps(p);
}

__attribute__((noinline, unused)) static void fft_leaf(struct fft_number *values, long n)
{
    if (n > FFT_LOOP) {
        struct fft_pass whole = {values, n / 2, 0, n / 2};
        fft_steps(&whole);
        fft_leaf(values, n / 2);
        fft_leaf(values + n / 2, n / 2);
        return;
    }
    for (long h = n / 2; h > 0; h /= 2)
        for (long i = 0; i < n; i += 2 * h) {
            struct fft_pass part = {values + i, h, 0, h};
            fft_steps(&part);
        }
}

static inline struct fft_pass fft_whole(struct fft_number *values, long n)
{
    return (struct fft_pass){values, n / 2, 0, n / 2};
}

static inline bool fft_small(const struct fft_pass *p)
{
    return p->last - p->first <= fft_grain;
}

/* Cuts a part of a pass: returns its second half and leaves the first. */
static inline struct fft_pass fft_cut(struct fft_pass *p)
{
    struct fft_pass half = *p;
    p->last = half.first = p->first + (p->last - p->first) / 2;
    return half;
}

/* Whether this is number k of the transform of (r w)^j, which is (1 - r^n) / (1 - r w^(k - m)), m being the wave's. */
static inline bool fft_right(struct fft_number value, long k)
{
    struct fft_number w = fft_root(k + fft_n - fft_n / 3);
    double r = exp(-1 / (double)fft_n), re = 1 - r * w.re, im = r * w.im, scale = (1 - exp(-1)) / (re * re + im * im);
    double error = fabs(value.re - scale * re) + fabs(value.im - scale * im);
    return error <= FFT_ERROR * (1 + scale * (fabs(re) + fabs(im)));
}

/* Goes through the values and, in bit-reversed order, the numbers of the transform. */
static bool fft_verify(void)
{
    bool good = true;
    for (long i = 0, k = 0; i < fft_n; i++) {
        long bit = fft_n / 2;
        good = good && fft_right(fft_values[i], k);
        for (; k & bit; bit /= 2)
            k -= bit;
        k += bit;
    }
    return good;
}

static uint64_t fft_count(long n)
{
    long parts = n / 2 > fft_grain ? n / 2 / fft_grain : 1;
    return n <= fft_grain ? 0 : (uint64_t)parts + 2 * fft_count(n / 2);
}

/* One less than a pass has parts, and one of the two halves. */
static uint64_t fft_tasks(void)
{
    return fft_count(fft_n);
}

#define FFT(init_, run_)                                                                                    \
    (struct bench)                                                                                          \
    {                                                                                                       \
        .name = "fft", .parameters = "N GRAIN", .parameters_count = 2, .init = (init_), .setup = fft_setup, \
        .reset = fft_reset, .run = (run_), .verify = fft_verify, .tasks = fft_tasks                         \
    }

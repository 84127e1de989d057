/* The Mandelbrot set: a picture of SIZE by SIZE points, at most ITERATIONS each, a parallel loop over chunks of GRAIN
 * rows of very uneven cost.  Parameters: SIZE, ITERATIONS, GRAIN. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t *mandelbrot_counts;
static long mandelbrot_size, mandelbrot_iterations, mandelbrot_grain;
static uint64_t mandelbrot_expected;

static inline long mandelbrot_chunks(void)
{
    return (mandelbrot_size + mandelbrot_grain - 1) / mandelbrot_grain;
}

/* How many iterations it takes x + iy to leave the circle of radius 2. */
static inline uint32_t mandelbrot_point(double x, double y)
{
    double a = 0, b = 0, aa = 0, bb = 0;
    uint32_t count = 0;
    for (; count < mandelbrot_iterations && aa + bb <= 4; count++) {
        b = 2 * a * b + y;
        a = aa - bb + x;
        aa = a * a;
        bb = b * b;
    }
    return count;
}

/* The kernel: one chunk of rows.  Not inlined, so that its code is the same in all programs of a compiler. */
__attribute__((noinline)) static void mandelbrot_leaf(long chunk)
{
    long size = mandelbrot_size, first = chunk * mandelbrot_grain;
    long last = first + mandelbrot_grain < size ? first + mandelbrot_grain : size;
    for (long i = first; i < last; i++)
        for (long j = 0; j < size; j++)
            mandelbrot_counts[i * size + j] =
                mandelbrot_point(2.5 * (double)j / (double)size - 2, 2.5 * (double)i / (double)size - 1.25);
}

static uint64_t mandelbrot_checksum(void)
{
    uint64_t sum = 0;
    for (long i = 0; i < mandelbrot_size * mandelbrot_size; i++)
        sum = sum * 0x9e3779b97f4a7c15u + mandelbrot_counts[i];
    return sum;
}

static void mandelbrot_reset(void)
{
    memset(mandelbrot_counts, 0, sizeof(uint32_t) * (size_t)(mandelbrot_size * mandelbrot_size));
}

/* Makes the picture once, serially, for the checksum. */
static void mandelbrot_setup(const long *value)
{
    mandelbrot_size = value[0];
    mandelbrot_iterations = value[1];
    mandelbrot_grain = value[2] > 0 ? value[2] : 1;
    mandelbrot_counts = (uint32_t *)calloc((size_t)(mandelbrot_size * mandelbrot_size) + 1, sizeof(uint32_t));
    if (!mandelbrot_counts) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    for (long chunk = 0; chunk < mandelbrot_chunks(); chunk++)
        mandelbrot_leaf(chunk);
    mandelbrot_expected = mandelbrot_checksum();
}

static bool mandelbrot_verify(void)
{
    return mandelbrot_checksum() == mandelbrot_expected;
}

/* One for each chunk. */
static uint64_t mandelbrot_tasks(void)
{
    return (uint64_t)mandelbrot_chunks();
}

#define MANDELBROT(init_, run_)                                                                              \
    (struct bench)                                                                                           \
    {                                                                                                        \
        .name = "mandelbrot", .parameters = "SIZE ITERATIONS GRAIN", .parameters_count = 3, .init = (init_), \
        .setup = mandelbrot_setup, .reset = mandelbrot_reset, .run = (run_), .verify = mandelbrot_verify,    \
        .tasks = mandelbrot_tasks                                                                            \
    }

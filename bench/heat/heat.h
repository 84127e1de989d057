/* Heat on a square plate: STEPS steps of the five-point stencil on N by N points, each step a parallel loop over chunks
 * of GRAIN rows.  The plate starts as an eigenmode of the stencil, so that a step multiplies it by a known factor.
 * Parameters: N, STEPS, GRAIN. */
#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAT_LINE 8 /* doubles in a cache line; rows begin with one, and have more than one after them */
#define HEAT_ANGLE (3.141592653589793 / (double)(heat_n + 1))
#define HEAT_ROW_WAVES 3 /* half waves of the mode */
#define HEAT_COLUMN_WAVES 5
#define HEAT_ERROR 1e-11

/* The plate at even and at odd steps; its edge, a row or a column on each side, stays 0. */
static double *heat_plate[2];
static long heat_n, heat_steps, heat_grain, heat_stride;

static inline double *heat_row(long step, long row)
{
    return heat_plate[step & 1] + (row + 1) * heat_stride + HEAT_LINE;
}

static double *heat_new(void)
{
    size_t size = sizeof(double) * (size_t)(heat_n + 2) * (size_t)heat_stride;
    double *plate = (double *)aligned_alloc(64, size);
    if (!plate) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    memset(plate, 0, size);
    return plate;
}

static void heat_setup(const long *value)
{
    heat_n = value[0];
    heat_steps = value[1];
    heat_grain = value[2] > 0 ? value[2] : 1;
    heat_stride = (heat_n + 3 * HEAT_LINE) / HEAT_LINE * HEAT_LINE;
    heat_plate[0] = heat_new();
    heat_plate[1] = heat_new();
}

/* The mode at a row and a column is the product of two of these. */
static inline double heat_wave(long place, int waves)
{
    return sin(HEAT_ANGLE * waves * (double)(place + 1));
}

static void heat_reset(void)
{
    for (long j = 0; j < heat_n; j++)
        heat_row(0, 0)[j] = heat_wave(j, HEAT_COLUMN_WAVES);
    for (long i = heat_n - 1; i >= 0; i--) {
        double height = heat_wave(i, HEAT_ROW_WAVES);
        for (long j = 0; j < heat_n; j++) {
            heat_row(0, i)[j] = height * heat_row(0, 0)[j];
            heat_row(1, i)[j] = 0;
        }
    }
}

static inline long heat_chunks(void)
{
    return (heat_n + heat_grain - 1) / heat_grain;
}

/* The kernel: one chunk of rows by one step.  Not inlined, so that its code is the same in all programs of a
 * compiler. */
__attribute__((noinline, unused)) static void heat_leaf(long step, long chunk)
{
    long first = chunk * heat_grain, n = heat_n, stride = heat_stride;
    long last = first + heat_grain < n ? first + heat_grain : n;
    for (long i = first; i < last; i++) {
        const double *__restrict from = heat_row(step, i);
        double *__restrict to = heat_row(step + 1, i);
        for (long j = 0; j < n; j++)
            to[j] = 0.25 * (from[j - stride] + from[j + stride] + from[j - 1] + from[j + 1]);
    }
}

static bool heat_verify(void)
{
    double step = 0.5 * (cos(HEAT_ANGLE * HEAT_ROW_WAVES) + cos(HEAT_ANGLE * HEAT_COLUMN_WAVES));
    double factor = pow(step, (double)heat_steps);
    bool good = true;
    for (long j = 0; j < heat_n; j++) {
        double height = factor * heat_wave(j, HEAT_COLUMN_WAVES);
        for (long i = 0; i < heat_n; i += j % 16 ? 16 : 1) /* every row, if not every point */
            good = good && fabs(heat_row(heat_steps, i)[j] - height * heat_wave(i, HEAT_ROW_WAVES)) <= HEAT_ERROR;
    }
    return good;
}

/* One for each chunk and step. */
static uint64_t heat_tasks(void)
{
    return (uint64_t)(heat_steps * heat_chunks());
}

#define HEAT(init_, run_)                                                                                           \
    (struct bench)                                                                                                  \
    {                                                                                                               \
        .name = "heat", .parameters = "N STEPS GRAIN", .parameters_count = 3, .init = (init_), .setup = heat_setup, \
        .reset = heat_reset, .run = (run_), .verify = heat_verify, .tasks = heat_tasks                              \
    }

/* The sum of N numbers, which cost COST picoseconds each, repeated.  Parameters: N; COST and VARIANT as in
 * bench/loop/loop.h, but below 1000 the numbers are just there. */
#include "bench/repeat.h"

#include <math.h>

#define REDUCE_LANES 16 /* what a vectorised sum needs to be as fast as memory */

static double *reduce_x;
static long reduce_n, reduce_variant;
static uint64_t reduce_rounds;
static double reduce_sum, reduce_first, reduce_expected;
static bool reduce_good;

/* Number i; not all of them sum up without rounding. */
static inline double reduce_number(long i)
{
    return reduce_rounds ? 0x1p-64 * (double)item_work((uint64_t)i, reduce_rounds) : reduce_x[i];
}

static void reduce_setup(const long *value)
{
    long double sum = 0;
    reduce_n = value[0] > 0 ? value[0] : 1;
    reduce_rounds = item_rounds(value[1]);
    reduce_variant = value[2];
    repeat_setup(0);
    reduce_x = (double *)repeat_memory(reduce_n);
    for (long i = 0; i < reduce_n; i++) {
        reduce_x[i] = 1 / (double)(1 + i % 1000);
        sum += reduce_number(i);
    }
    reduce_expected = (double)sum;
    reduce_good = true;
}

/* At least REDUCE_LANES numbers that are just there.  Vectorised by hand, so that no program needs leave to change the
 * order of additions. */
static inline double reduce_lanes(const double *x, long n)
{
    double lane[REDUCE_LANES] = {0}, sum = 0;
    long i = 0;
    for (; i + REDUCE_LANES <= n; i += REDUCE_LANES)
        for (long k = 0; k < REDUCE_LANES; k++)
            lane[k] += x[i + k];
    for (; i < n; i++)
        sum += x[i];
    for (long half = REDUCE_LANES / 2; half; half /= 2)
        for (long k = 0; k < half; k++)
            lane[k] += lane[k + half];
    return sum + lane[0];
}

/* The serial sum. */
__attribute__((noinline, unused)) static double reduce_items(long begin, long end)
{
    double sum = 0;
    if (!reduce_rounds && end - begin >= REDUCE_LANES)
        return reduce_lanes(reduce_x + begin, end - begin);
    for (long i = begin; i < end; i++)
        sum += reduce_number(i);
    return sum;
}

/* A loop had this sum.  exact: it must have the same bits each time. */
static inline void reduce_result(double sum, bool exact)
{
    if (reduce_sum == 0)
        reduce_first = sum;
    reduce_sum = sum;
    reduce_good = reduce_good && (!exact || sum == reduce_first);
}

static bool reduce_verify(void)
{
    return reduce_good && fabs(reduce_sum - reduce_expected) <= 1e-10 * reduce_expected;
}

#define REDUCE(init_, run_)                                                                               \
    (struct bench)                                                                                        \
    {                                                                                                     \
        .name = "reduce", .parameters = "N COST VARIANT", .parameters_count = 3, .init = (init_),         \
        .setup = reduce_setup, .reset = 0, .run = (run_), .verify = reduce_verify, .tasks = repeat_tasks, \
        .seconds = repeat_seconds                                                                         \
    }

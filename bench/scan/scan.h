/* The inclusive prefix sums of N doubles, repeated.  Parameters: N, VARIANT. */
#include "bench/repeat.h"

#include <math.h>
#include <string.h>

#define SCAN_PARTS_MOST 256 /* of the two passes that are written by hand */

static double *scan_x, *scan_y;
static long scan_n, scan_variant;

static void scan_setup(const long *value)
{
    scan_n = value[0] > 0 ? value[0] : 1;
    scan_variant = value[1];
    repeat_setup(0);
    scan_x = (double *)repeat_memory(scan_n);
    scan_y = (double *)repeat_memory(scan_n);
    for (long i = 0; i < scan_n; i++)
        scan_x[i] = 1 / (double)(1 + i % 1000);
}

static void scan_reset(void)
{
    memset(scan_y, 0, sizeof(double) * (size_t)scan_n);
}

/* Adds the items to sum and returns it. */
__attribute__((noinline, unused)) static double scan_sum(long begin, long end, double sum)
{
    for (long i = begin; i < end; i++)
        sum += scan_x[i];
    return sum;
}

/* The serial scan: also writes the results. */
__attribute__((noinline, unused)) static double scan_items(long begin, long end, double sum)
{
    const double *x = scan_x;
    double *y = scan_y;
    for (long i = begin; i < end; i++)
        y[i] = sum += x[i];
    return sum;
}

/* What part, of so many, begins with. */
static inline long scan_cut(long part, long parts)
{
    return (long)((double)scan_n * (double)part / (double)parts);
}

static bool scan_verify(void)
{
    long double sum = 0;
    bool good = true;
    for (long i = 0; i < scan_n; i++) {
        sum += scan_x[i];
        good &= fabs(scan_y[i] - (double)sum) <= 1e-9 * (double)sum;
    }
    return good;
}

#define SCAN(init_, run_)                                                                                           \
    (struct bench)                                                                                                  \
    {                                                                                                               \
        .name = "scan", .parameters = "N VARIANT", .parameters_count = 2, .init = (init_), .setup = scan_setup,     \
        .reset = scan_reset, .run = (run_), .verify = scan_verify, .tasks = repeat_tasks, .seconds = repeat_seconds \
    }

/* The area below (x * x + 1) * x from 0 to N by adaptive quadrature: an interval is halved until the trapezes of its
 * halves agree with its own to 10^-DIGITS.  A task per halving, which does almost nothing else.
 * Parameters: N, DIGITS. */
#include "bench/bench.h"

#include <math.h>
#include <string.h>

/* All compilers are to get the same bits, as Rust does: no multiplication fused with an addition. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

/* The middle of an interval, and the trapezes left and right of it. */
struct integrate_cut {
    double x, y, left, right;
};

static double integrate_n, integrate_epsilon, integrate_result, integrate_expected;
static uint64_t integrate_forks;

static inline double integrate_f(double x)
{
    return (x * x + 1) * x;
}

static inline struct integrate_cut integrate_cut(double x1, double y1, double x2, double y2)
{
    double half = (x2 - x1) / 2, x = x1 + half, y = integrate_f(x);
    return (struct integrate_cut){x, y, (y1 + y) / 2 * half, (y + y2) / 2 * half};
}

/* The trapeze of an interval; the same bits as it had as a half, as halving a whole number up to 40 times rounds nothing. */
static inline double integrate_area(double x1, double y1, double x2, double y2)
{
    return (y1 + y2) / 2 * (x2 - x1);
}

/* Whether the cut is fine enough; area: the trapeze of the whole interval. */
static inline bool integrate_fine(struct integrate_cut cut, double area)
{
    return fabs(cut.left + cut.right - area) < integrate_epsilon;
}

/* Integrates serially and counts the tasks that a parallel run has. */
static double integrate_reference(double x1, double y1, double x2, double y2, double area)
{
    struct integrate_cut cut = integrate_cut(x1, y1, x2, y2);
    if (integrate_fine(cut, area))
        return cut.left + cut.right;
    integrate_forks++;
    return integrate_reference(x1, y1, cut.x, cut.y, cut.left) + integrate_reference(cut.x, cut.y, x2, y2, cut.right);
}

static void integrate_setup(const long *value)
{
    integrate_n = (double)value[0];
    integrate_epsilon = 1;
    for (long i = 0; i < value[1]; i++)
        integrate_epsilon /= 10;
    integrate_forks = 0;
    integrate_expected = integrate_reference(0, 0, integrate_n, integrate_f(integrate_n), 0);
}

/* The same bits as the serial reference, and near the closed form: an epsilon per interval, and rounding. */
static bool integrate_verify(void)
{
    double n = integrate_n, closed = (n * n / 4 + 0.5) * n * n;
    double error = integrate_epsilon * (double)(integrate_forks + 1) + 1e-12 * closed;
    bool good = memcmp(&integrate_result, &integrate_expected, sizeof(integrate_result)) == 0 &&
                fabs(integrate_result - closed) <= error;
    integrate_result = -1;
    return good;
}

/* One for each interval that was halved. */
static uint64_t integrate_tasks(void)
{
    return integrate_forks;
}

#define INTEGRATE(init_, run_)                                                                                    \
    (struct bench)                                                                                                \
    {                                                                                                             \
        .name = "integrate", .parameters = "N DIGITS", .parameters_count = 2, .init = (init_),                    \
        .setup = integrate_setup, .reset = 0, .run = (run_), .verify = integrate_verify, .tasks = integrate_tasks \
    }

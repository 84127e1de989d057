/* Coarse tasks, some of which have more below: TASKS in one scope, each of MICROSECONDS, of which every tenth then
 * opens a scope of its own with ten tasks as long.  The ideal time is that of all tasks, as the serial program takes
 * it, by the number of workers.  Parameters: TASKS, MICROSECONDS. */
#include "bench/runtime/runtime.h"

#define LOPSIDED_INNER 10     /* tasks of an inner scope */
#define LOPSIDED_STEPS 200000 /* timed at once, about a millisecond */
#define LOPSIDED_TRIES 5

static long lopsided_n, lopsided_steps, lopsided_done;

/* Computes for so many steps, each of which needs the one before. */
__attribute__((noinline)) static void lopsided_compute(long steps)
{
    uint64_t state = 1;
    for (long i = 0; i < steps; i++)
        state = bench_random(&state);
    __asm__ volatile("" : : "r"(state));
}

/* Seconds of a step: the least of some tries, by the time of the thread. */
static double lopsided_calibrate(void)
{
    double least = 1;
    for (int i = 0; i < LOPSIDED_TRIES; i++) {
        double start = runtime_clock(CLOCK_THREAD_CPUTIME_ID);
        lopsided_compute(LOPSIDED_STEPS);
        double seconds = (runtime_clock(CLOCK_THREAD_CPUTIME_ID) - start) / LOPSIDED_STEPS;
        least = seconds < least ? seconds : least;
    }
    return least;
}

static void lopsided_setup(const long *value)
{
    lopsided_n = value[0];
    lopsided_steps = (long)(1e-6 * (double)value[1] / lopsided_calibrate());
}

/* A task but for its inner scope. */
static inline void lopsided_work(void)
{
    lopsided_compute(lopsided_steps);
    (void)runtime_increment(&lopsided_done);
}

static inline bool lopsided_has_inner(long i)
{
    return i % 10 == 9;
}

static uint64_t lopsided_tasks(void)
{
    return (uint64_t)(lopsided_n + lopsided_n / 10 * LOPSIDED_INNER);
}

static bool lopsided_verify(void)
{
    bool good = lopsided_done == (long)lopsided_tasks();
    lopsided_done = 0;
    return good;
}

#define LOPSIDED(init_, run_)                                                                                  \
    (struct bench)                                                                                             \
    {                                                                                                          \
        .name = "lopsided", .parameters = "TASKS MICROSECONDS", .parameters_count = 2, .init = (init_),        \
        .setup = lopsided_setup, .reset = 0, .run = (run_), .verify = lopsided_verify, .tasks = lopsided_tasks \
    }

/* Coarse tasks, some of which have more below: TASKS in one scope, each of MICROSECONDS, of which every tenth then
 * opens a scope of its own with ten tasks as long.  The ideal time is that of all tasks, as the serial program takes
 * it, by the number of workers.  Also for how long, at most, fewer tasks ran than there are workers while others were spawned and not
 * begun.  Parameters: TASKS, MICROSECONDS. */
#include "bench/runtime/runtime.h"

#include <stdlib.h>

#define LOPSIDED_INNER 10     /* tasks of an inner scope */
#define LOPSIDED_STEPS 200000 /* timed at once, about a millisecond */
#define LOPSIDED_TRIES 5

/* A task begins or ends. */
struct lopsided_event {
    double at;
    int running, waiting; /* so many more tasks run, and are spawned but not begun */
};

static long lopsided_n, lopsided_steps, lopsided_done;
static struct lopsided_event *lopsided_events;
static long lopsided_events_count;
static double lopsided_idle; /* seconds; of all runs but the first, which warms up */
static bool lopsided_warm;

static void lopsided_event_add(int running, int waiting)
{
    long i = runtime_increment(&lopsided_events_count) - 1;
    lopsided_events[i] = (struct lopsided_event){runtime_now(), running, waiting};
}

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
    lopsided_events =
        (struct lopsided_event *)calloc((size_t)(lopsided_n * (2 + 2 * LOPSIDED_INNER) + 1), sizeof(*lopsided_events));
    if (!lopsided_events) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
}

/* Before a run; the tasks of the outer scope count as spawned from now on. */
static void lopsided_reset(void)
{
    lopsided_events_count = 0;
    lopsided_event_add(0, (int)lopsided_n);
}

/* A task, but for its inner scope: if it has one, it is opened afterwards. */
static inline void lopsided_work(bool has_inner)
{
    lopsided_event_add(1, -1);
    lopsided_compute(lopsided_steps);
    lopsided_event_add(-1, has_inner ? LOPSIDED_INNER : 0);
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

static int lopsided_event_compare(const void *a, const void *b)
{
    double x = ((const struct lopsided_event *)a)->at, y = ((const struct lopsided_event *)b)->at;
    return (x > y) - (x < y);
}

/* The longest time for which a worker had nothing to do while a task waited. */
static double lopsided_longest_idle(void)
{
    struct lopsided_event *event = lopsided_events, *end = event + lopsided_events_count;
    double longest = 0, since = 0;
    long running = 0, waiting = 0;
    qsort(event, (size_t)(end - event), sizeof(*event), lopsided_event_compare);
    for (bool idle = false; event < end; event++) {
        if (idle && event->at - since > longest)
            longest = event->at - since;
        running += event->running;
        waiting += event->waiting;
        bool before = idle;
        idle = running < (long)runtime_workers && waiting > 0;
        if (!before)
            since = event->at;
    }
    return longest;
}

static double lopsided_idle_us(void)
{
    return 1e6 * lopsided_idle;
}

static bool lopsided_verify(void)
{
    bool good = lopsided_done == (long)lopsided_tasks();
    double idle = lopsided_longest_idle();
    if (lopsided_warm && idle > lopsided_idle)
        lopsided_idle = idle;
    lopsided_warm = true;
    lopsided_done = 0;
    return good;
}

#define LOPSIDED(init_, run_)                                                                           \
    (struct bench)                                                                                      \
    {                                                                                                   \
        .name = "lopsided", .parameters = "TASKS MICROSECONDS", .parameters_count = 2, .init = (init_), \
        .setup = lopsided_setup, .reset = lopsided_reset, .run = (run_), .verify = lopsided_verify,     \
        .tasks = lopsided_tasks, .figure = "idle_us", .figure_value = lopsided_idle_us                  \
    }

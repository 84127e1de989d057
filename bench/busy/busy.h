/* How long it takes until all workers of an idle pool are at work at the same time: N rounds, each of which begins a scope in
 * which each worker is to run one task, and the tasks meet ten times, so that two that share a core, by turns, take long.  Only the
 * time until the last meeting counts, not that of 2 ms before a round in which the pool has nothing to do.  Parameters: N. */
#include "bench/runtime/runtime.h"

#define BUSY_IDLE 2 /* ms */
#define BUSY_MEETINGS 10

static long busy_n, busy_rounds;
static double busy_begun, busy_total;

static void busy_setup(const long *value)
{
    busy_n = value[0];
}

static void busy_reset(void)
{
    busy_rounds = 0;
    busy_total = 0;
}

/* Before a round. */
static inline void busy_idle(void)
{
    runtime_sleep(BUSY_IDLE);
    runtime_here = 0;
    busy_begun = runtime_now();
}

/* The task. */
static inline void busy_meet(void)
{
    long last = (long)runtime_workers * BUSY_MEETINGS, here = 0;
    for (long i = 1; i <= BUSY_MEETINGS; i++) {
        here = runtime_increment(&runtime_here);
        runtime_compute(&runtime_here, (long)runtime_workers * i);
    }
    if (here == last) {
        busy_total += runtime_now() - busy_begun;
        busy_rounds++;
    }
}

static bool busy_verify(void)
{
    return busy_rounds == busy_n;
}

/* One for each round. */
static uint64_t busy_tasks(void)
{
    return (uint64_t)busy_n;
}

static double busy_seconds(void)
{
    return busy_total;
}

#define BUSY(init_, run_)                                                                                       \
    (struct bench)                                                                                              \
    {                                                                                                           \
        .name = "busy", .parameters = "N", .parameters_count = 1, .init = (init_), .setup = busy_setup,         \
        .reset = busy_reset, .run = (run_), .verify = busy_verify, .tasks = busy_tasks, .seconds = busy_seconds \
    }

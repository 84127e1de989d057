/* How long it takes from making a task available until a worker starts it, while all other workers have had nothing to
 * do for 2 ms, which not every runtime takes as a reason to sleep.  N rounds, in each of which the owner waits so long,
 * spawns a task and computes until somebody else has started it.  Only the time from before the spawn to the start counts.
 * Parameters: N. */
#include "bench/runtime/runtime.h"

#include <pthread.h>

#define WAKE_IDLE 2 /* ms */

static long wake_n, wake_started, wake_stolen;
static double wake_spawned, wake_total;
static pthread_t wake_owner;

static void wake_setup(const long *value)
{
    wake_n = value[0];
}

static void wake_reset(void)
{
    wake_started = wake_stolen = 0;
    wake_total = 0;
}

/* The owner, before a spawn. */
static inline void wake_idle(void)
{
    wake_owner = pthread_self();
    runtime_sleep(WAKE_IDLE);
    wake_spawned = runtime_now();
}

/* The task. */
static inline void wake_start(void)
{
    wake_total += runtime_now() - wake_spawned;
    wake_stolen += !pthread_equal(pthread_self(), wake_owner);
    (void)runtime_increment(&wake_started);
}

/* The owner, after a spawn: so many tasks must have started. */
static inline void wake_wait(long tasks)
{
    runtime_compute(&wake_started, tasks);
}

static bool wake_verify(void)
{
    return wake_stolen == wake_n;
}

static uint64_t wake_tasks(void)
{
    return (uint64_t)wake_n;
}

static double wake_seconds(void)
{
    return wake_total;
}

#define WAKE(init_, run_)                                                                                       \
    (struct bench)                                                                                              \
    {                                                                                                           \
        .name = "wake", .parameters = "N", .parameters_count = 1, .init = (init_), .setup = wake_setup,         \
        .reset = wake_reset, .run = (run_), .verify = wake_verify, .tasks = wake_tasks, .seconds = wake_seconds \
    }

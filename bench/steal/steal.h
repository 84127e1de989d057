/* How long it takes from making a task available until an idle worker starts it: N rounds, in each of which a task is
 * spawned by the owner, who then spins until somebody else has started it.  The time is that of a whole round, the news
 * to the owner included.  Parameters: N. */
#include "bench/runtime/runtime.h"

#include <pthread.h>

static long steal_n, steal_started, steal_stolen;
static pthread_t steal_owner;

static void steal_setup(const long *value)
{
    steal_n = value[0];
}

static void steal_reset(void)
{
    steal_started = steal_stolen = 0;
}

/* The owner calls this first. */
static inline void steal_begin(void)
{
    steal_owner = pthread_self();
}

/* The task. */
static inline void steal_start(void)
{
    steal_stolen += !pthread_equal(pthread_self(), steal_owner);
    (void)runtime_increment(&steal_started);
}

/* The owner, after a spawn: so many tasks must have started. */
static inline void steal_wait(long tasks)
{
    runtime_wait(&steal_started, tasks);
}

static bool steal_verify(void)
{
    return steal_stolen == steal_n;
}

static uint64_t steal_tasks(void)
{
    return (uint64_t)steal_n;
}

#define STEAL(init_, run_)                                                                                \
    (struct bench)                                                                                        \
    {                                                                                                     \
        .name = "steal", .parameters = "N", .parameters_count = 1, .init = (init_), .setup = steal_setup, \
        .reset = steal_reset, .run = (run_), .verify = steal_verify, .tasks = steal_tasks                 \
    }

/* How much CPU time an idle pool takes: all workers are brought to run a task at once, and then there is nothing to do
 * for so many MILLISECONDS.  The seconds are those of CPU time that the process takes meanwhile, and a task is a
 * millisecond: a core that is kept busy is 1e6 ns per task.  Parameters: MILLISECONDS. */
#include "bench/runtime/runtime.h"

static long idle_milliseconds, idle_meetings;
static double idle_used;

static void idle_setup(const long *value)
{
    idle_milliseconds = value[0];
}

static void idle_reset(void)
{
    runtime_here = 0;
}

/* The task. */
static inline void idle_meet(void)
{
    if (runtime_meet())
        idle_meetings++;
}

/* After the scope. */
static inline void idle_rest(void)
{
    double start = runtime_clock(CLOCK_PROCESS_CPUTIME_ID);
    runtime_sleep(idle_milliseconds);
    idle_used = runtime_clock(CLOCK_PROCESS_CPUTIME_ID) - start;
}

static bool idle_verify(void)
{
    bool good = idle_meetings == 1;
    idle_meetings = 0;
    return good;
}

static uint64_t idle_tasks(void)
{
    return (uint64_t)idle_milliseconds;
}

static double idle_seconds(void)
{
    return idle_used;
}

#define IDLE(init_, run_)                                                                                          \
    (struct bench)                                                                                                 \
    {                                                                                                              \
        .name = "idle", .parameters = "MILLISECONDS", .parameters_count = 1, .init = (init_), .setup = idle_setup, \
        .reset = idle_reset, .run = (run_), .verify = idle_verify, .tasks = idle_tasks, .seconds = idle_seconds    \
    }

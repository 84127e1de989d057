/* What a scope costs that nothing is spawned into: the main thread, which is in no other, opens and closes N in turn.
 * Parameters: N. */
#include "bench/runtime/runtime.h"

static long open_n, open_count;

static void open_setup(const long *value)
{
    open_n = value[0];
}

static bool open_verify(void)
{
    bool good = open_count == open_n;
    open_count = 0;
    return good;
}

/* One for each scope. */
static uint64_t open_tasks(void)
{
    return (uint64_t)open_n;
}

#define OPEN(init_, run_)                                                                                           \
    (struct bench)                                                                                                  \
    {                                                                                                               \
        .name = "open", .parameters = "N", .parameters_count = 1, .init = (init_), .setup = open_setup, .reset = 0, \
        .run = (run_), .verify = open_verify, .tasks = open_tasks                                                   \
    }

/* The skynet micro-benchmark: a tree of tasks, ten below each, whose leaves return their numbers, from 0 to
 * 10^DEPTH - 1.  The result is their sum.  Parameters: DEPTH. */
#include "bench/bench.h"

#define SKYNET_CHILDREN 10

static long skynet_leaves, skynet_result;

static void skynet_setup(const long *value)
{
    skynet_leaves = 1;
    for (long i = 0; i < value[0]; i++)
        skynet_leaves *= SKYNET_CHILDREN;
}

static bool skynet_verify(void)
{
    bool good = skynet_result == (skynet_leaves - 1) * skynet_leaves / 2;
    skynet_result = -1;
    return good;
}

/* One for each node but the root. */
static uint64_t skynet_tasks(void)
{
    return ((uint64_t)skynet_leaves - 1) / (SKYNET_CHILDREN - 1) * SKYNET_CHILDREN;
}

#define SKYNET(init_, run_)                                                                                     \
    (struct bench)                                                                                              \
    {                                                                                                           \
        .name = "skynet", .parameters = "DEPTH", .parameters_count = 1, .init = (init_), .setup = skynet_setup, \
        .reset = 0, .run = (run_), .verify = skynet_verify, .tasks = skynet_tasks                               \
    }

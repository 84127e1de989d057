#include "bench/tbb.hpp"
#include "bench/knapsack/knapsack.h"

/* Returns how many tasks were spawned. */
static long search(int item, long room, long value)
{
    if (knapsack_done(item, room, value))
        return 0;
    long without, with;
    tbb::task_group group;
    group.run([item, room, value, &without] { without = search(item + 1, room, value); });
    with = search(item + 1, room - knapsack_item[item].weight, value + knapsack_item[item].value);
    group.wait();
    return without + with + 1;
}

static void run(void)
{
    tbb_arena->execute([] { knapsack_forks = search(0, knapsack_room, 0); });
}

int main(int argc, char **argv)
{
    struct bench bench = KNAPSACK(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/serial.h"
#include "bench/knapsack/knapsack.h"

/* Returns how many tasks it would have spawned. */
static long search(int item, long room, long value)
{
    if (knapsack_done(item, room, value))
        return 0;
    long with = search(item + 1, room - knapsack_item[item].weight, value + knapsack_item[item].value);
    long without = search(item + 1, room, value);
    return with + without + 1;
}

static void run(void)
{
    knapsack_forks = search(0, knapsack_room, 0);
}

int main(int argc, char **argv)
{
    struct bench bench = KNAPSACK(serial_init, run);
    return bench_main(argc, argv, &bench);
}

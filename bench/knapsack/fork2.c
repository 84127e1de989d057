#include "bench/knapsack/knapsack.h"
#include "bench/taskscope.h"

/* forks: how many tasks were forked here and below. */
struct search {
    int item;
    long room, value;
    long forks;
};

static int search(struct scope *s, void *arg)
{
    struct search *at = arg;
    at->forks = 0;
    if (knapsack_done(at->item, at->room, at->value))
        return 0;
    const struct knapsack_item *item = &knapsack_item[at->item];
    struct search without = {.item = at->item + 1, .room = at->room, .value = at->value};
    struct search with = {.item = at->item + 1, .room = at->room - item->weight, .value = at->value + item->value};
    int status = scope_fork2(s, search, &without, search, &with);
    at->forks = without.forks + with.forks + 1;
    return status;
}

static void run(void)
{
    struct search root = {.room = knapsack_room};
    knapsack_best = scope_run(search, &root) == SCOPE_OK ? knapsack_best : -1;
    knapsack_forks = root.forks;
}

int main(int argc, char **argv)
{
    struct bench bench = KNAPSACK(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

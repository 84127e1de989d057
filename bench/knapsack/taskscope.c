#include "bench/taskscope.h"
#include "bench/knapsack/knapsack.h"

/* forks: how many tasks were spawned here and below. */
struct search {
    int item;
    long room, value;
    long forks;
};

static int search(struct scope *s, void *arg);

static int pair(struct scope *s, void *arg)
{
    struct search *half = arg;
    (void)scope_spawn(s, search, &half[0]);
    return search(s, &half[1]);
}

static int search(struct scope *s, void *arg)
{
    struct search *at = arg;
    (void)s;
    at->forks = 0;
    if (knapsack_done(at->item, at->room, at->value))
        return 0;
    const struct knapsack_item *item = &knapsack_item[at->item];
    struct search half[2] = {
        {.item = at->item + 1, .room = at->room, .value = at->value},
        {.item = at->item + 1, .room = at->room - item->weight, .value = at->value + item->value},
    };
    int status = scope_run(pair, half);
    at->forks = half[0].forks + half[1].forks + 1;
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

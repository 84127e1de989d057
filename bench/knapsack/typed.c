#include "bench/knapsack/knapsack.h"
#include "bench/taskscope.h"

/* Two words, which go in registers. */
struct search {
    int item, room;
    long value;
};

/* Returns how many tasks were forked here and below. */
SCOPE_TASK(long, search, struct search);

static inline long search(struct scope_strand strand, struct search at)
{
    if (knapsack_done(at.item, at.room, at.value))
        return 0;
    const struct knapsack_item *item = &knapsack_item[at.item];
    search_fork(&strand, (struct search){at.item + 1, at.room, at.value});
    long forks = 1 + search(strand, (struct search){at.item + 1, at.room - (int)item->weight, at.value + item->value});
    return search_join(&strand) + forks;
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    knapsack_forks = search_call(s, (struct search){.room = (int)knapsack_room});
    return 0;
}

static void run(void)
{
    if (scope_run(body, NULL) != SCOPE_OK)
        knapsack_best = -1;
}

int main(int argc, char **argv)
{
    struct bench bench = KNAPSACK(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/taskscope.h"
#include "bench/cilksort/cilksort.h"

static int merge(struct scope *s, void *arg);
static int sort(struct scope *s, void *arg);

static int two(struct scope *s, void *arg)
{
    struct cilksort_merge *half = arg;
    (void)scope_spawn(s, merge, &half[0]);
    return merge(s, &half[1]);
}

static int merge(struct scope *s, void *arg)
{
    struct cilksort_merge half[2];
    (void)s;
    if (cilksort_small(arg)) {
        cilksort_join(arg);
        return 0;
    }
    cilksort_cut(arg, half);
    return scope_run(two, half);
}

static int four(struct scope *s, void *arg)
{
    struct cilksort_part *quarter = arg;
    for (int i = 0; i < 3; i++)
        (void)scope_spawn(s, sort, &quarter[i]);
    return sort(s, &quarter[3]);
}

static int sort(struct scope *s, void *arg)
{
    struct cilksort_part *part = arg, quarter[4];
    struct cilksort_merge merges[3];
    if (part->n <= cilksort_grain) {
        cilksort_quick(part->values, part->n);
        return 0;
    }
    cilksort_quarters(part, quarter);
    cilksort_merges(quarter, merges);
    int status = scope_run(four, quarter);
    if (status == SCOPE_OK)
        status = scope_run(two, merges);
    return status == SCOPE_OK ? merge(s, &merges[2]) : status;
}

static void run(void)
{
    (void)scope_run(sort, &cilksort_whole);
}

int main(int argc, char **argv)
{
    struct bench bench = CILKSORT(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

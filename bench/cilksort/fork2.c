#include "bench/cilksort/cilksort.h"
#include "bench/taskscope.h"

static int merge(struct scope *s, void *arg)
{
    const struct cilksort_merge *whole = arg;
    struct cilksort_merge half[2];
    if (cilksort_small(whole)) {
        cilksort_join(whole);
        return 0;
    }
    cilksort_cut(whole, half);
    return scope_fork2(s, merge, &half[0], merge, &half[1]);
}

static int sort(struct scope *s, void *arg);

static int pair(struct scope *s, void *arg)
{
    struct cilksort_part *quarter = arg;
    return scope_fork2(s, sort, &quarter[0], sort, &quarter[1]);
}

static int sort(struct scope *s, void *arg)
{
    const struct cilksort_part *part = arg;
    struct cilksort_part quarter[4];
    struct cilksort_merge merges[3];
    if (part->n <= cilksort_grain) {
        cilksort_quick(part->values, part->n);
        return 0;
    }
    cilksort_quarters(part, quarter);
    cilksort_merges(quarter, merges);
    int status = scope_fork2(s, pair, quarter, pair, quarter + 2);
    if (status == SCOPE_OK)
        status = scope_fork2(s, merge, &merges[0], merge, &merges[1]);
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

#include "bench/cilksort/cilksort.h"
#include "bench/taskscope.h"

SCOPE_TASK(int, merge, const struct cilksort_merge *);
SCOPE_TASK(int, sort, const struct cilksort_part *);

static inline int merge(struct scope_strand strand, const struct cilksort_merge *whole)
{
    struct cilksort_merge half[2];
    if (cilksort_small(whole)) {
        cilksort_join(whole);
        return 0;
    }
    cilksort_cut(whole, half);
    merge_fork(&strand, &half[0]);
    (void)merge(strand, &half[1]);
    return merge_join(&strand);
}

static inline int sort(struct scope_strand strand, const struct cilksort_part *part)
{
    struct cilksort_part quarter[4];
    struct cilksort_merge merges[3];
    if (part->n <= cilksort_grain) {
        cilksort_quick(part->values, part->n);
        return 0;
    }
    cilksort_quarters(part, quarter);
    cilksort_merges(quarter, merges);
    for (int i = 0; i < 3; i++)
        sort_fork(&strand, &quarter[i]);
    (void)sort(strand, &quarter[3]);
    for (int i = 0; i < 3; i++)
        (void)sort_join(&strand);
    merge_fork(&strand, &merges[0]);
    (void)merge(strand, &merges[1]);
    (void)merge_join(&strand);
    return merge(strand, &merges[2]);
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    return sort_call(s, &cilksort_whole);
}

static void run(void)
{
    (void)scope_run(body, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = CILKSORT(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/quicksort/quicksort.h"
#include "bench/taskscope.h"

struct part {
    uint64_t *values;
    long n;
};

SCOPE_TASK(int, sort, struct part);

/* Each left part is a fork, until what is right of them all is small. */
static inline int sort(struct scope_strand strand, struct part part)
{
    int forks = 0;
    for (; part.n > quicksort_grain; forks++) {
        struct part left = {part.values, quicksort_split(part.values, part.n)};
        sort_fork(&strand, left);
        part.values += left.n;
        part.n -= left.n;
    }
    quicksort_serial(part.values, part.n);
    for (; forks > 0; forks--)
        (void)sort_join(&strand);
    return 0;
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    return sort_call(s, (struct part){quicksort_values, quicksort_n});
}

static void run(void)
{
    (void)scope_run(body, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = QUICKSORT(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/quicksort/quicksort.h"
#include "bench/taskscope.h"

struct part {
    uint64_t *values;
    long n;
};

static int sort(struct scope *s, void *arg)
{
    const struct part *part = arg;
    if (part->n <= quicksort_grain) {
        quicksort_serial(part->values, part->n);
        return 0;
    }
    struct part left = {part->values, quicksort_split(part->values, part->n)};
    struct part right = {part->values + left.n, part->n - left.n};
    return scope_fork2(s, sort, &left, sort, &right);
}

static void run(void)
{
    struct part whole = {quicksort_values, quicksort_n};
    (void)scope_run(sort, &whole);
}

int main(int argc, char **argv)
{
    struct bench bench = QUICKSORT(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

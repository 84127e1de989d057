#include "bench/taskscope.h"
#include "bench/quicksort/quicksort.h"

struct part {
    uint64_t *values;
    long n;
};

static int sort(struct scope *s, void *arg)
{
    struct part part = *(struct part *)arg;
    while (part.n > quicksort_grain) {
        struct part left = {part.values, quicksort_split(part.values, part.n)};
        (void)scope_spawn_copy(s, sort, &left, sizeof(left));
        part.values += left.n;
        part.n -= left.n;
    }
    quicksort_serial(part.values, part.n);
    return 0;
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

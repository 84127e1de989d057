/* Variants: 0 scope_reduce; 1 the same from a thread that is no worker; 2 not the same bits each time: a plain loop
 * whose chunks add to one sum. */
#include "bench/taskscope.h"
#include "bench/reduce/reduce.h"

#include <taskscope_loop.h>

static int map(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    (void)s;
    (void)arg;
    *(double *)value += reduce_items((long)begin, (long)end);
    return 0;
}

static void combine(void *left, const void *right, void *arg)
{
    (void)arg;
    *(double *)left += *(const double *)right;
}

static void loop(void *s)
{
    static const double zero = 0;
    static const struct scope_reduction reduction = {sizeof(zero), &zero, map, combine, NULL, 0};
    double sum = 0;
    (void)scope_reduce((struct scope *)s, 0, (size_t)reduce_n, &reduction, &sum);
    reduce_result(sum, true);
}

static int add(struct scope *s, size_t begin, size_t end, void *arg)
{
    double *sum = (double *)arg, part = reduce_items((long)begin, (long)end), old, next;
    (void)s;
    __atomic_load(sum, &old, __ATOMIC_RELAXED);
    do
        next = old + part;
    while (!__atomic_compare_exchange(sum, &old, &next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return 0;
}

static void loop_adding(void *s)
{
    double sum = 0;
    (void)scope_for((struct scope *)s, 0, (size_t)reduce_n, add, &sum);
    reduce_result(sum, false);
}

static int loops(struct scope *s, void *arg)
{
    (void)arg;
    repeat_run(reduce_variant == 2 ? loop_adding : loop, s);
    return 0;
}

static void run(void)
{
    if (reduce_variant == 1)
        repeat_run(loop, NULL);
    else
        (void)scope_run(loops, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = REDUCE(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/taskscope.h"
#include "bench/lopsided/lopsided.h"

static int small(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    lopsided_work(false);
    return 0;
}

static int inner(struct scope *s, void *arg)
{
    (void)arg;
    for (int i = 0; i < LOPSIDED_INNER; i++)
        (void)scope_spawn(s, small, NULL);
    return 0;
}

static int large(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    lopsided_work(true);
    return scope_run(inner, NULL);
}

static int outer(struct scope *s, void *arg)
{
    (void)arg;
    for (long i = 0; i < lopsided_n; i++)
        (void)scope_spawn(s, lopsided_has_inner(i) ? large : small, NULL);
    return 0;
}

static void run(void)
{
    (void)scope_run(outer, NULL);
}

static void init(unsigned workers)
{
    runtime_init(workers, 1);
    taskscope_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = LOPSIDED(init, run);
    return bench_main(argc, argv, &bench);
}

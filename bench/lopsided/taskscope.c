#include "bench/taskscope.h"
#include "bench/lopsided/lopsided.h"

static int small(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    lopsided_work();
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
    return small(s, arg) == 0 ? scope_run(inner, NULL) : SCOPE_ERROR;
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

int main(int argc, char **argv)
{
    struct bench bench = LOPSIDED(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/taskscope.h"
#include "bench/idle/idle.h"

static int meet(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    idle_meet();
    return 0;
}

static int body(struct scope *s, void *arg)
{
    for (unsigned i = 1; i < runtime_workers; i++)
        (void)scope_spawn(s, meet, NULL);
    return meet(s, arg);
}

static void run(void)
{
    (void)scope_run(body, NULL);
    idle_rest();
}

static void init(unsigned workers)
{
    runtime_init(workers, 1);
    taskscope_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = IDLE(init, run);
    return bench_main(argc, argv, &bench);
}

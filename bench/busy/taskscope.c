#include "bench/taskscope.h"
#include "bench/busy/busy.h"

static int meet(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    busy_meet();
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
    for (long i = 0; i < busy_n; i++) {
        busy_idle();
        (void)scope_run(body, NULL);
    }
}

static void init(unsigned workers)
{
    runtime_init(workers, 1);
    taskscope_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = BUSY(init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/taskscope.h"
#include "bench/wake/wake.h"

static int start(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    wake_start();
    return 0;
}

static int owner(struct scope *s, void *arg)
{
    (void)arg;
    for (long i = 0; i < wake_n; i++) {
        wake_idle();
        (void)scope_spawn(s, start, NULL);
        wake_wait(i + 1);
    }
    return 0;
}

static void run(void)
{
    (void)scope_run(owner, NULL);
}

static void init(unsigned workers)
{
    runtime_init(workers, 2);
    taskscope_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = WAKE(init, run);
    return bench_main(argc, argv, &bench);
}

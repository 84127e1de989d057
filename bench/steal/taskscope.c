#include "bench/taskscope.h"
#include "bench/steal/steal.h"

static int start(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    steal_start();
    return 0;
}

static int owner(struct scope *s, void *arg)
{
    (void)arg;
    steal_begin();
    for (long i = 0; i < steal_n; i++) {
        (void)scope_spawn(s, start, NULL);
        steal_wait(i + 1);
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
    struct bench bench = STEAL(init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/taskscope.h"
#include "bench/spawn/spawn.h"

static int task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    spawn_task();
    return 0;
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    for (long i = 0; i < spawn_n; i++)
        (void)scope_spawn(s, task, NULL);
    return 0;
}

static void run(void)
{
    struct scope_report report = scope_report_init();
    spawn_failed = scope_run_with(NULL, &report, body, NULL) != SCOPE_OK || report.ok != (uint64_t)spawn_n;
}

int main(int argc, char **argv)
{
    struct bench bench = SPAWN(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

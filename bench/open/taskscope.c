#include "bench/taskscope.h"
#include "bench/open/open.h"

static int body(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    open_count++;
    return 0;
}

static void run(void)
{
    for (long i = 0; i < open_n; i++)
        (void)scope_run(body, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = OPEN(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

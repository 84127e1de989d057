/* Variants: 0 all loops in one scope; 1 each loop from a thread that is no worker. */
#include "bench/taskscope.h"
#include "bench/loop/loop.h"

#include <taskscope_loop.h>

static int items(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    (void)arg;
    loop_items((long)begin, (long)end);
    return 0;
}

static void loop(void *s)
{
    (void)scope_for((struct scope *)s, 0, (size_t)loop_n, items, NULL);
}

static int loops(struct scope *s, void *arg)
{
    (void)arg;
    repeat_run(loop, s);
    return 0;
}

static void run(void)
{
    if (loop_variant == 1)
        repeat_run(loop, NULL);
    else
        (void)scope_run(loops, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = LOOP(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

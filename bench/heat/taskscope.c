#include "bench/taskscope.h"
#include "bench/heat/heat.h"

/* Some chunks of a step. */
struct part {
    long step, first, last;
};

static int rows(struct scope *s, void *arg)
{
    struct part part = *(struct part *)arg;
    while (part.last - part.first > 1) {
        struct part half = part;
        part.last = half.first = part.first + (part.last - part.first) / 2;
        (void)scope_spawn_copy(s, rows, &half, sizeof(half));
    }
    heat_leaf(part.step, part.first);
    return 0;
}

static int steps(struct scope *s, void *arg)
{
    int status = SCOPE_OK;
    (void)s;
    (void)arg;
    for (long step = 0; step < heat_steps && status == SCOPE_OK; step++) {
        struct part part = {step, 0, heat_chunks()};
        status = scope_run(rows, &part);
    }
    return status;
}

static void run(void)
{
    (void)scope_run(steps, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = HEAT(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

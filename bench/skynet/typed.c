#include "bench/skynet/skynet.h"
#include "bench/taskscope.h"

struct skynet {
    long first, leaves;
};

SCOPE_TASK(long, skynet, struct skynet);

static inline long skynet(struct scope_strand strand, struct skynet node)
{
    long leaves = node.leaves / SKYNET_CHILDREN, sum = 0;
    if (node.leaves == 1)
        return node.first;
    for (int i = 0; i < SKYNET_CHILDREN; i++)
        skynet_fork(&strand, (struct skynet){node.first + i * leaves, leaves});
    for (int i = 0; i < SKYNET_CHILDREN; i++)
        sum += skynet_join(&strand);
    return sum;
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    skynet_result = skynet_call(s, (struct skynet){0, skynet_leaves});
    return 0;
}

static void run(void)
{
    if (scope_run(body, NULL) != SCOPE_OK)
        skynet_result = -1;
}

int main(int argc, char **argv)
{
    struct bench bench = SKYNET(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

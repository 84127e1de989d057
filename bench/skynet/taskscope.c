#include "bench/taskscope.h"
#include "bench/skynet/skynet.h"

struct skynet {
    long first, leaves;
    long sum;
};

static int skynet(struct scope *s, void *arg);

static int each(struct scope *s, void *arg)
{
    struct skynet *child = arg;
    for (int i = 0; i < SKYNET_CHILDREN; i++)
        (void)scope_spawn(s, skynet, &child[i]);
    return 0;
}

static int skynet(struct scope *s, void *arg)
{
    struct skynet *node = arg, child[SKYNET_CHILDREN];
    (void)s;
    if (node->leaves == 1) {
        node->sum = node->first;
        return 0;
    }
    for (int i = 0; i < SKYNET_CHILDREN; i++) {
        child[i].leaves = node->leaves / SKYNET_CHILDREN;
        child[i].first = node->first + i * child[i].leaves;
    }
    int status = scope_run(each, child);
    node->sum = 0;
    for (int i = 0; i < SKYNET_CHILDREN; i++)
        node->sum += child[i].sum;
    return status;
}

static void run(void)
{
    struct skynet root = {.leaves = skynet_leaves};
    skynet_result = scope_run(skynet, &root) == SCOPE_OK ? root.sum : -1;
}

int main(int argc, char **argv)
{
    struct bench bench = SKYNET(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

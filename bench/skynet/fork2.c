#include "bench/skynet/skynet.h"
#include "bench/taskscope.h"

/* So many nodes, one or more, with so many leaves each. */
struct skynet {
    long first, leaves, count;
    long sum;
};

/* Forks by halves until one node is left, and then those below it. */
static int skynet(struct scope *s, void *arg)
{
    struct skynet *all = arg;
    long count = all->count, leaves = all->leaves;
    if (count == 1 && leaves == 1) {
        all->sum = all->first;
        return 0;
    }
    if (count == 1) {
        count = SKYNET_CHILDREN;
        leaves /= SKYNET_CHILDREN;
    }
    long half = count / 2;
    struct skynet left = {.first = all->first, .leaves = leaves, .count = half};
    struct skynet right = {.first = all->first + half * leaves, .leaves = leaves, .count = count - half};
    int status = scope_fork2(s, skynet, &right, skynet, &left);
    all->sum = left.sum + right.sum;
    return status;
}

static void run(void)
{
    struct skynet root = {.leaves = skynet_leaves, .count = 1};
    skynet_result = scope_run(skynet, &root) == SCOPE_OK ? root.sum : -1;
}

/* One less than there are leaves. */
static uint64_t tasks(void)
{
    return (uint64_t)skynet_leaves - 1;
}

int main(int argc, char **argv)
{
    struct bench bench = SKYNET(taskscope_init, run);
    bench.tasks = tasks;
    return bench_main(argc, argv, &bench);
}

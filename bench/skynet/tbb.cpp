#include "bench/tbb.hpp"
#include "bench/skynet/skynet.h"

static long skynet(long first, long leaves)
{
    if (leaves == 1)
        return first;
    long part[SKYNET_CHILDREN], sum = 0;
    tbb::task_group group;
    for (int i = 0; i < SKYNET_CHILDREN; i++)
        group.run([i, first, leaves, &part] {
            part[i] = skynet(first + i * (leaves / SKYNET_CHILDREN), leaves / SKYNET_CHILDREN);
        });
    group.wait();
    for (int i = 0; i < SKYNET_CHILDREN; i++)
        sum += part[i];
    return sum;
}

static void run(void)
{
    tbb_arena->execute([] { skynet_result = skynet(0, skynet_leaves); });
}

int main(int argc, char **argv)
{
    struct bench bench = SKYNET(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

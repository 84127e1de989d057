#include "bench/tbb.hpp"
#include "bench/uts/uts.h"

static long search(const uts_node &node)
{
    int children = uts_children(&node);
    long sum = 1;
    if (children == 0)
        return 1;
    long count[children]; /* g++ has these as C does */
    tbb::task_group group;
    for (int i = 0; i < children; i++)
        group.run([&node, i, result = &count[i]] { *result = search(uts_child(&node, i)); });
    group.wait();
    for (int i = 0; i < children; i++)
        sum += count[i];
    return sum;
}

static void run(void)
{
    tbb_arena->execute([] { uts_result = search(uts_root()); });
}

int main(int argc, char **argv)
{
    struct bench bench = UTS(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

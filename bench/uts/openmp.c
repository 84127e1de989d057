#include "bench/openmp.h"
#include "bench/uts/uts.h"

static long search(const struct uts_node *node)
{
    int children = uts_children(node);
    long sum = 1;
    if (children == 0)
        return 1;
    long count[children];
    for (int i = 0; i < children; i++)
#pragma omp task shared(count) firstprivate(node, i)
    {
        struct uts_node child = uts_child(node, i);
        count[i] = search(&child);
    }
#pragma omp taskwait
    for (int i = 0; i < children; i++)
        sum += count[i];
    return sum;
}

static void run(void)
{
    struct uts_node root = uts_root();
#pragma omp parallel
#pragma omp single
    uts_result = search(&root);
}

int main(int argc, char **argv)
{
    struct bench bench = UTS(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

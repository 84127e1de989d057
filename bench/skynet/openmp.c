#include "bench/openmp.h"
#include "bench/skynet/skynet.h"

static long skynet(long first, long leaves)
{
    if (leaves == 1)
        return first;
    long part[SKYNET_CHILDREN], sum = 0;
    for (int i = 0; i < SKYNET_CHILDREN; i++)
#pragma omp task shared(part) firstprivate(i, first, leaves)
        part[i] = skynet(first + i * (leaves / SKYNET_CHILDREN), leaves / SKYNET_CHILDREN);
#pragma omp taskwait
    for (int i = 0; i < SKYNET_CHILDREN; i++)
        sum += part[i];
    return sum;
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    skynet_result = skynet(0, skynet_leaves);
}

int main(int argc, char **argv)
{
    struct bench bench = SKYNET(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

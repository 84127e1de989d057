#include "bench/tbb.hpp"
#include "bench/open/open.h"

static void body()
{
    tbb::task_group group;
    open_count++;
    group.wait();
}

static void run(void)
{
    for (long i = 0; i < open_n; i++)
        tbb_arena->execute(body);
}

int main(int argc, char **argv)
{
    struct bench bench = OPEN(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

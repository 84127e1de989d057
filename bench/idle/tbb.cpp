#include "bench/tbb.hpp"
#include "bench/idle/idle.h"

static void body()
{
    tbb::task_group group;
    for (unsigned i = 1; i < runtime_workers; i++)
        group.run(idle_meet);
    idle_meet();
    group.wait();
}

static void run(void)
{
    tbb_arena->execute(body);
    idle_rest();
}

static void init(unsigned workers)
{
    runtime_init(workers, 1);
    tbb_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = IDLE(init, run);
    return bench_main(argc, argv, &bench);
}

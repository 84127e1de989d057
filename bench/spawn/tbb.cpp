#include "bench/tbb.hpp"
#include "bench/spawn/spawn.h"

static void spawn()
{
    tbb::task_group group;
    for (long i = 0; i < spawn_n; i++)
        group.run(spawn_task);
    spawn_failed = group.wait() != tbb::task_group_status::complete;
}

static void run(void)
{
    tbb_arena->execute(spawn);
}

int main(int argc, char **argv)
{
    struct bench bench = SPAWN(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

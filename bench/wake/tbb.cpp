#include "bench/tbb.hpp"
#include "bench/wake/wake.h"

static void owner()
{
    tbb::task_group group;
    for (long i = 0; i < wake_n; i++) {
        wake_idle();
        group.run(wake_start);
        wake_wait(i + 1);
    }
    group.wait();
}

static void run(void)
{
    tbb_arena->execute(owner);
}

static void init(unsigned workers)
{
    runtime_init(workers, 2);
    tbb_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = WAKE(init, run);
    return bench_main(argc, argv, &bench);
}

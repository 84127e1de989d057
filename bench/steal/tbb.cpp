#include "bench/tbb.hpp"
#include "bench/steal/steal.h"

static void owner()
{
    tbb::task_group group;
    steal_begin();
    for (long i = 0; i < steal_n; i++) {
        group.run(steal_start);
        steal_wait(i + 1);
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
    struct bench bench = STEAL(init, run);
    return bench_main(argc, argv, &bench);
}

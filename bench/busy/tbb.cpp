#include "bench/tbb.hpp"
#include "bench/busy/busy.h"

static void body()
{
    tbb::task_group group;
    for (unsigned i = 1; i < runtime_workers; i++)
        group.run(busy_meet);
    busy_meet();
    group.wait();
}

static void run(void)
{
    for (long i = 0; i < busy_n; i++) {
        busy_idle();
        tbb_arena->execute(body);
    }
}

static void init(unsigned workers)
{
    runtime_init(workers, 1);
    tbb_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = BUSY(init, run);
    return bench_main(argc, argv, &bench);
}

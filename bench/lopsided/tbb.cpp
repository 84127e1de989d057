#include "bench/tbb.hpp"
#include "bench/lopsided/lopsided.h"

static void task(long i)
{
    lopsided_work(lopsided_has_inner(i));
    if (!lopsided_has_inner(i))
        return;
    tbb::task_group inner;
    for (int j = 0; j < LOPSIDED_INNER; j++)
        inner.run([] { lopsided_work(false); });
    inner.wait();
}

static void outer()
{
    tbb::task_group group;
    for (long i = 0; i < lopsided_n; i++)
        group.run([i] { task(i); });
    group.wait();
}

static void run(void)
{
    tbb_arena->execute(outer);
}

static void init(unsigned workers)
{
    runtime_init(workers, 1);
    tbb_init(workers);
}

int main(int argc, char **argv)
{
    struct bench bench = LOPSIDED(init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/tbb.hpp"
#include "bench/lopsided/lopsided.h"

static void task(long i)
{
    lopsided_work();
    if (!lopsided_has_inner(i))
        return;
    tbb::task_group inner;
    for (int j = 0; j < LOPSIDED_INNER; j++)
        inner.run(lopsided_work);
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

int main(int argc, char **argv)
{
    struct bench bench = LOPSIDED(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

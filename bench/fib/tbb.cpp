#include "bench/fib/fib.h"
#include "bench/tbb.hpp"

static long fib(long n)
{
    if (n < 2)
        return n;
    long a, b;
    tbb::task_group group;
    group.run([n, &a] { a = fib(n - 1); });
    b = fib(n - 2);
    group.wait();
    return a + b;
}

static void run(void)
{
    tbb_arena->execute([] { fib_result = fib(fib_n); });
}

int main(int argc, char **argv)
{
    struct bench bench = FIB(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

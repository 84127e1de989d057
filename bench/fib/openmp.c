#include "bench/openmp.h"
#include "bench/fib/fib.h"

static long fib(long n)
{
    if (n < 2)
        return n;
    long a, b;
#pragma omp task shared(a) firstprivate(n)
    a = fib(n - 1);
    b = fib(n - 2);
#pragma omp taskwait
    return a + b;
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    fib_result = fib(fib_n);
}

int main(int argc, char **argv)
{
    struct bench bench = FIB(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

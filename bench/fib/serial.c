#include "bench/serial.h"
#include "bench/fib/fib.h"

static long fib(long n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static void run(void)
{
    fib_result = fib(fib_n);
}

int main(int argc, char **argv)
{
    struct bench bench = FIB(serial_init, run);
    return bench_main(argc, argv, &bench);
}

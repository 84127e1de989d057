/* Fibonacci numbers, by the worst way there is: what a task costs, as it does nothing else.  Parameters: N. */
#include "bench/bench.h"

static long fib_n, fib_result;

static void fib_setup(const long *value)
{
    fib_n = value[0];
}

static long fib_closed(long n)
{
    long a = 0, b = 1;
    for (; n > 0; n--) {
        long c = a + b;
        a = b;
        b = c;
    }
    return a;
}

static bool fib_verify(void)
{
    bool good = fib_result == fib_closed(fib_n);
    fib_result = -1;
    return good;
}

/* One task for each call with n >= 2. */
static uint64_t fib_tasks(void)
{
    return (uint64_t)fib_closed(fib_n + 1) - 1;
}

#define FIB(init_, run_)                                                                                                \
    (struct bench)                                                                                                     \
    {                                                                                                                  \
        .name = "fib", .parameters = "N", .parameters_count = 1, .init = (init_), .setup = fib_setup, .reset = 0,      \
        .run = (run_), .verify = fib_verify, .tasks = fib_tasks                                                        \
    }

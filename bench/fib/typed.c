#include "bench/fib/fib.h"
#include "bench/taskscope.h"

SCOPE_TASK(long, fib, long);

static inline long fib(struct scope_strand strand, long n)
{
    if (n < 2)
        return n;
    fib_fork(&strand, n - 1);
    long b = fib(strand, n - 2);
    long a = fib_join(&strand);
    return a + b;
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    fib_result = fib_call(s, fib_n);
    return 0;
}

static void run(void)
{
    if (scope_run(body, NULL) != SCOPE_OK)
        fib_result = -1;
}

int main(int argc, char **argv)
{
    struct bench bench = FIB(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

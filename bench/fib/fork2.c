#include "bench/fib/fib.h"
#include "bench/taskscope.h"

struct fib {
    long n;
    long result;
};

static int fib(struct scope *s, void *arg)
{
    struct fib *f = arg;
    if (f->n < 2) {
        f->result = f->n;
        return 0;
    }
    struct fib a = {.n = f->n - 1}, b = {.n = f->n - 2};
    int status = scope_fork2(s, fib, &a, fib, &b);
    f->result = a.result + b.result;
    return status;
}

static void run(void)
{
    struct fib f = {.n = fib_n};
    fib_result = scope_run(fib, &f) == SCOPE_OK ? f.result : -1;
}

int main(int argc, char **argv)
{
    struct bench bench = FIB(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

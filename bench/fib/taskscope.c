#include "bench/taskscope.h"
#include "bench/fib/fib.h"

struct fib {
    long n;
    long result;
};

static int fib(struct scope *s, void *arg);

static int pair(struct scope *s, void *arg)
{
    struct fib *half = arg;
    (void)scope_spawn(s, fib, &half[0]);
    return fib(s, &half[1]);
}

static int fib(struct scope *s, void *arg)
{
    struct fib *f = arg;
    (void)s;
    if (f->n < 2) {
        f->result = f->n;
        return 0;
    }
    struct fib half[2] = {{.n = f->n - 1}, {.n = f->n - 2}};
    int status = scope_run(pair, half);
    f->result = half[0].result + half[1].result;
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

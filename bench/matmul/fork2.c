#include "bench/matmul/matmul.h"
#include "bench/taskscope.h"

static int multiply(struct scope *s, void *arg);

static int pair(struct scope *s, void *arg)
{
    struct product *part = arg;
    return scope_fork2(s, multiply, &part[0], multiply, &part[1]);
}

static int multiply(struct scope *s, void *arg)
{
    struct product *p = arg, part[8];
    if (p->n <= matmul_grain) {
        matmul_leaf(p);
        return 0;
    }
    product_split(p, part);
    int status = scope_fork2(s, pair, part, pair, part + 2);
    return status == SCOPE_OK ? scope_fork2(s, pair, part + 4, pair, part + 6) : status;
}

static void run(void)
{
    (void)scope_run(multiply, &matmul_whole);
}

int main(int argc, char **argv)
{
    struct bench bench = MATMUL(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

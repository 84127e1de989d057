#include "bench/taskscope.h"
#include "bench/matmul/matmul.h"

static int multiply(struct scope *s, void *arg);

static int four(struct scope *s, void *arg)
{
    struct product *part = arg;
    for (int i = 0; i < 3; i++)
        (void)scope_spawn(s, multiply, &part[i]);
    return multiply(s, &part[3]);
}

static int multiply(struct scope *s, void *arg)
{
    struct product *p = arg, part[8];
    (void)s;
    if (p->n <= matmul_grain) {
        matmul_leaf(p);
        return 0;
    }
    product_split(p, part);
    int status = scope_run(four, part);
    return status == SCOPE_OK ? scope_run(four, part + 4) : status;
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

#include "bench/matmul/matmul.h"
#include "bench/taskscope.h"

/* A pointer to the forking function's own; returns nothing of interest. */
SCOPE_TASK(int, multiply, const struct product *);

static inline int multiply(struct scope_strand strand, const struct product *p)
{
    struct product part[8];
    if (p->n <= matmul_grain) {
        matmul_leaf(p);
        return 0;
    }
    product_split(p, part);
    for (int phase = 0; phase < 8; phase += 4) {
        for (int i = 0; i < 3; i++)
            multiply_fork(&strand, &part[phase + i]);
        (void)multiply(strand, &part[phase + 3]);
        for (int i = 0; i < 3; i++)
            (void)multiply_join(&strand);
    }
    return 0;
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    return multiply_call(s, &matmul_whole);
}

static void run(void)
{
    (void)scope_run(body, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = MATMUL(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

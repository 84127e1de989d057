#include "bench/taskscope.h"
#include "bench/cholesky/cholesky.h"

/* Products that are done at once. */
struct phase {
    struct product *part;
    int count;
};

static int product(struct scope *s, void *arg);
static int solve(struct scope *s, void *arg);

static int each(struct scope *s, void *arg)
{
    const struct phase *phase = arg;
    for (int i = 0; i < phase->count - 1; i++)
        (void)scope_spawn(s, product, &phase->part[i]);
    return product(s, &phase->part[phase->count - 1]);
}

static int product(struct scope *s, void *arg)
{
    struct product *p = arg, part[8];
    (void)s;
    if (p->n <= cholesky_grain) {
        cholesky_product_leaf(p);
        return 0;
    }
    int count = cholesky_product_split(p, part);
    struct phase first = {part, count}, second = {part + 4, count};
    int status = scope_run(each, &first);
    return status == SCOPE_OK ? scope_run(each, &second) : status;
}

static int half_solve(struct scope *s, void *arg)
{
    struct cholesky_half *half = arg;
    int status = solve(s, &half->first);
    if (status == SCOPE_OK)
        status = product(s, &half->product);
    return status == SCOPE_OK ? solve(s, &half->second) : status;
}

static int halves(struct scope *s, void *arg)
{
    struct cholesky_half *half = arg;
    (void)scope_spawn(s, half_solve, &half[0]);
    return half_solve(s, &half[1]);
}

static int solve(struct scope *s, void *arg)
{
    struct cholesky_solve *whole = arg;
    struct cholesky_half half[2];
    (void)s;
    if (whole->n <= cholesky_grain) {
        cholesky_solve_leaf(whole);
        return 0;
    }
    cholesky_solve_split(whole, half);
    return scope_run(halves, half);
}

static int factor(struct scope *s, struct matrix m, long n)
{
    struct cholesky_parts parts;
    if (n <= cholesky_grain) {
        cholesky_factor_leaf(m, n);
        return 0;
    }
    cholesky_split(m, n, &parts);
    int status = factor(s, parts.first, n / 2);
    if (status == SCOPE_OK)
        status = solve(s, &parts.solve);
    if (status == SCOPE_OK)
        status = product(s, &parts.product);
    return status == SCOPE_OK ? factor(s, parts.second, n / 2) : status;
}

static int whole(struct scope *s, void *arg)
{
    (void)arg;
    return factor(s, cholesky_whole, cholesky_n);
}

static void run(void)
{
    (void)scope_run(whole, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = CHOLESKY(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

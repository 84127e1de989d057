#include "bench/taskscope.h"
#include "bench/lu/lu.h"

static int product(struct scope *s, void *arg);
static int solve(struct scope *s, void *arg);

static int four(struct scope *s, void *arg)
{
    struct product *part = arg;
    for (int i = 0; i < 3; i++)
        (void)scope_spawn(s, product, &part[i]);
    return product(s, &part[3]);
}

static int product(struct scope *s, void *arg)
{
    struct product *p = arg, part[8];
    (void)s;
    if (p->n <= lu_grain) {
        lu_product_leaf(p);
        return 0;
    }
    product_split(p, part);
    int status = scope_run(four, part);
    return status == SCOPE_OK ? scope_run(four, part + 4) : status;
}

static int half_solve(struct scope *s, void *arg)
{
    struct lu_half *half = arg;
    int status = solve(s, &half->first);
    if (status == SCOPE_OK)
        status = product(s, &half->product);
    return status == SCOPE_OK ? solve(s, &half->second) : status;
}

static int halves(struct scope *s, void *arg)
{
    struct lu_half *half = arg;
    (void)scope_spawn(s, half_solve, &half[0]);
    return half_solve(s, &half[1]);
}

static int solve(struct scope *s, void *arg)
{
    struct lu_solve *whole = arg;
    struct lu_half half[2];
    (void)s;
    if (whole->n <= lu_grain) {
        lu_solve_leaf(whole);
        return 0;
    }
    lu_solve_split(whole, half);
    return scope_run(halves, half);
}

static int solves(struct scope *s, void *arg)
{
    struct lu_solve *both = arg;
    (void)scope_spawn(s, solve, &both[0]);
    return solve(s, &both[1]);
}

static int factor(struct scope *s, struct matrix m, long n)
{
    struct lu_parts parts;
    if (n <= lu_grain) {
        lu_factor_leaf(m, n);
        return 0;
    }
    lu_split(m, n, &parts);
    int status = factor(s, parts.first, n / 2);
    if (status == SCOPE_OK)
        status = scope_run(solves, parts.solve);
    if (status == SCOPE_OK)
        status = product(s, &parts.product);
    return status == SCOPE_OK ? factor(s, parts.second, n / 2) : status;
}

static int whole(struct scope *s, void *arg)
{
    (void)arg;
    return factor(s, lu_whole, lu_n);
}

static void run(void)
{
    (void)scope_run(whole, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = LU(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/lu/lu.h"
#include "bench/taskscope.h"

static int product(struct scope *s, void *arg);
static int solve(struct scope *s, void *arg);

static int pair(struct scope *s, void *arg)
{
    struct product *part = arg;
    return scope_fork2(s, product, &part[0], product, &part[1]);
}

static int product(struct scope *s, void *arg)
{
    struct product *p = arg, part[8];
    if (p->n <= lu_grain) {
        lu_product_leaf(p);
        return 0;
    }
    product_split(p, part);
    int status = scope_fork2(s, pair, part, pair, part + 2);
    return status == SCOPE_OK ? scope_fork2(s, pair, part + 4, pair, part + 6) : status;
}

static int half_solve(struct scope *s, void *arg)
{
    struct lu_half *half = arg;
    int status = solve(s, &half->first);
    if (status == SCOPE_OK)
        status = product(s, &half->product);
    return status == SCOPE_OK ? solve(s, &half->second) : status;
}

static int solve(struct scope *s, void *arg)
{
    struct lu_solve *whole = arg;
    struct lu_half half[2];
    if (whole->n <= lu_grain) {
        lu_solve_leaf(whole);
        return 0;
    }
    lu_solve_split(whole, half);
    return scope_fork2(s, half_solve, &half[0], half_solve, &half[1]);
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
        status = scope_fork2(s, solve, &parts.solve[0], solve, &parts.solve[1]);
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

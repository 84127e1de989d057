#include "bench/lu/lu.h"
#include "bench/taskscope.h"

struct square {
    struct matrix m;
    long n;
};

SCOPE_TASK(int, product, const struct product *);
SCOPE_TASK(int, half_solve, const struct lu_half *);
SCOPE_TASK(int, solve, const struct lu_solve *);
SCOPE_TASK(int, factor, struct square);

static inline int product(struct scope_strand strand, const struct product *p)
{
    struct product part[8];
    if (p->n <= lu_grain) {
        lu_product_leaf(p);
        return 0;
    }
    product_split(p, part);
    for (int phase = 0; phase < 8; phase += 4) {
        for (int i = 0; i < 3; i++)
            product_fork(&strand, &part[phase + i]);
        (void)product(strand, &part[phase + 3]);
        for (int i = 0; i < 3; i++)
            (void)product_join(&strand);
    }
    return 0;
}

static inline int half_solve(struct scope_strand strand, const struct lu_half *half)
{
    (void)solve(strand, &half->first);
    (void)product(strand, &half->product);
    return solve(strand, &half->second);
}

static inline int solve(struct scope_strand strand, const struct lu_solve *whole)
{
    struct lu_half half[2];
    if (whole->n <= lu_grain) {
        lu_solve_leaf(whole);
        return 0;
    }
    lu_solve_split(whole, half);
    half_solve_fork(&strand, &half[0]);
    (void)half_solve(strand, &half[1]);
    return half_solve_join(&strand);
}

static inline int factor(struct scope_strand strand, struct square square)
{
    struct lu_parts parts;
    long n = square.n;
    if (n <= lu_grain) {
        lu_factor_leaf(square.m, n);
        return 0;
    }
    lu_split(square.m, n, &parts);
    (void)factor(strand, (struct square){parts.first, n / 2});
    solve_fork(&strand, &parts.solve[0]);
    (void)solve(strand, &parts.solve[1]);
    (void)solve_join(&strand);
    (void)product(strand, &parts.product);
    return factor(strand, (struct square){parts.second, n / 2});
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    return factor_call(s, (struct square){lu_whole, lu_n});
}

static void run(void)
{
    (void)scope_run(body, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = LU(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

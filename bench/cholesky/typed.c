#include "bench/cholesky/cholesky.h"
#include "bench/taskscope.h"

struct square {
    struct matrix m;
    long n;
};

SCOPE_TASK(int, product, const struct product *);
SCOPE_TASK(int, half_solve, const struct cholesky_half *);
SCOPE_TASK(int, solve, const struct cholesky_solve *);
SCOPE_TASK(int, factor, struct square);

static inline int product(struct scope_strand strand, const struct product *p)
{
    struct product part[8];
    if (p->n <= cholesky_grain) {
        cholesky_product_leaf(p);
        return 0;
    }
    int last = cholesky_product_split(p, part) - 1;
    for (int phase = 0; phase < 8; phase += 4) {
        for (int i = 0; i < last; i++)
            product_fork(&strand, &part[phase + i]);
        (void)product(strand, &part[phase + last]);
        for (int i = 0; i < last; i++)
            (void)product_join(&strand);
    }
    return 0;
}

static inline int half_solve(struct scope_strand strand, const struct cholesky_half *half)
{
    (void)solve(strand, &half->first);
    (void)product(strand, &half->product);
    return solve(strand, &half->second);
}

static inline int solve(struct scope_strand strand, const struct cholesky_solve *whole)
{
    struct cholesky_half half[2];
    if (whole->n <= cholesky_grain) {
        cholesky_solve_leaf(whole);
        return 0;
    }
    cholesky_solve_split(whole, half);
    half_solve_fork(&strand, &half[0]);
    (void)half_solve(strand, &half[1]);
    return half_solve_join(&strand);
}

static inline int factor(struct scope_strand strand, struct square square)
{
    struct cholesky_parts parts;
    long n = square.n;
    if (n <= cholesky_grain) {
        cholesky_factor_leaf(square.m, n);
        return 0;
    }
    cholesky_split(square.m, n, &parts);
    (void)factor(strand, (struct square){parts.first, n / 2});
    (void)solve(strand, &parts.solve);
    (void)product(strand, &parts.product);
    return factor(strand, (struct square){parts.second, n / 2});
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    return factor_call(s, (struct square){cholesky_whole, cholesky_n});
}

static void run(void)
{
    (void)scope_run(body, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = CHOLESKY(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

/* The C side of rayon.rs. */
#include "bench/cholesky/cholesky.h"

struct matrix kernel_setup(const long *value)
{
    cholesky_setup(value);
    return cholesky_whole;
}

void kernel_reset(void)
{
    cholesky_reset();
}

bool kernel_verify(void)
{
    return cholesky_verify();
}

uint64_t kernel_tasks(void)
{
    return cholesky_tasks();
}

void kernel_factor(struct matrix m, long n)
{
    cholesky_factor_leaf(m, n);
}

void kernel_solve(const struct cholesky_solve *solve)
{
    cholesky_solve_leaf(solve);
}

void kernel_product(const struct product *p)
{
    cholesky_product_leaf(p);
}

void kernel_split(struct matrix m, long n, struct cholesky_parts *parts)
{
    cholesky_split(m, n, parts);
}

void kernel_solve_split(const struct cholesky_solve *solve, struct cholesky_half half[2])
{
    cholesky_solve_split(solve, half);
}

int kernel_product_split(const struct product *p, struct product part[8])
{
    return cholesky_product_split(p, part);
}

/* The C side of rayon.rs. */
#include "bench/lu/lu.h"

struct matrix kernel_setup(const long *value)
{
    lu_setup(value);
    return lu_whole;
}

void kernel_reset(void)
{
    lu_reset();
}

bool kernel_verify(void)
{
    return lu_verify();
}

uint64_t kernel_tasks(void)
{
    return lu_tasks();
}

void kernel_factor(struct matrix m, long n)
{
    lu_factor_leaf(m, n);
}

void kernel_solve(const struct lu_solve *solve)
{
    lu_solve_leaf(solve);
}

void kernel_product(const struct product *p)
{
    lu_product_leaf(p);
}

void kernel_split(struct matrix m, long n, struct lu_parts *parts)
{
    lu_split(m, n, parts);
}

void kernel_solve_split(const struct lu_solve *solve, struct lu_half half[2])
{
    lu_solve_split(solve, half);
}

void kernel_product_split(const struct product *p, struct product part[8])
{
    product_split(p, part);
}

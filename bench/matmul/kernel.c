/* The C side of rayon.rs. */
#include "bench/matmul/matmul.h"

const struct product *kernel_setup(const long *value)
{
    matmul_setup(value);
    return &matmul_whole;
}

void kernel_reset(void)
{
    matmul_reset();
}

bool kernel_verify(void)
{
    return matmul_verify();
}

uint64_t kernel_tasks(void)
{
    return matmul_tasks();
}

void kernel_split(const struct product *p, struct product part[8])
{
    product_split(p, part);
}

void kernel_leaf(const struct product *p)
{
    matmul_leaf(p);
}

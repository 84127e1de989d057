/* The C side of rayon.rs. */
#include "bench/fft/fft.h"

struct fft_number *kernel_setup(const long *value)
{
    fft_setup(value);
    return fft_values;
}

void kernel_reset(void)
{
    fft_reset();
}

bool kernel_verify(void)
{
    return fft_verify();
}

uint64_t kernel_tasks(void)
{
    return fft_tasks();
}

void kernel_step(const struct fft_pass *p)
{
    fft_step(p);
}

void kernel_leaf(struct fft_number *values, long n)
{
    fft_leaf(values, n);
}

/* The C side of rayon.rs. */
#include "bench/mandelbrot/mandelbrot.h"

void kernel_setup(const long *value)
{
    mandelbrot_setup(value);
}

void kernel_reset(void)
{
    mandelbrot_reset();
}

bool kernel_verify(void)
{
    return mandelbrot_verify();
}

uint64_t kernel_tasks(void)
{
    return mandelbrot_tasks();
}

void kernel_leaf(long chunk)
{
    mandelbrot_leaf(chunk);
}

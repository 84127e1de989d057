/* The C side of rayon.rs. */
#include "bench/heat/heat.h"

void kernel_setup(const long *value)
{
    heat_setup(value);
}

void kernel_reset(void)
{
    heat_reset();
}

bool kernel_verify(void)
{
    return heat_verify();
}

uint64_t kernel_tasks(void)
{
    return heat_tasks();
}

long kernel_chunks(void)
{
    return heat_chunks();
}

void kernel_leaf(long step, long chunk)
{
    heat_leaf(step, chunk);
}

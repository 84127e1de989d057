/* The C side of rayon.rs. */
#include "bench/strassen/strassen.h"

const struct product *kernel_setup(const long *value)
{
    strassen_setup(value);
    return &strassen_whole;
}

void kernel_reset(void)
{
    strassen_reset();
}

bool kernel_verify(void)
{
    return strassen_verify();
}

uint64_t kernel_tasks(void)
{
    return strassen_tasks();
}

void kernel_leaf(const struct product *p)
{
    strassen_leaf(p);
}

void kernel_split(const struct product *p, struct strassen_part part[7])
{
    strassen_split(p, part);
}

void kernel_begin(struct strassen_part *part)
{
    strassen_begin(part);
}

void kernel_end(struct strassen_part *part)
{
    strassen_end(part);
}

struct strassen_rows kernel_all_rows(const struct product *p, const struct strassen_part part[7])
{
    return strassen_all_rows(p, part);
}

bool kernel_halves(const struct strassen_rows *rows, struct strassen_rows half[2])
{
    return strassen_halves(rows, half);
}

void kernel_combine(const struct strassen_rows *rows)
{
    strassen_combine(rows);
}

void kernel_free(const struct strassen_part part[7])
{
    strassen_free(part);
}

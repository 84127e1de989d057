/* Product of two N by N matrices by divide and conquer: four quarters' products at once, each a task, and after them
 * four more; a simple kernel for sizes up to GRAIN.  Parameters: N, GRAIN (for which sizes see matrix_check_size). */
#include "bench/matrix.h"

static struct product matmul_whole;
static long matmul_grain;

static void matmul_setup(const long *value)
{
    long n = value[0];
    matmul_grain = value[1];
    matrix_check_size(n, matmul_grain);
    matmul_whole = (struct product){matrix_new(n), matrix_new(n), matrix_new(n), n};
    matrix_fill(matmul_whole.a, n, 1);
    matrix_fill(matmul_whole.b, n, 2);
}

static void matmul_reset(void)
{
    matrix_zero(matmul_whole.c, matmul_whole.n);
}

/* The serial kernel. */
static inline void matmul_leaf(const struct product *p)
{
    matrix_product(p, 1);
}

static bool matmul_verify(void)
{
    return matrix_is_product(&matmul_whole);
}

static uint64_t matmul_tasks(void)
{
    return product_tasks(matmul_whole.n, matmul_grain);
}

#define MATMUL(init_, run_)                                                                                       \
    (struct bench)                                                                                                \
    {                                                                                                             \
        .name = "matmul", .parameters = "N GRAIN", .parameters_count = 2, .init = (init_), .setup = matmul_setup, \
        .reset = matmul_reset, .run = (run_), .verify = matmul_verify, .tasks = matmul_tasks                      \
    }

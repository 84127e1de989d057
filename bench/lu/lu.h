/* LU decomposition without pivoting of a diagonally dominant N by N matrix, by blocks, as in Cilk's example: the first
 * quarter is factored; the second and the third, each a task, are solved by its factors; their product is taken off the
 * fourth, which is factored then.  Solves and products are divided likewise, down to GRAIN.
 * Parameters: N, GRAIN (for which sizes see matrix_check_size). */
#include "bench/matrix.h"

/* m := the x of f x = m, where f is lower triangular with a diagonal of ones; or, upper, of x f = m, f upper
 * triangular. */
struct lu_solve {
    struct matrix m, f;
    long n;
    bool upper;
};

/* Half of a solve. */
struct lu_half {
    struct lu_solve first;
    struct product product; /* to be subtracted */
    struct lu_solve second;
};

/* A decomposition. */
struct lu_parts {
    struct matrix first;
    struct lu_solve solve[2]; /* at once */
    struct product product;   /* to be subtracted */
    struct matrix second;
};

static struct matrix lu_input, lu_whole;
static long lu_n, lu_grain;

static void lu_setup(const long *value)
{
    lu_n = value[0];
    lu_grain = value[1];
    matrix_check_size(lu_n, lu_grain);
    lu_input = matrix_new(lu_n);
    lu_whole = matrix_new(lu_n);
    matrix_fill(lu_input, lu_n, 1);
    for (long i = 0; i < lu_n; i++)
        matrix_row(lu_input, i)[i] += (double)lu_n;
}

static void lu_reset(void)
{
    matrix_copy(lu_whole, lu_input, lu_n);
}

/* The serial kernels: decomposition, solve, product. */
__attribute__((noinline)) static void lu_factor_leaf(struct matrix m, long n)
{
    for (long k = 0; k < n; k++)
        for (long i = k + 1; i < n; i++) {
            double *row = matrix_row(m, i);
            row[k] /= matrix_row(m, k)[k];
            matrix_subtract_row(row + k + 1, matrix_row(m, k) + k + 1, row[k], n - k - 1);
        }
}

static inline void lu_lower_leaf(const struct lu_solve *solve)
{
    for (long i = 0; i < solve->n; i++)
        for (long k = 0; k < i; k++)
            matrix_subtract_row(matrix_row(solve->m, i), matrix_row(solve->m, k), matrix_row(solve->f, i)[k], solve->n);
}

static inline void lu_upper_leaf(const struct lu_solve *solve)
{
    long n = solve->n;
    for (long i = 0; i < n; i++) {
        double *row = matrix_row(solve->m, i);
        for (long k = 0; k < n; k++) {
            const double *f = matrix_row(solve->f, k);
            row[k] /= f[k];
            matrix_subtract_row(row + k + 1, f + k + 1, row[k], n - k - 1);
        }
    }
}

__attribute__((noinline)) static void lu_solve_leaf(const struct lu_solve *solve)
{
    if (solve->upper)
        lu_upper_leaf(solve);
    else
        lu_lower_leaf(solve);
}

static inline void lu_product_leaf(const struct product *p)
{
    matrix_product(p, -1);
}

static inline void lu_split(struct matrix m, long n, struct lu_parts *parts)
{
    long h = n / 2;
    struct matrix right = matrix_part(m, 0, h), below = matrix_part(m, h, 0);
    parts->first = m;
    parts->solve[0] = (struct lu_solve){right, m, h, false};
    parts->solve[1] = (struct lu_solve){below, m, h, true};
    parts->second = matrix_part(m, h, h);
    parts->product = (struct product){parts->second, below, right, h};
}

/* The halves: the left and right columns if lower, the upper and lower rows if upper. */
static inline void lu_solve_split(const struct lu_solve *solve, struct lu_half half[2])
{
    long h = solve->n / 2;
    bool upper = solve->upper;
    struct matrix f = solve->f, corner = matrix_part(f, h, h);
    for (int i = 0; i < 2; i++) {
        struct matrix first = upper ? matrix_part(solve->m, i * h, 0) : matrix_part(solve->m, 0, i * h);
        struct matrix second = upper ? matrix_part(first, 0, h) : matrix_part(first, h, 0);
        half[i].first = (struct lu_solve){first, f, h, upper};
        half[i].product = upper ? (struct product){second, first, matrix_part(f, 0, h), h}
                                : (struct product){second, matrix_part(f, h, 0), first, h};
        half[i].second = (struct lu_solve){second, corner, h, upper};
    }
}

/* Whether L (U x) = A x.  The ones of L's diagonal are not stored. */
static bool lu_verify(void)
{
    double *x = matrix_random_vector(lu_n), *ux = matrix_new_vector(lu_n), *lux = matrix_new_vector(lu_n);
    double *ax = matrix_new_vector(lu_n);
    matrix_apply(ux, lu_whole, MATRIX_UPPER, x, lu_n);
    matrix_apply(lux, lu_whole, MATRIX_BELOW, ux, lu_n);
    for (long i = 0; i < lu_n; i++)
        lux[i] += ux[i];
    matrix_apply(ax, lu_input, MATRIX_WHOLE, x, lu_n);
    bool good = matrix_near(lux, ax, lu_n);
    free(x);
    free(ux);
    free(lux);
    free(ax);
    return good;
}

static uint64_t lu_solve_tasks(long n)
{
    return n <= lu_grain ? 0 : 1 + 4 * lu_solve_tasks(n / 2) + 2 * product_tasks(n / 2, lu_grain);
}

static uint64_t lu_factor_tasks(long n)
{
    long h = n / 2;
    return n <= lu_grain ? 0 : 1 + 2 * lu_factor_tasks(h) + 2 * lu_solve_tasks(h) + product_tasks(h, lu_grain);
}

static uint64_t lu_tasks(void)
{
    return lu_factor_tasks(lu_n);
}

#define LU(init_, run_)                                                                                   \
    (struct bench)                                                                                        \
    {                                                                                                     \
        .name = "lu", .parameters = "N GRAIN", .parameters_count = 2, .init = (init_), .setup = lu_setup, \
        .reset = lu_reset, .run = (run_), .verify = lu_verify, .tasks = lu_tasks                          \
    }

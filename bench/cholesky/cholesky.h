/* Cholesky decomposition A = R'R of a positive definite N by N matrix, by blocks, R upper triangular: the first
 * quarter is factored; the one right of it is solved by the factor; the square of that is taken off the last, which is
 * factored then.  Solves and products are divided into tasks, down to GRAIN.  Only the upper triangle of A is looked
 * at, but for blocks of GRAIN on the diagonal.  Parameters: N, GRAIN (for which sizes see matrix_check_size). */
#include "bench/matrix.h"

/* m := the x of r'x = m. */
struct cholesky_solve {
    struct matrix m, r;
    long n;
};

/* Half of a solve: its left or right columns. */
struct cholesky_half {
    struct cholesky_solve first;
    struct product product; /* c -= a'b */
    struct cholesky_solve second;
};

/* A decomposition. */
struct cholesky_parts {
    struct matrix first;
    struct cholesky_solve solve;
    struct product product; /* c -= a'b */
    struct matrix second;
};

static struct matrix cholesky_input, cholesky_whole;
static long cholesky_n, cholesky_grain;

static void cholesky_setup(const long *value)
{
    long n = value[0];
    cholesky_n = n;
    cholesky_grain = value[1];
    matrix_check_size(n, cholesky_grain);
    cholesky_input = matrix_new(n);
    cholesky_whole = matrix_new(n);
    matrix_fill(cholesky_input, n, 1);
    for (long i = 0; i < n; i++) {
        matrix_row(cholesky_input, i)[i] += (double)n;
        for (long j = 0; j < i; j++)
            matrix_row(cholesky_input, i)[j] = matrix_row(cholesky_input, j)[i];
    }
}

static void cholesky_reset(void)
{
    matrix_copy(cholesky_whole, cholesky_input, cholesky_n);
}

/* The serial kernels: decomposition, solve, product. */
__attribute__((noinline)) static void cholesky_factor_leaf(struct matrix m, long n)
{
    for (long k = 0; k < n; k++) {
        double *row = matrix_row(m, k), root = sqrt(row[k]);
        for (long j = k; j < n; j++)
            row[j] /= root;
        for (long i = k + 1; i < n; i++)
            matrix_subtract_row(matrix_row(m, i) + i, row + i, row[i], n - i);
    }
}

__attribute__((noinline)) static void cholesky_solve_leaf(const struct cholesky_solve *solve)
{
    for (long i = 0; i < solve->n; i++) {
        double *row = matrix_row(solve->m, i);
        for (long k = 0; k < i; k++)
            matrix_subtract_row(row, matrix_row(solve->m, k), matrix_row(solve->r, k)[i], solve->n);
        for (long j = 0; j < solve->n; j++)
            row[j] /= matrix_row(solve->r, i)[i];
    }
}

/* c -= a'b. */
__attribute__((noinline)) static void cholesky_product_leaf(const struct product *p)
{
    for (long i = 0; i < p->n; i++)
        for (long k = 0; k < p->n; k += 4) {
            const double *a = matrix_row(p->a, k) + i;
            const double x[4] = {-a[0], -a[p->a.stride], -a[2 * p->a.stride], -a[3 * p->a.stride]};
            matrix_add_rows(matrix_row(p->c, i), matrix_row(p->b, k), p->b.stride, x, p->n);
        }
}

static inline void cholesky_split(struct matrix m, long n, struct cholesky_parts *parts)
{
    long h = n / 2;
    struct matrix right = matrix_part(m, 0, h);
    parts->first = m;
    parts->solve = (struct cholesky_solve){right, m, h};
    parts->second = matrix_part(m, h, h);
    parts->product = (struct product){parts->second, right, right, h};
}

static inline void cholesky_solve_split(const struct cholesky_solve *solve, struct cholesky_half half[2])
{
    long h = solve->n / 2;
    for (int i = 0; i < 2; i++) {
        struct matrix upper = matrix_part(solve->m, 0, i * h), lower = matrix_part(upper, h, 0);
        half[i].first = (struct cholesky_solve){upper, solve->r, h};
        half[i].product = (struct product){lower, matrix_part(solve->r, 0, h), upper, h};
        half[i].second = (struct cholesky_solve){lower, matrix_part(solve->r, h, h), h};
    }
}

/* Makes the products of the quarters: those in part[0] and on can be done at once, and those in part[4] and on after
 * them.  Returns how many each are: 4, or 3 if the product is symmetric, a square. */
static inline int cholesky_product_split(const struct product *p, struct product part[8])
{
    static const int order[4] = {3, 1, 0, 2}; /* the one below the diagonal is the last */
    long h = p->n / 2;
    for (int i = 0; i < 8; i++) {
        long row = order[i % 4] & 2 ? h : 0, column = order[i % 4] & 1 ? h : 0, k = i & 4 ? h : 0;
        part[i] = (struct product){matrix_part(p->c, row, column), matrix_part(p->a, k, row),
                                   matrix_part(p->b, k, column), h};
    }
    return p->a.at == p->b.at ? 3 : 4;
}

/* x := R'(R x). */
static void cholesky_apply(double *x, long n)
{
    double *rx = matrix_new_vector(n);
    matrix_apply(rx, cholesky_whole, MATRIX_UPPER, x, n);
    memset(x, 0, sizeof(double) * (size_t)n);
    for (long i = 0; i < n; i++)
        for (long j = i; j < n; j++)
            x[j] += matrix_row(cholesky_whole, i)[j] * rx[i];
    free(rx);
}

/* Whether R'(R x) = A x. */
static bool cholesky_verify(void)
{
    double *x = matrix_random_vector(cholesky_n), *ax = matrix_new_vector(cholesky_n);
    matrix_apply(ax, cholesky_input, MATRIX_WHOLE, x, cholesky_n);
    cholesky_apply(x, cholesky_n);
    bool good = matrix_near(x, ax, cholesky_n);
    free(x);
    free(ax);
    return good;
}

static uint64_t cholesky_square_tasks(long n)
{
    return n <= cholesky_grain ? 0 : 4 + 4 * cholesky_square_tasks(n / 2) + 2 * product_tasks(n / 2, cholesky_grain);
}

static uint64_t cholesky_solve_tasks(long n)
{
    return n <= cholesky_grain ? 0 : 1 + 4 * cholesky_solve_tasks(n / 2) + 2 * product_tasks(n / 2, cholesky_grain);
}

static uint64_t cholesky_factor_tasks(long n)
{
    long h = n / 2;
    return n <= cholesky_grain ? 0 : 2 * cholesky_factor_tasks(h) + cholesky_solve_tasks(h) + cholesky_square_tasks(h);
}

/* Of three or four products, and of two halves, one is done by the spawner. */
static uint64_t cholesky_tasks(void)
{
    return cholesky_factor_tasks(cholesky_n);
}

#define CHOLESKY(init_, run_)                                                                                         \
    (struct bench)                                                                                                    \
    {                                                                                                                 \
        .name = "cholesky", .parameters = "N GRAIN", .parameters_count = 2, .init = (init_), .setup = cholesky_setup, \
        .reset = cholesky_reset, .run = (run_), .verify = cholesky_verify, .tasks = cholesky_tasks                    \
    }

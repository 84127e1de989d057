/* Product of two N by N matrices by Strassen's seven products of half the size, each a task that also makes its
 * operands; then their sums, in tasks of GRAIN rows.  Up to GRAIN, matmul's kernel.  Each level allocates
 * what it needs.  Parameters: N, GRAIN (for which sizes see matrix_check_size). */
#include "bench/matrix.h"

#include <malloc.h>

/* One of the seven products. */
struct strassen_part {
    struct product product;
    int which;
};

/* Rows of the quarters of a result, which are sums of its seven products. */
struct strassen_rows {
    const struct product *product;
    const struct strassen_part *part;
    long begin, end;
};

/* An operand: the sum or difference of two quarters of a matrix (0 1 above 2 3), or one quarter. */
struct strassen_operand {
    int first, second; /* second: -1 if there is none */
    double sign;
};

static const struct strassen_operand strassen_left[7] = {{0, 3, 1}, {2, 3, 1},  {0, -1, 0}, {3, -1, 0},
                                                         {0, 1, 1}, {2, 0, -1}, {1, 3, -1}};
static const struct strassen_operand strassen_right[7] = {{0, 3, 1},  {0, -1, 0}, {1, 3, -1}, {2, 0, -1},
                                                          {3, -1, 0}, {0, 1, 1},  {2, 3, 1}};
static struct product strassen_whole;
static long strassen_grain;

static void strassen_setup(const long *value)
{
    long n = value[0];
    strassen_grain = value[1];
    matrix_check_size(n, strassen_grain);
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* memory stays with the process: page faults aren't what is measured */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    strassen_whole = (struct product){matrix_new(n), matrix_new(n), matrix_new(n), n};
    matrix_fill(strassen_whole.a, n, 1);
    matrix_fill(strassen_whole.b, n, 2);
}

static void strassen_reset(void)
{
    matrix_zero(strassen_whole.c, strassen_whole.n);
}

/* The serial kernel: c = a b. */
static inline void strassen_leaf(const struct product *p)
{
    matrix_zero(p->c, p->n);
    matrix_product(p, 1);
}

/* h: half of the size of m. */
static inline struct matrix strassen_quarter(struct matrix m, long h, int which)
{
    return matrix_part(m, which & 2 ? h : 0, which & 1 ? h : 0);
}

/* The seven products, whose operands are not made yet: a and b are the whole ones. */
static inline void strassen_split(const struct product *p, struct strassen_part part[7])
{
    for (int i = 0; i < 7; i++)
        part[i] = (struct strassen_part){{matrix_new(p->n / 2), p->a, p->b, p->n / 2}, i};
}

static inline struct matrix strassen_sum(struct matrix m, long h, const struct strassen_operand *operand)
{
    struct matrix first = strassen_quarter(m, h, operand->first);
    if (operand->second < 0)
        return first;
    struct matrix second = strassen_quarter(m, h, operand->second), sum = matrix_new(h);
    for (long i = 0; i < h; i++) {
        const double *x = matrix_row(first, i), *y = matrix_row(second, i);
        double *__restrict to = matrix_row(sum, i);
        for (long j = 0; j < h; j++)
            to[j] = x[j] + operand->sign * y[j];
    }
    return sum;
}

/* Makes the operands of a product. */
static inline void strassen_begin(struct strassen_part *part)
{
    struct product *p = &part->product;
    p->a = strassen_sum(p->a, p->n, &strassen_left[part->which]);
    p->b = strassen_sum(p->b, p->n, &strassen_right[part->which]);
}

static inline void strassen_end(struct strassen_part *part)
{
    if (strassen_left[part->which].second >= 0)
        free(part->product.a.at);
    if (strassen_right[part->which].second >= 0)
        free(part->product.b.at);
}

/* Row i of the quarters of c. */
static inline void strassen_sum_row(const struct product *p, const struct strassen_part part[7], long i)
{
    const double *m[7];
    double *c[4];
    for (int k = 0; k < 7; k++)
        m[k] = matrix_row(part[k].product.c, i);
    for (int k = 0; k < 4; k++)
        c[k] = matrix_row(strassen_quarter(p->c, p->n / 2, k), i);
    for (long j = 0; j < p->n / 2; j++) {
        double m0 = m[0][j], m1 = m[1][j], m2 = m[2][j], m3 = m[3][j], m4 = m[4][j], m5 = m[5][j], m6 = m[6][j];
        c[0][j] = m0 + m3 - m4 + m6;
        c[1][j] = m2 + m4;
        c[2][j] = m1 + m3;
        c[3][j] = m0 - m1 + m2 + m5;
    }
}

/* Up to GRAIN rows. */
static inline void strassen_combine(const struct strassen_rows *rows)
{
    for (long i = rows->begin; i < rows->end; i++)
        strassen_sum_row(rows->product, rows->part, i);
}

/* All rows of a product that its parts are combined to. */
static inline struct strassen_rows strassen_all_rows(const struct product *p, const struct strassen_part part[7])
{
    return (struct strassen_rows){p, part, 0, p->n / 2};
}

/* False: so few are not divided. */
static inline bool strassen_halves(const struct strassen_rows *rows, struct strassen_rows half[2])
{
    half[0] = half[1] = *rows;
    half[0].end = half[1].begin = rows->begin + (rows->end - rows->begin) / 2;
    return rows->end - rows->begin > strassen_grain;
}

/* Frees the seven products. */
static inline void strassen_free(const struct strassen_part part[7])
{
    for (int i = 0; i < 7; i++)
        free(part[i].product.c.at);
}

static bool strassen_verify(void)
{
    return matrix_is_product(&strassen_whole);
}

/* Of seven products, and of two halves of their sums, one is done by the spawner. */
static uint64_t strassen_tasks_of(long n)
{
    uint64_t pieces = 1;
    for (long rows = n / 2; rows > strassen_grain; rows /= 2)
        pieces *= 2;
    return n <= strassen_grain ? 0 : 6 + 7 * strassen_tasks_of(n / 2) + pieces - 1;
}

static uint64_t strassen_tasks(void)
{
    return strassen_tasks_of(strassen_whole.n);
}

#define STRASSEN(init_, run_)                                                                                         \
    (struct bench)                                                                                                    \
    {                                                                                                                 \
        .name = "strassen", .parameters = "N GRAIN", .parameters_count = 2, .init = (init_), .setup = strassen_setup, \
        .reset = strassen_reset, .run = (run_), .verify = strassen_verify, .tasks = strassen_tasks                    \
    }

/* What the programs on dense matrices share: square matrices of doubles and their parts, the kernel of a product, and
 * the checks by vectors. */
#ifndef BENCH_MATRIX_H
#define BENCH_MATRIX_H

#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MATRIX_PAD 8 /* doubles after each row, as rows a power of two apart share few cache lines */
#define MATRIX_ERROR 1e-9

/* A matrix or a part of one; its size is known to the caller. */
struct matrix {
    double *at;
    long stride;
};

/* c += a b or c -= a b, all of size n. */
struct product {
    struct matrix c, a, b;
    long n;
};

static inline double *matrix_new_vector(long n)
{
    double *vector = (double *)aligned_alloc(64, sizeof(double) * (size_t)n);
    if (!vector) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return vector;
}

/* n: a multiple of 8. */
static inline struct matrix matrix_new(long n)
{
    return (struct matrix){matrix_new_vector(n * (n + MATRIX_PAD)), n + MATRIX_PAD};
}

static inline double *matrix_row(struct matrix m, long i)
{
    return m.at + i * m.stride;
}

static inline struct matrix matrix_part(struct matrix m, long i, long j)
{
    m.at += i * m.stride + j;
    return m;
}

/* Halving n until it is at most grain must end at a multiple of 8. */
static inline void matrix_check_size(long n, long grain)
{
    long leaf = n;
    while (leaf > grain && leaf % 2 == 0)
        leaf /= 2;
    if (leaf > grain || leaf < 8 || leaf % 8 != 0) {
        fprintf(stderr,
                "N must be 8 or a higher multiple of 8, times a power of two, and GRAIN no less than the former\n");
        exit(2);
    }
}

static inline void matrix_zero(struct matrix m, long n)
{
    for (long i = 0; i < n; i++)
        memset(matrix_row(m, i), 0, sizeof(double) * (size_t)n);
}

static inline void matrix_copy(struct matrix to, struct matrix from, long n)
{
    for (long i = 0; i < n; i++)
        memcpy(matrix_row(to, i), matrix_row(from, i), sizeof(double) * (size_t)n);
}

/* From -1 to 1. */
static inline double matrix_random(uint64_t *state)
{
    return (double)(int64_t)bench_random(state) * 0x1p-63;
}

static inline void matrix_fill(struct matrix m, long n, uint64_t seed)
{
    for (long i = 0; i < n; i++)
        for (long j = 0; j < n; j++)
            matrix_row(m, i)[j] = matrix_random(&seed);
}

/* to += x[0] b0 + ... + x[3] b3, rows that lie stride apart. */
static inline void matrix_add_rows(double *__restrict to, const double *__restrict b, long stride, const double x[4],
                                   long n)
{
    const double x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
    for (long j = 0; j < n; j++)
        to[j] += x0 * b[j] + x1 * b[j + stride] + x2 * b[j + 2 * stride] + x3 * b[j + 3 * stride];
}

/* to -= x from. */
static inline void matrix_subtract_row(double *__restrict to, const double *__restrict from, double x, long n)
{
    for (long j = 0; j < n; j++)
        to[j] -= x * from[j];
}

/* The kernel: c += sign a b.  Not inlined, so that its code is the same in all programs of a compiler. */
__attribute__((noinline, unused)) static void matrix_product(const struct product *p, double sign)
{
    for (long i = 0; i < p->n; i++)
        for (long k = 0; k < p->n; k += 4) {
            const double *a = matrix_row(p->a, i) + k;
            const double x[4] = {sign * a[0], sign * a[1], sign * a[2], sign * a[3]};
            matrix_add_rows(matrix_row(p->c, i), matrix_row(p->b, k), p->b.stride, x, p->n);
        }
}

/* The eight products of quarters: four for the quarters of c, and four more for the same to be done after them. */
static inline void product_split(const struct product *p, struct product part[8])
{
    long h = p->n / 2;
    for (int i = 0; i < 8; i++) {
        long row = i & 2 ? h : 0, column = i & 1 ? h : 0, k = i & 4 ? h : 0;
        part[i] = (struct product){matrix_part(p->c, row, column), matrix_part(p->a, row, k),
                                   matrix_part(p->b, k, column), h};
    }
}

/* How many tasks a product of size n takes by product_split: of four, one is done by the spawner. */
static inline uint64_t product_tasks(long n, long grain)
{
    return n <= grain ? 0 : 6 + 8 * product_tasks(n / 2, grain);
}

/* y = m x, taking the whole of m, or what is below its diagonal, or its diagonal and what is above. */
enum matrix_shape { MATRIX_WHOLE, MATRIX_BELOW, MATRIX_UPPER };

static inline void matrix_apply(double *y, struct matrix m, enum matrix_shape shape, const double *x, long n)
{
    for (long i = 0; i < n; i++) {
        long first = shape == MATRIX_UPPER ? i : 0, last = shape == MATRIX_BELOW ? i : n;
        y[i] = 0;
        for (long j = first; j < last; j++)
            y[i] += matrix_row(m, i)[j] * x[j];
    }
}

/* Whether the vectors are the same but for rounding. */
static inline bool matrix_near(const double *x, const double *y, long n)
{
    double error = 0, size = 0;
    for (long i = 0; i < n; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i]))
            return false;
        error = fmax(error, fabs(x[i] - y[i]));
        size = fmax(size, fabs(y[i]));
    }
    return error <= MATRIX_ERROR * size;
}

static inline double *matrix_random_vector(long n)
{
    uint64_t state = 1;
    double *x = matrix_new_vector(n);
    for (long i = 0; i < n; i++)
        x[i] = matrix_random(&state);
    return x;
}

/* Freivalds' check that c = a b: whether c x = a (b x). */
static inline bool matrix_is_product(const struct product *p)
{
    long n = p->n;
    double *x = matrix_random_vector(n), *bx = matrix_new_vector(n), *abx = matrix_new_vector(n);
    double *cx = matrix_new_vector(n);
    matrix_apply(bx, p->b, MATRIX_WHOLE, x, n);
    matrix_apply(abx, p->a, MATRIX_WHOLE, bx, n);
    matrix_apply(cx, p->c, MATRIX_WHOLE, x, n);
    bool good = matrix_near(cx, abx, n);
    free(x);
    free(bx);
    free(abx);
    free(cx);
    return good;
}

#endif

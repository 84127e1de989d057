#include "bench/openmp.h"
#include "bench/cholesky/cholesky.h"

static void product(const struct product *p)
{
    struct product part[8];
    if (p->n <= cholesky_grain) {
        cholesky_product_leaf(p);
        return;
    }
    int count = cholesky_product_split(p, part);
    for (int phase = 0; phase < 8; phase += 4) {
        for (int i = phase; i < phase + count - 1; i++) {
#pragma omp task shared(part) firstprivate(i)
            product(&part[i]);
        }
        product(&part[phase + count - 1]);
#pragma omp taskwait
    }
}

static void solve(const struct cholesky_solve *whole);

static void half_solve(const struct cholesky_half *half)
{
    solve(&half->first);
    product(&half->product);
    solve(&half->second);
}

static void solve(const struct cholesky_solve *whole)
{
    struct cholesky_half half[2];
    if (whole->n <= cholesky_grain) {
        cholesky_solve_leaf(whole);
        return;
    }
    cholesky_solve_split(whole, half);
#pragma omp task shared(half)
    half_solve(&half[0]);
    half_solve(&half[1]);
#pragma omp taskwait
}

static void factor(struct matrix m, long n)
{
    struct cholesky_parts parts;
    if (n <= cholesky_grain) {
        cholesky_factor_leaf(m, n);
        return;
    }
    cholesky_split(m, n, &parts);
    factor(parts.first, n / 2);
    solve(&parts.solve);
    product(&parts.product);
    factor(parts.second, n / 2);
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    factor(cholesky_whole, cholesky_n);
}

int main(int argc, char **argv)
{
    struct bench bench = CHOLESKY(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

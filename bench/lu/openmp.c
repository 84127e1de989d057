#include "bench/openmp.h"
#include "bench/lu/lu.h"

static void product(const struct product *p)
{
    struct product part[8];
    if (p->n <= lu_grain) {
        lu_product_leaf(p);
        return;
    }
    product_split(p, part);
    for (int phase = 0; phase < 8; phase += 4) {
        for (int i = phase; i < phase + 3; i++) {
#pragma omp task shared(part) firstprivate(i)
            product(&part[i]);
        }
        product(&part[phase + 3]);
#pragma omp taskwait
    }
}

static void solve(const struct lu_solve *whole);

static void half_solve(const struct lu_half *half)
{
    solve(&half->first);
    product(&half->product);
    solve(&half->second);
}

static void solve(const struct lu_solve *whole)
{
    struct lu_half half[2];
    if (whole->n <= lu_grain) {
        lu_solve_leaf(whole);
        return;
    }
    lu_solve_split(whole, half);
#pragma omp task shared(half)
    half_solve(&half[0]);
    half_solve(&half[1]);
#pragma omp taskwait
}

static void factor(struct matrix m, long n)
{
    struct lu_parts parts;
    if (n <= lu_grain) {
        lu_factor_leaf(m, n);
        return;
    }
    lu_split(m, n, &parts);
    factor(parts.first, n / 2);
#pragma omp task shared(parts)
    solve(&parts.solve[0]);
    solve(&parts.solve[1]);
#pragma omp taskwait
    product(&parts.product);
    factor(parts.second, n / 2);
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    factor(lu_whole, lu_n);
}

int main(int argc, char **argv)
{
    struct bench bench = LU(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

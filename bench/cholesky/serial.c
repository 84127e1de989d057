#include "bench/serial.h"
#include "bench/cholesky/cholesky.h"

static void product(const struct product *p)
{
    struct product part[8];
    if (p->n <= cholesky_grain) {
        cholesky_product_leaf(p);
        return;
    }
    int count = cholesky_product_split(p, part);
    for (int phase = 0; phase < 8; phase += 4)
        for (int i = phase; i < phase + count; i++)
            product(&part[i]);
}

static void solve(const struct cholesky_solve *whole)
{
    struct cholesky_half half[2];
    if (whole->n <= cholesky_grain) {
        cholesky_solve_leaf(whole);
        return;
    }
    cholesky_solve_split(whole, half);
    for (int i = 0; i < 2; i++) {
        solve(&half[i].first);
        product(&half[i].product);
        solve(&half[i].second);
    }
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
    factor(cholesky_whole, cholesky_n);
}

int main(int argc, char **argv)
{
    struct bench bench = CHOLESKY(serial_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/serial.h"
#include "bench/lu/lu.h"

static void product(const struct product *p)
{
    struct product part[8];
    if (p->n <= lu_grain) {
        lu_product_leaf(p);
        return;
    }
    product_split(p, part);
    for (int i = 0; i < 8; i++)
        product(&part[i]);
}

static void solve(const struct lu_solve *whole)
{
    struct lu_half half[2];
    if (whole->n <= lu_grain) {
        lu_solve_leaf(whole);
        return;
    }
    lu_solve_split(whole, half);
    for (int i = 0; i < 2; i++) {
        solve(&half[i].first);
        product(&half[i].product);
        solve(&half[i].second);
    }
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
    solve(&parts.solve[0]);
    solve(&parts.solve[1]);
    product(&parts.product);
    factor(parts.second, n / 2);
}

static void run(void)
{
    factor(lu_whole, lu_n);
}

int main(int argc, char **argv)
{
    struct bench bench = LU(serial_init, run);
    return bench_main(argc, argv, &bench);
}

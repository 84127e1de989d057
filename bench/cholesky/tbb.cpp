#include "bench/tbb.hpp"
#include "bench/cholesky/cholesky.h"

#include <tbb/parallel_invoke.h>

static void multiply(const product &p);

static void phase(const product *part, int count)
{
    auto first = [part] { multiply(part[0]); };
    auto second = [part] { multiply(part[1]); };
    auto third = [part] { multiply(part[2]); };
    if (count == 3)
        tbb::parallel_invoke(first, second, third);
    else
        tbb::parallel_invoke(first, second, third, [part] { multiply(part[3]); });
}

static void multiply(const product &p)
{
    product part[8];
    if (p.n <= cholesky_grain) {
        cholesky_product_leaf(&p);
        return;
    }
    int count = cholesky_product_split(&p, part);
    phase(part, count);
    phase(part + 4, count);
}

static void solve(const cholesky_solve &whole);

static void half_solve(const cholesky_half &half)
{
    solve(half.first);
    multiply(half.product);
    solve(half.second);
}

static void solve(const cholesky_solve &whole)
{
    cholesky_half half[2];
    if (whole.n <= cholesky_grain) {
        cholesky_solve_leaf(&whole);
        return;
    }
    cholesky_solve_split(&whole, half);
    tbb::parallel_invoke([&half] { half_solve(half[0]); }, [&half] { half_solve(half[1]); });
}

static void factor(matrix m, long n)
{
    cholesky_parts parts;
    if (n <= cholesky_grain) {
        cholesky_factor_leaf(m, n);
        return;
    }
    cholesky_split(m, n, &parts);
    factor(parts.first, n / 2);
    solve(parts.solve);
    multiply(parts.product);
    factor(parts.second, n / 2);
}

static void run(void)
{
    tbb_arena->execute([] { factor(cholesky_whole, cholesky_n); });
}

int main(int argc, char **argv)
{
    struct bench bench = CHOLESKY(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

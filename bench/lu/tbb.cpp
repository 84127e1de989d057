#include "bench/tbb.hpp"
#include "bench/lu/lu.h"

#include <tbb/parallel_invoke.h>

static void multiply(const product &p)
{
    product part[8];
    if (p.n <= lu_grain) {
        lu_product_leaf(&p);
        return;
    }
    product_split(&p, part);
    for (int i = 0; i < 8; i += 4)
        tbb::parallel_invoke([&part, i] { multiply(part[i]); }, [&part, i] { multiply(part[i + 1]); },
                             [&part, i] { multiply(part[i + 2]); }, [&part, i] { multiply(part[i + 3]); });
}

static void solve(const lu_solve &whole);

static void half_solve(const lu_half &half)
{
    solve(half.first);
    multiply(half.product);
    solve(half.second);
}

static void solve(const lu_solve &whole)
{
    lu_half half[2];
    if (whole.n <= lu_grain) {
        lu_solve_leaf(&whole);
        return;
    }
    lu_solve_split(&whole, half);
    tbb::parallel_invoke([&half] { half_solve(half[0]); }, [&half] { half_solve(half[1]); });
}

static void factor(matrix m, long n)
{
    lu_parts parts;
    if (n <= lu_grain) {
        lu_factor_leaf(m, n);
        return;
    }
    lu_split(m, n, &parts);
    factor(parts.first, n / 2);
    tbb::parallel_invoke([&parts] { solve(parts.solve[0]); }, [&parts] { solve(parts.solve[1]); });
    multiply(parts.product);
    factor(parts.second, n / 2);
}

static void run(void)
{
    tbb_arena->execute([] { factor(lu_whole, lu_n); });
}

int main(int argc, char **argv)
{
    struct bench bench = LU(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

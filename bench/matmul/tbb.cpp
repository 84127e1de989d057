#include "bench/tbb.hpp"
#include "bench/matmul/matmul.h"

#include <tbb/parallel_invoke.h>

static void multiply(const product &p)
{
    product part[8];
    if (p.n <= matmul_grain) {
        matmul_leaf(&p);
        return;
    }
    product_split(&p, part);
    for (int i = 0; i < 8; i += 4)
        tbb::parallel_invoke([&part, i] { multiply(part[i]); }, [&part, i] { multiply(part[i + 1]); },
                             [&part, i] { multiply(part[i + 2]); }, [&part, i] { multiply(part[i + 3]); });
}

static void run(void)
{
    tbb_arena->execute([] { multiply(matmul_whole); });
}

int main(int argc, char **argv)
{
    struct bench bench = MATMUL(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

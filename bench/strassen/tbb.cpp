#include "bench/tbb.hpp"
#include "bench/strassen/strassen.h"

#include <tbb/parallel_invoke.h>

static void multiply(const product &p);

static void one(strassen_part &part)
{
    strassen_begin(&part);
    multiply(part.product);
    strassen_end(&part);
}

static void combine(const strassen_rows &rows)
{
    strassen_rows half[2];
    if (strassen_halves(&rows, half))
        tbb::parallel_invoke([&half] { combine(half[0]); }, [&half] { combine(half[1]); });
    else
        strassen_combine(&rows);
}

static void multiply(const product &p)
{
    strassen_part part[7];
    if (p.n <= strassen_grain) {
        strassen_leaf(&p);
        return;
    }
    strassen_split(&p, part);
    tbb::parallel_invoke([&part] { one(part[0]); }, [&part] { one(part[1]); }, [&part] { one(part[2]); },
                         [&part] { one(part[3]); }, [&part] { one(part[4]); }, [&part] { one(part[5]); },
                         [&part] { one(part[6]); });
    combine(strassen_all_rows(&p, part));
    strassen_free(part);
}

static void run(void)
{
    tbb_arena->execute([] { multiply(strassen_whole); });
}

int main(int argc, char **argv)
{
    struct bench bench = STRASSEN(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

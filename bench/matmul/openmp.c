#include "bench/openmp.h"
#include "bench/matmul/matmul.h"

static void multiply(const struct product *p)
{
    struct product part[8];
    if (p->n <= matmul_grain) {
        matmul_leaf(p);
        return;
    }
    product_split(p, part);
    for (int phase = 0; phase < 8; phase += 4) {
        for (int i = phase; i < phase + 3; i++) {
#pragma omp task shared(part) firstprivate(i)
            multiply(&part[i]);
        }
        multiply(&part[phase + 3]);
#pragma omp taskwait
    }
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    multiply(&matmul_whole);
}

int main(int argc, char **argv)
{
    struct bench bench = MATMUL(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

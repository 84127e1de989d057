#include "bench/openmp.h"
#include "bench/strassen/strassen.h"

static void multiply(const struct product *p);

static void one(struct strassen_part *part)
{
    strassen_begin(part);
    multiply(&part->product);
    strassen_end(part);
}

static void combine(const struct strassen_rows *rows)
{
    struct strassen_rows half[2];
    if (!strassen_halves(rows, half)) {
        strassen_combine(rows);
        return;
    }
#pragma omp task shared(half)
    combine(&half[0]);
    combine(&half[1]);
#pragma omp taskwait
}

static void multiply(const struct product *p)
{
    struct strassen_part part[7];
    if (p->n <= strassen_grain) {
        strassen_leaf(p);
        return;
    }
    strassen_split(p, part);
    for (int i = 0; i < 6; i++) {
#pragma omp task shared(part) firstprivate(i)
        one(&part[i]);
    }
    one(&part[6]);
#pragma omp taskwait
    struct strassen_rows rows = strassen_all_rows(p, part);
    combine(&rows);
    strassen_free(part);
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    multiply(&strassen_whole);
}

int main(int argc, char **argv)
{
    struct bench bench = STRASSEN(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

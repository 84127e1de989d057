/* Variants: 0 only the outer loop in parallel; 1 collapse(2). */
#include "bench/openmp.h"
#include "bench/nested/nested.h"

static inline void item(long row, long column)
{
    long i = row * nested_columns + column;
    if (loop_rounds)
        loop_item(i);
    else
        loop_x[i] = item_step(loop_x[i]);
}

static void loop(void *arg)
{
    (void)arg;
#pragma omp parallel for schedule(static)
    for (long row = 0; row < nested_rows; row++)
        nested_items(row, 0, nested_columns);
}

static void loop_collapsed(void *arg)
{
    (void)arg;
#pragma omp parallel for collapse(2) schedule(static)
    for (long row = 0; row < nested_rows; row++)
        for (long column = 0; column < nested_columns; column++)
            item(row, column);
}

static void run(void)
{
    repeat_run(loop_variant ? loop_collapsed : loop, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = NESTED(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

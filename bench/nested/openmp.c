/* Variants: only the outer loop in parallel, 0 static, 2 dynamic, 3 guided; 1 collapse(2). */
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

#define OUTER_OF(name, directive)                                                                             \
    static void name(void *arg)                                                                               \
    {                                                                                                         \
        (void)arg;                                                                                            \
        _Pragma(directive) for (long row = 0; row < nested_rows; row++) nested_items(row, 0, nested_columns); \
    }

OUTER_OF(loop_static, "omp parallel for schedule(static)")
OUTER_OF(loop_dynamic, "omp parallel for schedule(dynamic)")
OUTER_OF(loop_guided, "omp parallel for schedule(guided)")

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
    repeat_run(loop_variant == 1   ? loop_collapsed
               : loop_variant == 2 ? loop_dynamic
               : loop_variant == 3 ? loop_guided
                                   : loop_static,
               NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = NESTED(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

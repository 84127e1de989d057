/* A parallel loop over COLUMNS items inside one over ROWS, repeated.  Parameters: ROWS, COLUMNS, COST and VARIANT as in
 * bench/loop/loop.h. */
#include "bench/loop/loop.h"

static long nested_rows, nested_columns;

static void nested_setup(const long *value)
{
    nested_rows = value[0] > 0 ? value[0] : 1;
    nested_columns = value[1] > 0 ? value[1] : 1;
    const long loop[5] = {nested_rows * nested_columns, value[2], LOOP_UNIFORM, value[3], 0};
    loop_setup(loop);
}

/* Some columns of a row. */
static inline void nested_items(long row, long begin, long end)
{
    loop_items(row * nested_columns + begin, row * nested_columns + end);
}

#define NESTED(init_, run_)                                                                                  \
    (struct bench)                                                                                           \
    {                                                                                                        \
        .name = "nested", .parameters = "ROWS COLUMNS COST VARIANT", .parameters_count = 4, .init = (init_), \
        .setup = nested_setup, .reset = 0, .run = (run_), .verify = loop_verify, .tasks = repeat_tasks,      \
        .seconds = repeat_seconds                                                                            \
    }

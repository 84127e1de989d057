/* Variants: 0 a loop inside a loop; 1 scope_for_2d. */
#include "bench/taskscope.h"
#include "bench/nested/nested.h"

#include <taskscope_loop.h>

static int columns(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    nested_items(*(const long *)arg, (long)begin, (long)end);
    return 0;
}

static int rows(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)arg;
    for (long row = (long)begin; row < (long)end; row++) {
        int code = scope_for(s, 0, (size_t)nested_columns, columns, &row);
        if (code)
            return code;
    }
    return 0;
}

static void loop(void *s)
{
    (void)scope_for((struct scope *)s, 0, (size_t)nested_rows, rows, NULL);
}

static int rectangle(struct scope *s, struct scope_range rows, struct scope_range columns, void *arg)
{
    (void)s;
    (void)arg;
    for (size_t row = rows.begin; row < rows.end; row++)
        nested_items((long)row, (long)columns.begin, (long)columns.end);
    return 0;
}

static void loop_2d(void *s)
{
    struct scope_range all[2] = {{0, (size_t)nested_rows}, {0, (size_t)nested_columns}};
    (void)scope_for_2d((struct scope *)s, all[0], all[1], rectangle, NULL);
}

static int loops(struct scope *s, void *arg)
{
    (void)arg;
    repeat_run(loop_variant ? loop_2d : loop, s);
    return 0;
}

static void run(void)
{
    (void)scope_run(loops, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = NESTED(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

/* scope_sort, which calls a comparison. */
#include "bench/sort/compare.h"
#include "bench/taskscope.h"

static void run(void)
{
    if (sort_kind == SORT_NUMBERS)
        (void)scope_sort(NULL, sort_numbers, sort_n, sizeof(*sort_numbers), sort_compare_numbers, NULL);
    else if (sort_kind == SORT_DOUBLES)
        (void)scope_sort(NULL, sort_doubles, sort_n, sizeof(*sort_doubles), sort_compare_doubles, NULL);
    else
        (void)scope_sort(NULL, sort_strings, sort_n, sizeof(*sort_strings), sort_compare_strings, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = SORT(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

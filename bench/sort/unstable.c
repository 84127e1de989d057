/* SCOPE_SORT_UNSTABLE. */
#include "bench/sort/sort.h"
#include "bench/taskscope.h"

#define LESS(a, b) (*(a) < *(b))
#define STRING_LESS(a, b) (strcmp(*(a), *(b)) < 0)

SCOPE_SORT_UNSTABLE(uint32_t, numbers_sort, LESS);
SCOPE_SORT_UNSTABLE(double, doubles_sort, LESS);
SCOPE_SORT_UNSTABLE(char *, strings_sort, STRING_LESS);

static void run(void)
{
    if (sort_stable)
        exit(3); /* not applicable */
    if (sort_kind == SORT_NUMBERS)
        (void)numbers_sort(NULL, sort_numbers, sort_n);
    else if (sort_kind == SORT_DOUBLES)
        (void)doubles_sort(NULL, sort_doubles, sort_n);
    else
        (void)strings_sort(NULL, sort_strings, sort_n);
}

int main(int argc, char **argv)
{
    struct bench bench = SORT(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

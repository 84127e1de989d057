/* SCOPE_SORT, into which the comparison is compiled, as the peers' are. */
#include "bench/taskscope.h"
#include "bench/sort/sort.h"

#define LESS(a, b) (*(a) < *(b))
#define STRING_LESS(a, b) (strcmp(*(a), *(b)) < 0)

SCOPE_SORT(uint32_t, numbers_sort, LESS);
SCOPE_SORT(double, doubles_sort, LESS);
SCOPE_SORT(char *, strings_sort, STRING_LESS);

static void run(void)
{
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

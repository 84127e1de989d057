/* scope_sort_u32 and scope_sort_double, which sort by bits. */
#include "bench/sort/sort.h"
#include "bench/taskscope.h"

static void run(void)
{
    if (sort_kind == SORT_NUMBERS)
        (void)scope_sort_u32(NULL, sort_numbers, sort_n);
    else if (sort_kind == SORT_DOUBLES)
        (void)scope_sort_double(NULL, sort_doubles, sort_n);
    else
        exit(3); /* not applicable */
}

int main(int argc, char **argv)
{
    struct bench bench = SORT(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

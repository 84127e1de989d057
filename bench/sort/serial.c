/* glibc's qsort_r. */
#include "bench/serial.h"
#include "bench/sort/compare.h"

static void run(void)
{
    if (sort_kind == SORT_NUMBERS)
        qsort_r(sort_numbers, sort_n, sizeof(*sort_numbers), sort_compare_numbers, NULL);
    else if (sort_kind == SORT_DOUBLES)
        qsort_r(sort_doubles, sort_n, sizeof(*sort_doubles), sort_compare_doubles, NULL);
    else
        qsort_r(sort_strings, sort_n, sizeof(*sort_strings), sort_compare_strings, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = SORT(serial_init, run);
    return bench_main(argc, argv, &bench);
}

/* The comparisons that qsort and scope_sort call. */
#include "bench/sort/sort.h"

static inline int sort_compare_numbers(const void *a, const void *b, void *arg)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    (void)arg;
    return (x > y) - (x < y);
}

static inline int sort_compare_doubles(const void *a, const void *b, void *arg)
{
    double x = *(const double *)a, y = *(const double *)b;
    (void)arg;
    return (x > y) - (x < y);
}

static inline int sort_compare_strings(const void *a, const void *b, void *arg)
{
    (void)arg;
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The C++ programs: the same call for each kind. */
#include "bench/sort/sort.h"

struct sort_string_less {
    bool operator()(const char *a, const char *b) const
    {
        return strcmp(a, b) < 0;
    }
};

/* sort(begin, end) for numbers and doubles, sort(begin, end, less) for strings. */
template <typename Sort> static void sort_each(Sort sort)
{
    if (sort_kind == SORT_NUMBERS)
        sort(sort_numbers, sort_numbers + sort_n, std::less<uint32_t>());
    else if (sort_kind == SORT_DOUBLES)
        sort(sort_doubles, sort_doubles + sort_n, std::less<double>());
    else
        sort(sort_strings, sort_strings + sort_n, sort_string_less());
}

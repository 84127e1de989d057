/* std::sort and std::stable_sort. */
#include <algorithm>
#include <functional>

#include "bench/serial.h"
#include "bench/sort/sort.hpp"

static void run(void)
{
    sort_each([](auto begin, auto end, auto less) {
        if (sort_stable)
            std::stable_sort(begin, end, less);
        else
            std::sort(begin, end, less);
    });
}

int main(int argc, char **argv)
{
    struct bench bench = SORT(serial_init, run);
    return bench_main(argc, argv, &bench);
}

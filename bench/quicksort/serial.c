#include "bench/serial.h"
#include "bench/quicksort/quicksort.h"

static void run(void)
{
    quicksort_serial(quicksort_values, quicksort_n);
}

int main(int argc, char **argv)
{
    struct bench bench = QUICKSORT(serial_init, run);
    return bench_main(argc, argv, &bench);
}

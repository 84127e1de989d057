#include "bench/serial.h"
#include "bench/cilksort/cilksort.h"

static void sort(const struct cilksort_part *part)
{
    struct cilksort_part quarter[4];
    struct cilksort_merge merge[3];
    if (part->n <= cilksort_grain) {
        cilksort_quick(part->values, part->n);
        return;
    }
    cilksort_quarters(part, quarter);
    cilksort_merges(quarter, merge);
    for (int i = 0; i < 4; i++)
        sort(&quarter[i]);
    for (int i = 0; i < 3; i++)
        cilksort_join(&merge[i]);
}

static void run(void)
{
    sort(&cilksort_whole);
}

int main(int argc, char **argv)
{
    struct bench bench = CILKSORT(serial_init, run);
    return bench_main(argc, argv, &bench);
}

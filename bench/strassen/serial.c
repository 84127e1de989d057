#include "bench/serial.h"
#include "bench/strassen/strassen.h"

static void multiply(const struct product *p)
{
    struct strassen_part part[7];
    if (p->n <= strassen_grain) {
        strassen_leaf(p);
        return;
    }
    strassen_split(p, part);
    for (int i = 0; i < 7; i++) {
        strassen_begin(&part[i]);
        multiply(&part[i].product);
        strassen_end(&part[i]);
    }
    struct strassen_rows rows = strassen_all_rows(p, part);
    strassen_combine(&rows);
    strassen_free(part);
}

static void run(void)
{
    multiply(&strassen_whole);
}

int main(int argc, char **argv)
{
    struct bench bench = STRASSEN(serial_init, run);
    return bench_main(argc, argv, &bench);
}

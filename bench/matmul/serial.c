#include "bench/serial.h"
#include "bench/matmul/matmul.h"

static void multiply(const struct product *p)
{
    struct product part[8];
    if (p->n <= matmul_grain) {
        matmul_leaf(p);
        return;
    }
    product_split(p, part);
    for (int i = 0; i < 8; i++)
        multiply(&part[i]);
}

static void run(void)
{
    multiply(&matmul_whole);
}

int main(int argc, char **argv)
{
    struct bench bench = MATMUL(serial_init, run);
    return bench_main(argc, argv, &bench);
}

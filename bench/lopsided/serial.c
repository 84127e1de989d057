#include "bench/serial.h"
#include "bench/lopsided/lopsided.h"

static void run(void)
{
    for (uint64_t i = 0; i < lopsided_tasks(); i++)
        lopsided_work(false);
}

int main(int argc, char **argv)
{
    struct bench bench = LOPSIDED(serial_init, run);
    return bench_main(argc, argv, &bench);
}

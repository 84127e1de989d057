#include "bench/serial.h"
#include "bench/scan/scan.h"

static void loop(void *arg)
{
    (void)arg;
    (void)scan_items(repeat_zero(), scan_n, (double)repeat_zero());
}

static void run(void)
{
    repeat_run(loop, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = SCAN(serial_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/serial.h"
#include "bench/scan/scan.h"

static void loop(void *arg)
{
    (void)arg;
    (void)scan_items(0, scan_n, 0);
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

#include "bench/serial.h"
#include "bench/loop/loop.h"

static void loop(void *arg)
{
    (void)arg;
    loop_items(repeat_zero(), loop_n);
}

static void run(void)
{
    repeat_run(loop, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = LOOP(serial_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/serial.h"
#include "bench/reduce/reduce.h"

static void loop(void *arg)
{
    (void)arg;
    reduce_result(reduce_items(repeat_zero(), reduce_n), true);
}

static void run(void)
{
    repeat_run(loop, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = REDUCE(serial_init, run);
    return bench_main(argc, argv, &bench);
}

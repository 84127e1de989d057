#include "bench/serial.h"
#include "bench/nested/nested.h"

static void loop(void *arg)
{
    (void)arg;
    for (long row = 0; row < nested_rows; row++)
        nested_items(row, repeat_zero(), nested_columns);
}

static void run(void)
{
    repeat_run(loop, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = NESTED(serial_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/serial.h"
#include "bench/mandelbrot/mandelbrot.h"

static void run(void)
{
    for (long chunk = 0; chunk < mandelbrot_chunks(); chunk++)
        mandelbrot_leaf(chunk);
}

int main(int argc, char **argv)
{
    struct bench bench = MANDELBROT(serial_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/taskscope.h"
#include "bench/mandelbrot/mandelbrot.h"

/* Some chunks. */
struct part {
    long first, last;
};

static int rows(struct scope *s, void *arg)
{
    struct part part = *(struct part *)arg;
    while (part.last - part.first > 1) {
        struct part half = part;
        part.last = half.first = part.first + (part.last - part.first) / 2;
        (void)scope_spawn_copy(s, rows, &half, sizeof(half));
    }
    mandelbrot_leaf(part.first);
    return 0;
}

static void run(void)
{
    struct part whole = {0, mandelbrot_chunks()};
    (void)scope_run(rows, &whole);
}

int main(int argc, char **argv)
{
    struct bench bench = MANDELBROT(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

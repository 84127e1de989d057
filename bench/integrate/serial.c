#include "bench/serial.h"
#include "bench/integrate/integrate.h"

static double integrate(double x1, double y1, double x2, double y2, double area)
{
    struct integrate_cut cut = integrate_cut(x1, y1, x2, y2);
    if (integrate_fine(cut, area))
        return cut.left + cut.right;
    return integrate(x1, y1, cut.x, cut.y, cut.left) + integrate(cut.x, cut.y, x2, y2, cut.right);
}

static void run(void)
{
    integrate_result = integrate(0, 0, integrate_n, integrate_f(integrate_n), 0);
}

int main(int argc, char **argv)
{
    struct bench bench = INTEGRATE(serial_init, run);
    return bench_main(argc, argv, &bench);
}

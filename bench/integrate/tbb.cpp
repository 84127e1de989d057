#include "bench/tbb.hpp"
#include "bench/integrate/integrate.h"

static double integrate(double x1, double y1, double x2, double y2, double area)
{
    struct integrate_cut cut = integrate_cut(x1, y1, x2, y2);
    if (integrate_fine(cut, area))
        return cut.left + cut.right;
    double a, b;
    tbb::task_group group;
    group.run([x1, y1, cut, &a] { a = integrate(x1, y1, cut.x, cut.y, cut.left); });
    b = integrate(cut.x, cut.y, x2, y2, cut.right);
    group.wait();
    return a + b;
}

static void run(void)
{
    tbb_arena->execute([] { integrate_result = integrate(0, 0, integrate_n, integrate_f(integrate_n), 0); });
}

int main(int argc, char **argv)
{
    struct bench bench = INTEGRATE(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

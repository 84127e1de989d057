#include "bench/integrate/integrate.h"
#include "bench/taskscope.h"

struct integrate {
    double x1, y1, x2, y2, area;
    double result;
};

static int integrate(struct scope *s, void *arg)
{
    struct integrate *i = arg;
    struct integrate_cut cut = integrate_cut(i->x1, i->y1, i->x2, i->y2);
    if (integrate_fine(cut, i->area)) {
        i->result = cut.left + cut.right;
        return 0;
    }
    struct integrate left = {.x1 = i->x1, .y1 = i->y1, .x2 = cut.x, .y2 = cut.y, .area = cut.left};
    struct integrate right = {.x1 = cut.x, .y1 = cut.y, .x2 = i->x2, .y2 = i->y2, .area = cut.right};
    int status = scope_fork2(s, integrate, &left, integrate, &right);
    i->result = left.result + right.result;
    return status;
}

static void run(void)
{
    struct integrate whole = {.x2 = integrate_n, .y2 = integrate_f(integrate_n)};
    integrate_result = scope_run(integrate, &whole) == SCOPE_OK ? whole.result : -1;
}

int main(int argc, char **argv)
{
    struct bench bench = INTEGRATE(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

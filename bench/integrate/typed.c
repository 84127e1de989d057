#include "bench/integrate/integrate.h"
#include "bench/taskscope.h"

/* An interval: the values at its ends and its trapeze are computed again, which costs less than to carry them. */
struct interval {
    double x1, x2;
};

SCOPE_TASK(double, integrate, struct interval);

static inline double integrate(struct scope_strand strand, struct interval i)
{
    double y1 = integrate_f(i.x1), y2 = integrate_f(i.x2);
    struct integrate_cut cut = integrate_cut(i.x1, y1, i.x2, y2);
    if (integrate_fine(cut, integrate_area(i.x1, y1, i.x2, y2)))
        return cut.left + cut.right;
    integrate_fork(&strand, (struct interval){i.x1, cut.x});
    double right = integrate(strand, (struct interval){cut.x, i.x2});
    return integrate_join(&strand) + right;
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    integrate_result = integrate_call(s, (struct interval){0, integrate_n});
    return 0;
}

static void run(void)
{
    if (scope_run(body, NULL) != SCOPE_OK)
        integrate_result = -1;
}

int main(int argc, char **argv)
{
    struct bench bench = INTEGRATE(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

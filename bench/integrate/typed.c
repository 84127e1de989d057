#include "bench/integrate/integrate.h"
#include "bench/taskscope.h"

/* An interval; the values at its ends are computed again, which costs less than to carry them. */
struct interval {
    double x1, x2, area;
};

SCOPE_TASK(double, integrate, struct interval);

static inline double integrate(struct scope_strand strand, struct interval i)
{
    struct integrate_cut cut = integrate_cut(i.x1, integrate_f(i.x1), i.x2, integrate_f(i.x2));
    if (integrate_fine(cut, i.area))
        return cut.left + cut.right;
    integrate_fork(&strand, (struct interval){i.x1, cut.x, cut.left});
    double right = integrate(strand, (struct interval){cut.x, i.x2, cut.right});
    return integrate_join(&strand) + right;
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    integrate_result = integrate_call(s, (struct interval){0, integrate_n, 0});
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

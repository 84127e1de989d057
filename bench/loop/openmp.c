/* Variants: schedules 0 static, 1 dynamic, 2 guided; 3 taskloop, all in one parallel region. */
#include "bench/openmp.h"
#include "bench/loop/loop.h"

/* The items are in the loop itself, as in most programs, so that it is vectorised where the schedule allows it. */
#define LOOP_OF(name, directive)                                                        \
    static void name(void *arg)                                                         \
    {                                                                                   \
        uint64_t *x = loop_x;                                                           \
        uint64_t n = (uint64_t)loop_n;                                                  \
        (void)arg;                                                                      \
        if (loop_rounds) {                                                              \
            _Pragma(directive) for (uint64_t i = 0; i < n; i++) loop_item((long)i);     \
        } else {                                                                        \
            _Pragma(directive) for (uint64_t i = 0; i < n; i++) x[i] = item_step(x[i]); \
        }                                                                               \
    }

LOOP_OF(loop_static, "omp parallel for schedule(static)")
LOOP_OF(loop_dynamic, "omp parallel for schedule(dynamic)")
LOOP_OF(loop_guided, "omp parallel for schedule(guided)")
LOOP_OF(loop_tasks, "omp taskloop")

static void run(void)
{
    if (loop_variant == 3) {
#pragma omp parallel
#pragma omp single
        repeat_run(loop_tasks, NULL);
    } else {
        repeat_run(loop_variant == 1 ? loop_dynamic : loop_variant == 2 ? loop_guided : loop_static, NULL);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = LOOP(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

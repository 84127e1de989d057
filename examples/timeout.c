/* A timeout with clean-up: an optimizer that improves its answer for as long as it may.  The clean-up task is run though the
 * scope has been cancelled by then, and the dispose function frees what a task was given, whether it ran or not. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskscope.h>

struct search {
    unsigned seed;
    double *best;
};

static double best[2] = {INFINITY, INFINITY}; /* each search writes its own */
static atomic_int freed;

static double height(double x)
{
    return sin(3 * x) + sin(10 * x) / 3 + x * x / 20;
}

static int improve(struct scope *s, void *arg)
{
    struct search *search = arg;
    while (!scope_cancelled(s)) {
        double x = (double)rand_r(&search->seed) / RAND_MAX * 20 - 10;
        *search->best = fmin(*search->best, height(x));
    }
    return SCOPE_ECANCELED;
}

static void search_free(void *arg)
{
    free(arg);
    atomic_fetch_add(&freed, 1);
}

static int clean_up(struct scope *s, void *arg)
{
    (void)s;
    *(int *)arg += 1;
    return 0;
}

static const SCOPE_DESCRIBE(improving, .fn = improve, .dispose = search_free);
static const SCOPE_DESCRIBE(cleaning, .fn = clean_up, .flags = SCOPE_RUN_ANYWAY);

static int optimize(struct scope *s, void *arg)
{
    struct search *search = malloc(sizeof(*search));
    if (!search)
        return 1;
    *search = (struct search){.seed = 1, .best = &best[0]};
    (void)scope_spawn_task(s, &improving, search); /* owns the search from here on, whatever it returns */
    struct search mine = {.seed = 2, .best = &best[1]};
    (void)improve(s, &mine);
    return scope_spawn_task(s, &cleaning, arg);
}

int main(void)
{
    struct scope_options options = scope_options_init();
    int cleaned = 0;
    options.timeout_ns = 50000000;
    int status = scope_run_with(&options, NULL, optimize, &cleaned);
    printf("%s; the best was %.3f\n", scope_strerror(status), fmin(best[0], best[1]));
    return status == SCOPE_TIMEOUT && freed == 1 && cleaned == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

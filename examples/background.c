/* A long-running background task that ends with its scope: while the work goes on, it prints how far that has got.  When the
 * work is done the body cancels the scope, and the task sees that. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskscope.h>
#include <time.h>

#define PARTS 400

static atomic_int parts_done;

static int watch(struct scope *s, void *arg)
{
    const struct timespec tick = {.tv_nsec = 5000000};
    (void)arg;
    while (!scope_cancelled(s)) { /* it sleeps, so a core is idle; with one worker it is skipped */
        printf("%d %%\n", atomic_load(&parts_done) * 100 / PARTS);
        nanosleep(&tick, NULL);
    }
    return SCOPE_ECANCELED;
}

static int part(struct scope *s, void *arg)
{
    double *sum = arg;
    (void)s;
    for (int i = 1; i < 200000; i++)
        *sum += 1.0 / i;
    atomic_fetch_add(&parts_done, 1);
    return 0;
}

static int work(struct scope *s, void *arg)
{
    double *sums = arg;
    for (int i = 0; i < PARTS; i++) {
        int status = scope_spawn(s, part, &sums[i]);
        if (status != SCOPE_OK)
            return status;
    }
    return 0;
}

static int watched_work(struct scope *s, void *arg)
{
    int status = scope_spawn(s, watch, NULL);
    if (status == SCOPE_OK)
        status = scope_run(work, arg); /* a scope of its own, so that we know when the work is done */
    (void)scope_cancel(s);
    return status;
}

int main(void)
{
    static double sums[PARTS];
    struct scope_report report = scope_report_init();
    int status = scope_run_with(NULL, &report, watched_work, sums);
    printf("%d parts done, then quiet after %.1f ms\n", atomic_load(&parts_done), (double)report.quiet_ns / 1e6);
    scope_report_fini(&report);
    /* SCOPE_ECANCELED, as the body itself has cancelled; a failure would be SCOPE_ERROR. */
    return status == SCOPE_ECANCELED && parts_done == PARTS ? EXIT_SUCCESS : EXIT_FAILURE;
}

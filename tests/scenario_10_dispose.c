/* Scenario 10: dispose functions have run before scope_run returns, each once: whether the task ran, failed, was skipped or was
 * refused; with pointers, small and large copies, from inner scopes, and when the queue is full. */
#include "tests/scope_check.h"

#define TASKS 6000 /* more than a deque holds */

static atomic_uint disposed[TASKS];
static atomic_uint ran;

struct large {
    unsigned i;
    char rest[100];
};

static void dispose(void *arg)
{
    atomic_fetch_add(&disposed[*(unsigned *)arg], 1);
}

static int task(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(atomic_load(&disposed[*(unsigned *)arg]), 0);
    atomic_fetch_add(&ran, 1);
    return 0;
}

static int fails(struct scope *s, void *arg)
{
    (void)task(s, arg);
    return 5;
}

static const SCOPE_DESCRIBE(by_pointer, .fn = task, .dispose = dispose);
static const SCOPE_DESCRIBE(failing, .fn = fails, .dispose = dispose);
static const SCOPE_DESCRIBE(small_copy, .fn = task, .dispose = dispose, .copy = sizeof(unsigned));
static const SCOPE_DESCRIBE(large_copy, .fn = task, .dispose = dispose, .copy = sizeof(struct large));

static void disposed_clear(void)
{
    for (int i = 0; i < TASKS; i++)
        atomic_store(&disposed[i], 0);
    atomic_store(&ran, 0);
}

static void check_disposed(unsigned n)
{
    unsigned bad = 0;
    for (unsigned i = 0; i < TASKS; i++)
        bad += atomic_load(&disposed[i]) != (i < n);
    CHECK_EQ_INT(bad, 0);
}

/* One of them: of each kind in turn. */
static int spawn_one(struct scope *s, unsigned *number, unsigned i)
{
    struct large large = {.i = i};
    number[i] = i;
    switch (i % 3) {
    case 0:
        return scope_spawn_task(s, &by_pointer, &number[i]);
    case 1:
        return scope_spawn_task(s, &small_copy, &i);
    default:
        return scope_spawn_task(s, &large_copy, &large);
    }
}

static int spawns_all(struct scope *s, void *arg)
{
    for (unsigned i = 0; i < TASKS; i++)
        CHECK_EQ_INT(spawn_one(s, arg, i), SCOPE_OK);
    return 0;
}

static int spawns_into_outer(struct scope *s, void *arg)
{
    unsigned *number = arg;
    (void)s;
    struct scope *outer = scope_local_value(s, number);
    for (unsigned i = 0; i < TASKS; i++)
        CHECK_EQ_INT(spawn_one(outer, number, i), SCOPE_OK);
    return 0;
}

static int inner(struct scope *s, void *arg)
{
    struct scope_options options = scope_options_init();
    const struct scope_local outer = {.key = arg, .value = s};
    options.locals = &outer;
    return scope_run_with(&options, NULL, spawns_into_outer, arg);
}

static int spawns_and_cancels(struct scope *s, void *arg)
{
    unsigned *number = arg;
    for (unsigned i = 0; i < TASKS / 2; i++)
        CHECK_EQ_INT(spawn_one(s, number, i), SCOPE_OK);
    (void)scope_cancel(s);
    for (unsigned i = TASKS / 2; i < TASKS; i++)
        CHECK_EQ_INT(spawn_one(s, number, i), SCOPE_ECANCELED);
    return 0;
}

static int spawns_failing(struct scope *s, void *arg)
{
    unsigned *number = arg;
    for (unsigned i = 0; i < TASKS; i++) {
        number[i] = i;
        int status = scope_spawn_task(s, &failing, &number[i]);
        CHECK(status == SCOPE_OK || status == SCOPE_ECANCELED);
    }
    return 0;
}

static unsigned number[TASKS];

static void run_and_check(scope_fn *body, int status, unsigned all)
{
    struct scope_report report;
    disposed_clear();
    CHECK_EQ_INT(run_checked(NULL, &report, body, number), status);
    check_disposed(TASKS);
    CHECK_EQ_INT(report.spawned - report.skipped, atomic_load(&ran));
    if (all)
        CHECK_EQ_INT(atomic_load(&ran), TASKS);
    scope_report_fini(&report);
}

static void ran_disposed_once(void)
{
    run_and_check(spawns_all, SCOPE_OK, true);
    run_and_check(inner, SCOPE_OK, true);
}

static void skipped_and_refused_disposed_once(void)
{
    for (int i = 0; i < 20; i++)
        run_and_check(spawns_and_cancels, SCOPE_ECANCELED, false);
}

static void failed_disposed_once(void)
{
    for (int i = 0; i < 20; i++)
        run_and_check(spawns_failing, SCOPE_ERROR, false);
}

static int refusals(struct scope *s, void *arg)
{
    (void)arg;
    unsigned i = 0;
    struct scope_task odd = by_pointer;
    odd.flags = 1u << 31;
    CHECK_EQ_INT(scope_spawn_task(s, &odd, &i), SCOPE_EINVAL);
    CHECK_EQ_INT(atomic_load(&disposed[0]), 1);
    odd = by_pointer;
    odd.copy = SCOPE_COPY_MAX + 1;
    CHECK_EQ_INT(scope_spawn_task(s, &odd, &i), SCOPE_EINVAL);
    CHECK_EQ_INT(atomic_load(&disposed[0]), 2);
    CHECK_EQ_INT(scope_spawn_task(s, NULL, &i), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_task(NULL, &by_pointer, &i), SCOPE_EINVAL);
    CHECK_EQ_INT(atomic_load(&disposed[0]), 3);
    return 0;
}

static void refused_for_its_arguments_disposed_once(void)
{
    disposed_clear();
    CHECK_EQ_INT(scope_run(refusals, NULL), SCOPE_OK);
}

/* ---------------------------------------------------------------------------------------------------------- Clean-up */

static const SCOPE_DESCRIBE(clean_up, .fn = task, .dispose = dispose, .flags = SCOPE_RUN_ANYWAY);

static int cleans_up(struct scope *s, void *arg)
{
    unsigned *n = arg;
    for (unsigned i = 0; i < 100; i++) {
        n[i] = i;
        CHECK_EQ_INT(scope_spawn_task(s, &clean_up, &n[i]), SCOPE_OK);
    }
    (void)scope_cancel(s);
    for (unsigned i = 100; i < 200; i++) {
        n[i] = i;
        CHECK_EQ_INT(scope_spawn_task(s, &clean_up, &n[i]), SCOPE_OK);
    }
    return 0;
}

static void run_anyway_runs_in_cancelled_scope(void)
{
    struct scope_report report;
    disposed_clear();
    CHECK_EQ_INT(run_checked(NULL, &report, cleans_up, number), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.ok, 200);
    CHECK_EQ_INT(report.skipped, 0);
    check_disposed(200);
}

int main(void)
{
    check_run("scenario_10_ran_disposed_once", ran_disposed_once);
    check_run("scenario_10_skipped_and_refused_disposed_once", skipped_and_refused_disposed_once);
    check_run("scenario_10_failed_disposed_once", failed_disposed_once);
    check_run("scenario_10_refused_for_its_arguments_disposed_once", refused_for_its_arguments_disposed_once);
    check_run("scenario_10_run_anyway_runs_in_cancelled_scope", run_anyway_runs_in_cancelled_scope);
    return check_done();
}

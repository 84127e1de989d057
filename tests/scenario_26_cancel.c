/* Scenarios 26 to 29: cancelling one scope. */
#include "tests/scope_check.h"

#include <pthread.h>

#define CHILDREN 5
#define CALLERS 3

struct test {
    struct tally tally;
    struct scope_token *token;
    atomic_uint started;
    atomic_uint go;
    atomic_uint first; /* how many were told that they were first */
    atomic_uint calls;
};

static struct scope_pool *pool; /* of at least CHILDREN + 1 workers */

/* ------------------------------------------------------------------------------------------ 26: cancel from outside */

static int polling_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    atomic_fetch_add(&test->started, 1);
    spin_until_cancelled(s);
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_TOKEN);
    return tally_end(&test->tally, SCOPE_ECANCELED);
}

static int seeing_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    for (int i = 0; i < CHILDREN; i++)
        (void)tally_spawn(&test->tally, s, polling_task, test);
    beckon(&test->tally, s, &test->started, CHILDREN);
    atomic_store(&test->go, 1);
    spin_until_cancelled(s);
    return 0;
}

/* The cancel comes when this one has returned, or is just about to. */
static int joining_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    for (int i = 0; i < CHILDREN; i++)
        (void)tally_spawn(&test->tally, s, polling_task, test);
    beckon(&test->tally, s, &test->started, CHILDREN);
    atomic_store(&test->go, 1);
    return 0;
}

static void *cancel_thread(void *arg)
{
    struct test *test = arg;
    spin_until(&test->go, 1);
    CHECK_EQ_INT(scope_token_cancel(test->token), 1);
    return NULL;
}

static void external_cancel(scope_fn *body)
{
    struct test test = {.token = scope_token_create()};
    struct scope_options options = options_of(pool);
    struct scope_report report;
    pthread_t thread;
    CHECK_EQ_INT(pthread_create(&thread, NULL, cancel_thread, &test), 0);
    options.token = test.token;
    CHECK_EQ_INT(run_checked(&options, &report, body, &test), SCOPE_ECANCELED);
    check_tally(&report, &test.tally);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_TOKEN);
    CHECK_EQ_INT(report.cancelled, CHILDREN);
    CHECK_EQ_INT(report.group.total, 0);
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    scope_token_release(test.token);
}

static void external_cancel_body_and_children_see(void)
{
    external_cancel(seeing_body);
}

static void external_cancel_while_joining_children_see(void)
{
    for (int round = 0; round < 20; round++)
        external_cancel(joining_body);
}

/* With any number of workers: the first child to run waits, on whatever worker, for the thread that cancels. */
static int any_task(struct scope *s, void *arg)
{
    atomic_store(&((struct test *)arg)->go, 1);
    return polling_task(s, arg);
}

static int any_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    for (int i = 0; i < CHILDREN; i++)
        (void)tally_spawn(&test->tally, s, any_task, test);
    return 0;
}

static void external_cancel_default_pool_accounted(void)
{
    for (int round = 0; round < 20; round++) {
        struct test test = {.token = scope_token_create()};
        struct scope_options options = scope_options_init();
        struct scope_report report;
        pthread_t thread;
        CHECK_EQ_INT(pthread_create(&thread, NULL, cancel_thread, &test), 0);
        options.token = test.token;
        CHECK_EQ_INT(run_checked(&options, &report, any_body, &test), SCOPE_ECANCELED);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(report.cancelled + report.skipped, report.spawned); /* later spawns were refused */
        CHECK(report.cancelled >= 1);
        CHECK_EQ_INT(pthread_join(thread, NULL), 0);
        scope_token_release(test.token);
    }
}

/* -------------------------------------------------------------------------------------------------- 27: repeated */

static int repeated_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_NONE);
    CHECK_EQ_INT(scope_cancel(s), 1);
    for (int i = 0; i < 100; i++) {
        CHECK(scope_cancelled(s));
        CHECK_EQ_INT(scope_cancel(s), 0);
        CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_EXPLICIT);
        CHECK_EQ_INT(scope_spawn(s, tally_nothing, NULL), SCOPE_ECANCELED);
    }
    return 0;
}

static void repeated_cancel_changes_nothing(void)
{
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, repeated_body, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_EXPLICIT);
    CHECK_EQ_INT(report.spawned, 0);
}

static void cancel_call(struct scope *s, struct test *test)
{
    int first = scope_cancel(s);
    CHECK(first == 0 || first == 1);
    atomic_fetch_add(&test->first, (unsigned)first);
    atomic_fetch_add(&test->calls, 1);
    CHECK(scope_cancelled(s));
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_EXPLICIT);
}

static int caller_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    atomic_fetch_add(&test->started, 1);
    spin_until(&test->go, 1);
    cancel_call(s, test);
    return tally_end(&test->tally, SCOPE_ECANCELED);
}

static int callers_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    for (int i = 0; i < CALLERS; i++)
        (void)tally_spawn(&test->tally, s, caller_task, test);
    beckon(&test->tally, s, &test->started, CALLERS);
    atomic_store(&test->go, 1);
    cancel_call(s, test);
    return 0;
}

static void concurrent_cancel_one_first(void)
{
    struct scope_options options = options_of(pool);
    for (int round = 0; round < TIMES(300, 50); round++) {
        struct test test = {0};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(&options, &report, callers_body, &test), SCOPE_ECANCELED);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(test.calls, CALLERS + 1);
        CHECK_EQ_INT(test.first, 1);
        CHECK_EQ_INT(report.cancelled, CALLERS);
    }
}

/* ----------------------------------------------------------------------------------------------- 28: before entry */

static int cancelled_body(struct scope *s, void *arg)
{
    CHECK(scope_cancelled(s));
    CHECK_EQ_INT(scope_reason(s), *(enum scope_reason *)arg);
    CHECK_EQ_INT(scope_spawn(s, tally_nothing, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(scope_cancel(s), 0);
    return 0;
}

static void token_cancelled_before_entry_first_poll_true(void)
{
    enum scope_reason expected = SCOPE_REASON_TOKEN;
    struct scope_options options = scope_options_init();
    struct scope_report report;
    options.token = scope_token_create();
    CHECK_EQ_INT(scope_token_cancel(options.token), 1);
    CHECK_EQ_INT(run_checked(&options, &report, cancelled_body, &expected), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_TOKEN);
    CHECK_EQ_INT(report.spawned, 0);
    scope_token_release(options.token);
}

static int parent_body(struct scope *s, void *arg)
{
    (void)arg;
    enum scope_reason expected = SCOPE_REASON_PARENT;
    struct scope_report report;
    CHECK_EQ_INT(scope_cancel(s), 1);
    CHECK_EQ_INT(run_checked(NULL, &report, cancelled_body, &expected), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_PARENT);
    return 0;
}

static void parent_cancelled_before_entry_first_poll_true(void)
{
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, parent_body, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_EXPLICIT);
}

/* ------------------------------------------------------------------------------------------------ 29: too late */

static int last_task(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_cancel(s), 1);
    return tally_end(arg, 0);
}

static int last_body(struct scope *s, void *arg)
{
    (void)tally_spawn(arg, s, last_task, arg);
    return 0;
}

static void cancelled_by_last_task_cancelled_without_error(void)
{
    struct tally tally = {0};
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, last_body, &tally), SCOPE_ECANCELED);
    check_tally(&report, &tally);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_EXPLICIT);
    CHECK_EQ_INT(report.ok, 1);
    CHECK_EQ_INT(report.group.total, 0);
}

int main(void)
{
    pool = pool_at_least(CHILDREN + 1);
    check_run("scenario_26_external_cancel_body_and_children_see", external_cancel_body_and_children_see);
    check_run("scenario_26_external_cancel_while_joining_children_see", external_cancel_while_joining_children_see);
    check_run("scenario_26_external_cancel_default_pool_accounted", external_cancel_default_pool_accounted);
    check_run("scenario_27_repeated_cancel_changes_nothing", repeated_cancel_changes_nothing);
    check_run("scenario_27_concurrent_cancel_one_first", concurrent_cancel_one_first);
    check_run("scenario_28_token_cancelled_before_entry_first_poll_true", token_cancelled_before_entry_first_poll_true);
    check_run("scenario_28_parent_cancelled_before_entry_first_poll_true",
              parent_cancelled_before_entry_first_poll_true);
    check_run("scenario_29_cancelled_by_last_task_cancelled_without_error",
              cancelled_by_last_task_cancelled_without_error);
    (void)scope_pool_destroy(pool);
    return check_done();
}

/* Pools: several at once, scopes of one inside scopes of another, destruction. */
#include "tests/scope_check.h"

#include <pthread.h>

#define TASKS 64

static struct scope_pool *pool_a;
static struct scope_pool *pool_b;

struct test {
    struct tally a;
    struct tally b;
    struct scope *outer;
    atomic_uint started;
    atomic_uint inside;
    bool into_outer; /* tasks of pool b spawn into the scope of pool a */
};

/* ------------------------------------------------------------------------------------------------------ Nested pools */

static int b_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)s;
    if (test->outer)
        (void)tally_spawn(&test->a, test->outer, tally_nothing, &test->a); /* into the scope of the other pool */
    return tally_end(&test->b, 0);
}

static int b_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    for (int i = 0; i < 8; i++)
        (void)tally_spawn(&test->b, s, b_task, test);
    return 0;
}

static int a_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    struct scope_options options = options_of(pool_b);
    struct scope_report report;
    (void)s;
    CHECK_EQ_INT(run_checked(&options, &report, b_body, test), SCOPE_OK);
    CHECK_EQ_INT(report.ok, 8);
    return tally_end(&test->a, 0);
}

static int a_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    if (test->into_outer)
        test->outer = s;
    for (int i = 0; i < TASKS; i++)
        (void)tally_spawn(&test->a, s, a_task, test);
    return 0;
}

static void nested(bool into_outer)
{
    for (int round = 0; round < TIMES(20, 5); round++) {
        struct test test = {.into_outer = into_outer};
        struct scope_options options = options_of(pool_a);
        struct scope_report report;
        CHECK_EQ_INT(run_checked(&options, &report, a_body, &test), SCOPE_OK);
        check_tally(&report, &test.a);
        CHECK_EQ_INT(report.ok, TASKS + (into_outer ? 8 * TASKS : 0));
        CHECK_EQ_INT(test.b.ok, 8 * TASKS);
    }
}

static void task_of_one_runs_scope_in_the_other_joins(void)
{
    nested(false);
}

static void task_of_the_other_spawns_into_outer_joins(void)
{
    nested(true);
}

/* --------------------------------------------------------------------------------------------- Cancel, fail across */

static int polling_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    atomic_fetch_add(&test->inside, 1);
    spin_until_cancelled(s);
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_PARENT);
    return tally_end(&test->b, SCOPE_ECANCELED);
}

static int cancelling_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)tally_spawn(&test->b, s, polling_task, test);
    beckon(&test->b, s, &test->inside, 1);
    CHECK_EQ_INT(scope_cancel(test->outer), 1);
    CHECK(scope_cancelled(s));
    return 0;
}

static int cancelling_outer_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    struct scope_options options = options_of(pool_b);
    struct scope_report report;
    test->outer = s;
    CHECK_EQ_INT(run_checked(&options, &report, cancelling_body, test), SCOPE_ECANCELED);
    check_tally(&report, &test->b);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_PARENT);
    CHECK_EQ_INT(report.cancelled, 1);
    return 0;
}

static void cancel_crosses_pools(void)
{
    for (int round = 0; round < 20; round++) {
        struct test test = {0};
        struct scope_options options = options_of(pool_a);
        struct scope_report report;
        CHECK_EQ_INT(run_checked(&options, &report, cancelling_outer_body, &test), SCOPE_ECANCELED);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_EXPLICIT);
    }
}

static int leaf_task(struct scope *s, void *arg)
{
    (void)arg;
    return scope_fail(s, 9, "in pool b");
}

static int leaf_body(struct scope *s, void *arg)
{
    return scope_spawn(s, leaf_task, arg);
}

static int failing_task(struct scope *s, void *arg)
{
    struct scope_options options = options_of(pool_b);
    (void)s;
    return scope_run_with(&options, NULL, leaf_body, arg);
}

static int failing_body(struct scope *s, void *arg)
{
    return scope_spawn(s, failing_task, arg);
}

static void failure_crosses_pools_nested(void)
{
    struct scope_options options = options_of(pool_a);
    struct scope_report report;
    CHECK_EQ_INT(run_checked(&options, &report, failing_body, NULL), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.errors[0].code, SCOPE_ERROR);
    if (CHECK(report.group.errors[0].nested != NULL)) {
        CHECK_EQ_INT(report.group.errors[0].nested->errors[0].code, 9);
        CHECK_EQ_STR(report.group.errors[0].nested->errors[0].message, "in pool b");
    }
    scope_report_fini(&report);
}

/* ------------------------------------------------------------------------------------------------- Which pool, size */

static int which_inner_body(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    CHECK_EQ_INT(scope_pool_destroy(pool_a), SCOPE_EBUSY); /* so that is the pool that we are in */
    return 0;
}

static int which_body(struct scope *s, void *arg)
{
    (void)s;
    return scope_run(which_inner_body, arg);
}

static void nested_run_stays_in_the_pool(void)
{
    struct scope_options options = options_of(pool_a);
    CHECK_EQ_INT(scope_run_with(&options, NULL, which_body, NULL), SCOPE_OK);
}

static void create_of_n_has_n_workers(void)
{
    for (unsigned n = 1; n <= 9; n++) {
        struct scope_pool_options options = {.size = sizeof(options), .workers = n};
        struct scope_pool *pool = NULL;
        CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK);
        CHECK_EQ_INT(scope_pool_workers(pool), n);
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    }
    struct scope_pool *pool = NULL;
    CHECK_EQ_INT(scope_pool_create(&pool, NULL), SCOPE_OK);
    CHECK_EQ_INT(scope_pool_workers(pool), scope_pool_workers(NULL));
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static int sum_task(struct scope *s, void *arg)
{
    return tally_nothing(s, arg);
}

static int sum_body(struct scope *s, void *arg)
{
    for (int i = 0; i < TASKS; i++)
        (void)tally_spawn(arg, s, sum_task, arg);
    return 0;
}

static void create_run_destroy_repeatedly(void)
{
    for (int round = 0; round < TIMES(50, 10); round++) {
        struct scope_pool_options pool_options = {.size = sizeof(pool_options), .workers = 1 + (unsigned)round % 4};
        struct scope_pool *pool = NULL;
        struct tally tally = {0};
        struct scope_report report;
        CHECK_EQ_INT(scope_pool_create(&pool, &pool_options), SCOPE_OK);
        struct scope_options options = options_of(pool);
        CHECK_EQ_INT(run_checked(&options, &report, sum_body, &tally), SCOPE_OK);
        check_tally(&report, &tally);
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    }
}

/* -------------------------------------------------------------------------------------------------- Destroy in use */

static void *destroy_thread(void *arg)
{
    CHECK_EQ_INT(scope_pool_destroy(arg), SCOPE_EBUSY);
    return NULL;
}

static int destroy_task(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(scope_pool_destroy(arg), SCOPE_EBUSY);
    return 0;
}

static int destroy_body(struct scope *s, void *arg)
{
    pthread_t thread;
    CHECK_EQ_INT(scope_pool_destroy(arg), SCOPE_EBUSY);
    CHECK_EQ_INT(pthread_create(&thread, NULL, destroy_thread, arg), 0);
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ_INT(scope_spawn(s, destroy_task, arg), SCOPE_OK);
    return 0;
}

/* From within a scope of another pool, too. */
static int destroy_across_body(struct scope *s, void *arg)
{
    struct scope_options options = options_of(pool_b);
    (void)s;
    return scope_run_with(&options, NULL, destroy_body, arg);
}

static void destroy_while_open_ebusy(void)
{
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    struct scope_report report;
    CHECK_EQ_INT(run_checked(&options, &report, destroy_body, pool), SCOPE_OK);
    CHECK_EQ_INT(report.ok, TASKS);
    CHECK_EQ_INT(run_checked(&options, &report, destroy_across_body, pool), SCOPE_OK);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

int main(void)
{
    pool_a = pool_at_least(2);
    pool_b = pool_at_least(3);
    check_run("pools_task_of_one_runs_scope_in_the_other_joins", task_of_one_runs_scope_in_the_other_joins);
    check_run("pools_task_of_the_other_spawns_into_outer_joins", task_of_the_other_spawns_into_outer_joins);
    check_run("pools_cancel_crosses_pools", cancel_crosses_pools);
    check_run("pools_failure_crosses_pools_nested", failure_crosses_pools_nested);
    check_run("pools_nested_run_stays_in_the_pool", nested_run_stays_in_the_pool);
    check_run("pools_create_of_n_has_n_workers", create_of_n_has_n_workers);
    check_run("pools_create_run_destroy_repeatedly", create_run_destroy_repeatedly);
    check_run("pools_destroy_while_open_ebusy", destroy_while_open_ebusy);
    CHECK_EQ_INT(scope_pool_destroy(pool_a), SCOPE_OK);
    CHECK_EQ_INT(scope_pool_destroy(pool_b), SCOPE_OK);
    return check_done();
}

/* Scenarios 12 to 16: who fails, who is cancelled, and what the group holds. */
#include "tests/scope_check.h"

#define SIBLINGS 20
#define LEAF 5
#define BODY 6
#define CLEAN_UP 7

struct test {
    struct tally tally;
    atomic_uint started;
    atomic_uint barrier;
};

static struct scope_pool *pool; /* of at least three workers */

static int until_cancelled_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    atomic_fetch_add(&test->started, 1);
    spin_until_cancelled(s);
    return tally_end(&test->tally, SCOPE_ECANCELED);
}

static int failing_task(struct scope *s, void *arg)
{
    (void)s;
    struct test *test = arg;
    return tally_end(&test->tally, LEAF);
}

/* ---------------------------------------------------------------------------------------------- 12: one child fails */

/* The one that fails is spawned last: with one worker it runs first, and it is never left behind the others. */
static int siblings_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    for (int i = 0; i < SIBLINGS; i++)
        (void)tally_spawn(&test->tally, s, until_cancelled_task, test);
    (void)tally_spawn(&test->tally, s, failing_task, test);
    return 0;
}

static void child_fails_siblings_cancelled(void)
{
    for (int round = 0; round < 50; round++) {
        struct test test = {0};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, siblings_body, &test), SCOPE_ERROR);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_SIBLING);
        CHECK_EQ_INT(report.spawned, SIBLINGS + 1);
        CHECK_EQ_INT(report.failed, 1);
        CHECK_EQ_INT(report.ok, 0);
        CHECK_EQ_INT(report.group.total, 1);
        CHECK_EQ_INT(report.group.errors[0].code, LEAF);
        CHECK_EQ_INT(report.group.errors[0].index, SIBLINGS);
    }
}

/* ------------------------------------------------------------------------------------------------------ 13: two fail */

static int barrier_task(struct scope *s, void *arg)
{
    (void)s;
    struct test *test = arg;
    unsigned place = atomic_fetch_add(&test->started, 1);
    atomic_fetch_add(&test->barrier, 1);
    spin_until(&test->barrier, 2);
    return tally_end(&test->tally, LEAF + (int)place);
}

/* The first has started elsewhere before the second exists, so they meet. */
static int barrier_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)tally_spawn(&test->tally, s, barrier_task, test);
    beckon(&test->tally, s, &test->started, 1);
    (void)tally_spawn(&test->tally, s, barrier_task, test);
    return 0;
}

static void two_fail_behind_barrier_both_kept(void)
{
    struct scope_options options = options_of(pool);
    for (int round = 0; round < 50; round++) {
        struct test test = {0};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(&options, &report, barrier_body, &test), SCOPE_ERROR);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(report.failed, 2);
        CHECK_EQ_INT(report.group.total, 2);
        CHECK(group_has(&report.group, LEAF) && group_has(&report.group, LEAF + 1));
    }
}

static int two_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)tally_spawn(&test->tally, s, failing_task, test);
    (void)tally_spawn(&test->tally, s, failing_task, test);
    return 0;
}

static void two_fail_one_or_two_kept(void)
{
    for (int round = 0; round < 200; round++) {
        struct test test = {0};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, two_body, &test), SCOPE_ERROR);
        check_tally(&report, &test.tally);
        CHECK(report.group.total == 1 || report.group.total == 2);
        CHECK_EQ_INT(report.group.total, report.failed);
        CHECK_EQ_INT(report.group.errors[0].code, LEAF);
    }
}

/* ------------------------------------------------------------------------------------------------ 14, 15: body fails */

static int fails_when_cancelled_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    atomic_fetch_add(&test->started, 1);
    spin_until_cancelled(s);
    return tally_end(&test->tally, LEAF);
}

static int failing_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)tally_spawn(&test->tally, s, fails_when_cancelled_task, test);
    beckon(&test->tally, s, &test->started, 1);
    return BODY;
}

static void body_and_child_fail_both_kept(void)
{
    struct scope_options options = options_of(pool);
    struct test test = {0};
    struct scope_report report;
    CHECK_EQ_INT(run_checked(&options, &report, failing_body, &test), SCOPE_ERROR);
    check_tally(&report, &test.tally);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_BODY);
    CHECK_EQ_INT(report.failed, 1);
    CHECK_EQ_INT(report.group.total, 2);
    CHECK_EQ_INT(report.group.errors[0].code, BODY);
    CHECK_EQ_INT(report.group.errors[0].index, SCOPE_INDEX_BODY);
    CHECK_EQ_INT(report.group.errors[1].code, LEAF);
    CHECK_EQ_INT(report.group.errors[1].index, 0);
}

static int fails_first_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    for (int i = 0; i < SIBLINGS; i++)
        (void)tally_spawn(&test->tally, s, tally_nothing, &test->tally);
    return BODY;
}

static void body_fails_first(struct scope_pool *in, struct scope_report *report)
{
    struct scope_options options = options_of(in);
    struct test test = {0};
    CHECK_EQ_INT(run_checked(&options, report, fails_first_body, &test), SCOPE_ERROR);
    check_tally(report, &test.tally);
    CHECK_EQ_INT(report->reason, SCOPE_REASON_BODY);
    CHECK_EQ_INT(report->spawned, SIBLINGS);
    CHECK_EQ_INT(report->ok + report->skipped, SIBLINGS);
    CHECK_EQ_INT(report->group.total, 1);
    CHECK_EQ_INT(report->group.errors[0].code, BODY);
    CHECK_EQ_INT(report->group.errors[0].index, SCOPE_INDEX_BODY);
}

static void body_fails_first_children_skipped(void)
{
    struct scope_pool *one = pool_of_one();
    struct scope_report report;
    body_fails_first(one, &report);
    CHECK_EQ_INT(report.skipped, SIBLINGS); /* nobody else could have started them */
    CHECK_EQ_INT(scope_pool_destroy(one), SCOPE_OK);
    for (int round = 0; round < 50; round++)
        body_fails_first(NULL, &report);
}

/* ------------------------------------------------------------------------------------------- 16: siblings clean up */

static int clean_up_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    atomic_fetch_add(&test->started, 1);
    spin_until_cancelled(s);
    return tally_end(&test->tally, CLEAN_UP);
}

static int clean_up_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)tally_spawn(&test->tally, s, until_cancelled_task, test);
    (void)tally_spawn(&test->tally, s, clean_up_task, test);
    beckon(&test->tally, s, &test->started, 2);
    (void)tally_spawn(&test->tally, s, failing_task, test);
    return 0;
}

static void cancelled_sibling_no_error_clean_up_error_kept(void)
{
    struct scope_options options = options_of(pool);
    for (int round = 0; round < 20; round++) {
        struct test test = {0};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(&options, &report, clean_up_body, &test), SCOPE_ERROR);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_SIBLING);
        CHECK_EQ_INT(report.cancelled, 1);
        CHECK_EQ_INT(report.failed, 2);
        CHECK_EQ_INT(report.group.total, 2);
        CHECK_EQ_INT(report.group.errors[0].code, LEAF);
        CHECK_EQ_INT(report.group.errors[1].code, CLEAN_UP);
        CHECK_EQ_INT(report.group.errors[1].index, 1);
    }
}

int main(void)
{
    pool = pool_at_least(3);
    check_run("scenario_12_child_fails_siblings_cancelled", child_fails_siblings_cancelled);
    check_run("scenario_13_two_fail_behind_barrier_both_kept", two_fail_behind_barrier_both_kept);
    check_run("scenario_13_two_fail_one_or_two_kept", two_fail_one_or_two_kept);
    check_run("scenario_14_body_and_child_fail_both_kept", body_and_child_fail_both_kept);
    check_run("scenario_15_body_fails_first_children_skipped", body_fails_first_children_skipped);
    check_run("scenario_16_cancelled_sibling_no_error_clean_up_error_kept",
              cancelled_sibling_no_error_clean_up_error_kept);
    (void)scope_pool_destroy(pool);
    return check_done();
}

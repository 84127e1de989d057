/* Scenarios 17 to 21: errors of scopes inside scopes. */
#include "tests/scope_check.h"

#define LEAF 9
#define OUTER 7

struct test {
    struct tally tally;
    struct scope *outer;
    struct scope_report inner; /* of the inner scope */
    atomic_uint started;
    atomic_uint inside;
    bool with_report;
};

static struct scope_pool *pool; /* of at least two workers */

static int leaf_task(struct scope *s, void *arg)
{
    (void)arg;
    return scope_fail(s, LEAF, "leaf of %d", LEAF);
}

static int inner_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_spawn(s, leaf_task, NULL), SCOPE_OK);
    return 0;
}

static int inner_run(struct test *test, scope_fn *body)
{
    struct scope_options options = scope_options_init();
    options.name = "inner";
    if (test->with_report)
        return run_checked(&options, &test->inner, body, test);
    return scope_run_with(&options, NULL, body, test);
}

/* --------------------------------------------------------------------------------------------------- 17: handled */

static int handled_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    CHECK_EQ_INT(inner_run(test, inner_body), SCOPE_ERROR);
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_NONE);
    CHECK_EQ_INT(tally_spawn(&test->tally, s, tally_nothing, &test->tally), SCOPE_OK);
    return 0;
}

static void handled_with(bool with_report)
{
    struct test test = {.with_report = with_report};
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, handled_body, &test), SCOPE_OK);
    check_tally(&report, &test.tally);
    CHECK_EQ_INT(report.ok, 1);
    if (with_report) {
        CHECK_EQ_INT(test.inner.group.total, 1);
        CHECK_EQ_INT(test.inner.group.errors[0].code, LEAF);
        CHECK_EQ_STR(test.inner.group.errors[0].message, "leaf of 9");
        scope_report_fini(&test.inner);
    }
    scope_report_fini(&report);
}

static void inner_failure_handled_outer_untouched(void)
{
    handled_with(false);
    handled_with(true);
}

/* ---------------------------------------------------------------------------------------------- 18: returned upward */

static int returned_task(struct scope *s, void *arg)
{
    (void)s;
    struct test *test = arg;
    return tally_end(&test->tally, inner_run(test, inner_body));
}

static int returned_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)tally_spawn(&test->tally, s, returned_task, test);
    return 0;
}

static void check_leaf(const struct scope_errors *group)
{
    if (!CHECK(group != NULL))
        return;
    CHECK_EQ_STR(group->scope_name, "inner");
    CHECK_EQ_INT(group->total, 1);
    CHECK_EQ_INT(group->errors[0].code, LEAF);
    CHECK_EQ_INT(group->errors[0].index, 0);
    CHECK_EQ_STR(group->errors[0].message, "leaf of 9");
    CHECK(!group->errors[0].nested);
}

static void returned_with(bool with_report)
{
    struct test test = {.with_report = with_report};
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, returned_body, &test), SCOPE_ERROR);
    check_tally(&report, &test.tally);
    CHECK_EQ_INT(report.failed, 1);
    CHECK_EQ_INT(report.group.total, 1);
    CHECK_EQ_INT(report.group.errors[0].code, SCOPE_ERROR);
    CHECK_EQ_INT(report.group.errors[0].index, 0);
    check_leaf(report.group.errors[0].nested);
    if (with_report) {
        CHECK_EQ_INT(test.inner.group.errors[0].code, LEAF);
        scope_report_fini(&test.inner);
    }
    check_leaf(report.group.errors[0].nested); /* fini of the inner report took nothing from it */
    scope_report_fini(&report);
    CHECK_EQ_INT(report.group.total, 0);
}

static void inner_failure_returned_group_in_group(void)
{
    returned_with(false);
    returned_with(true);
}

/* By the body itself, and through three levels of which only the outermost has a report. */
static int level_body(struct scope *s, void *arg)
{
    (void)s;
    int *level = arg;
    return --*level ? scope_run(level_body, level) : LEAF;
}

static void bodies_return_upward_nested_to_the_leaf(void)
{
    int level = 4;
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, level_body, &level), SCOPE_ERROR);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_BODY);
    const struct scope_errors *group = &report.group;
    for (int i = 0; i < 3 && CHECK(group != NULL); i++) {
        CHECK_EQ_INT(group->total, 1);
        CHECK_EQ_INT(group->errors[0].code, SCOPE_ERROR);
        CHECK_EQ_INT(group->errors[0].index, SCOPE_INDEX_BODY);
        group = group->errors[0].nested;
    }
    if (CHECK(group != NULL))
        CHECK_EQ_INT(group->errors[0].code, LEAF);
    scope_report_fini(&report);
}

/* ------------------------------------------------------------------------- 19: outer fails while the body is inside */

static int outer_fails_task(struct scope *s, void *arg)
{
    (void)s;
    struct test *test = arg;
    atomic_fetch_add(&test->started, 1);
    spin_until(&test->inside, 1);
    return tally_end(&test->tally, OUTER);
}

static int until_cancelled_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    atomic_store(&test->inside, 1);
    spin_until_cancelled(s);
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_PARENT);
    CHECK_EQ_INT(scope_spawn(s, leaf_task, NULL), SCOPE_ECANCELED);
    return SCOPE_ECANCELED;
}

static int inside_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)tally_spawn(&test->tally, s, outer_fails_task, test);
    beckon(&test->tally, s, &test->started, 1);
    int status = inner_run(test, until_cancelled_body);
    CHECK_EQ_INT(status, SCOPE_ECANCELED);
    CHECK_EQ_INT(test->inner.reason, SCOPE_REASON_PARENT);
    return status;
}

static void outer_fails_inner_cancelled_one_error(void)
{
    struct scope_options options = options_of(pool);
    for (int round = 0; round < 50; round++) {
        struct test test = {.with_report = true};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(&options, &report, inside_body, &test), SCOPE_ERROR);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_SIBLING);
        CHECK_EQ_INT(report.group.total, 1);
        CHECK_EQ_INT(report.group.errors[0].code, OUTER);
        CHECK(!report.group.errors[0].nested);
    }
}

/* The same with any number of workers: the body fails the outer scope from within the inner one. */
static int fail_outer_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    CHECK_EQ_INT(scope_fail(test->outer, OUTER, "from within"), OUTER);
    CHECK(scope_cancelled(s));
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_PARENT);
    return SCOPE_ECANCELED;
}

static int fail_outer_outer_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    test->outer = s;
    int status = inner_run(test, fail_outer_body);
    CHECK_EQ_INT(status, SCOPE_ECANCELED);
    CHECK(scope_cancelled(s));
    return status;
}

static void outer_failed_from_within_inner_cancelled(void)
{
    struct test test = {.with_report = true};
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, fail_outer_outer_body, &test), SCOPE_ERROR);
    CHECK_EQ_INT(test.inner.reason, SCOPE_REASON_PARENT);
    CHECK_EQ_INT(report.group.total, 1);
    CHECK_EQ_INT(report.group.errors[0].code, OUTER);
    CHECK_EQ_STR(report.group.errors[0].message, "from within");
}

/* ----------------------------------------------------------------------------------------------- 20: both at once */

static int both_leaf_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    atomic_store(&test->inside, 1);
    return leaf_task(s, NULL);
}

static int both_inner_body(struct scope *s, void *arg)
{
    /* Refused if the outer scope has failed already: then the inner one is only cancelled. */
    (void)scope_spawn(s, both_leaf_task, arg);
    struct test *test = arg;
    atomic_store(&test->inside, 1);
    return 0;
}

static int both_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)tally_spawn(&test->tally, s, outer_fails_task, test);
    beckon(&test->tally, s, &test->started, 1);
    int status = inner_run(test, both_inner_body);
    CHECK(status == SCOPE_ERROR || status == SCOPE_ECANCELED);
    CHECK(status != SCOPE_ERROR || (test->inner.group.total == 1 && test->inner.group.errors[0].code == LEAF));
    return 0; /* handled */
}

static void both_fail_inner_handled_outer_reports_own(void)
{
    struct scope_options options = options_of(pool);
    for (int round = 0; round < 100; round++) {
        struct test test = {.with_report = true};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(&options, &report, both_body, &test), SCOPE_ERROR);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(report.group.total, 1);
        CHECK_EQ_INT(report.group.errors[0].code, OUTER);
        CHECK(!report.group.errors[0].nested);
    }
}

/* -------------------------------------------------------------------------------------------------------- 21: shape */

static int fail_count_body(struct scope *s, void *arg)
{
    int count = *(int *)arg;
    for (int i = 0; i < count; i++)
        CHECK_EQ_INT(scope_spawn(s, leaf_task, NULL), SCOPE_OK);
    return 0;
}

static void one_error_same_shape_as_two(void)
{
    for (int count = 1; count <= 2; count++) {
        struct scope_options options = scope_options_init();
        struct scope_report report;
        options.policy = SCOPE_COLLECT;
        options.name = "shape";
        CHECK_EQ_INT(run_checked(&options, &report, fail_count_body, &count), SCOPE_ERROR);
        CHECK_EQ_STR(report.group.scope_name, "shape");
        CHECK_EQ_INT(report.group.total, count);
        CHECK_EQ_INT(report.group.kept, count);
        for (int i = 0; i < count; i++) {
            CHECK_EQ_INT(report.group.errors[i].code, LEAF);
            CHECK_EQ_STR(report.group.errors[i].message, "leaf of 9");
        }
    }
}

int main(void)
{
    pool = pool_at_least(2);
    check_run("scenario_17_inner_failure_handled_outer_untouched", inner_failure_handled_outer_untouched);
    check_run("scenario_18_inner_failure_returned_group_in_group", inner_failure_returned_group_in_group);
    check_run("scenario_18_bodies_return_upward_nested_to_the_leaf", bodies_return_upward_nested_to_the_leaf);
    check_run("scenario_19_outer_fails_inner_cancelled_one_error", outer_fails_inner_cancelled_one_error);
    check_run("scenario_19_outer_failed_from_within_inner_cancelled", outer_failed_from_within_inner_cancelled);
    check_run("scenario_20_both_fail_inner_handled_outer_reports_own", both_fail_inner_handled_outer_reports_own);
    check_run("scenario_21_one_error_same_shape_as_two", one_error_same_shape_as_two);
    (void)scope_pool_destroy(pool);
    return check_done();
}

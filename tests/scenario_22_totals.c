/* Scenarios 22 to 24: exact totals beyond the errors that are kept; COLLECT; the pool is reusable after any failure. */
#include "tests/scope_check.h"

#define MANY (SCOPE_ERRORS_KEPT + 1000)

struct test {
    struct tally tally;
    long count;   /* tasks */
    unsigned bad; /* bit i: task i fails, of the first 32 */
    int body;     /* what the body returns */
    atomic_uint started;
    struct part {
        struct test *test;
        long value;
    } part[32];
};

static struct scope_pool *pool; /* of at least two workers */

/* ------------------------------------------------------------------------------------------------------- 22: totals */

static int fail_task(struct scope *s, void *arg)
{
    (void)s;
    return tally_end(arg, 42);
}

static int many_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    for (long i = 0; i < test->count; i++)
        CHECK_EQ_INT(tally_spawn(&test->tally, s, fail_task, &test->tally), SCOPE_OK);
    return 0;
}

static void many_fail(long count)
{
    struct test test = {.count = count};
    struct scope_options options = scope_options_init();
    struct scope_report report;
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, &report, many_body, &test), SCOPE_ERROR);
    check_tally(&report, &test.tally);
    CHECK_EQ_INT(report.failed, count);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_NONE);
    CHECK_EQ_INT(report.group.total, count);
    CHECK_EQ_INT(report.group.kept, SCOPE_ERRORS_KEPT);
    for (int i = 0; i < SCOPE_ERRORS_KEPT; i++) {
        CHECK_EQ_INT(report.group.errors[i].code, 42);
        CHECK(report.group.errors[i].index < (uint64_t)count);
        for (int j = 0; j < i; j++)
            CHECK(report.group.errors[i].index != report.group.errors[j].index);
    }
    CHECK_EQ_INT(scope_run_with(&options, NULL, many_body, &test), SCOPE_ERROR);
}

static void thousand_beyond_kept_totals_exact(void)
{
    many_fail(MANY);
}

static void million_collect_totals_exact(void)
{
    many_fail(TIMES(1000000, 50000));
}

/* ------------------------------------------------------------------------------------------------------ 23: COLLECT */

static int part_task(struct scope *s, void *arg)
{
    struct part *part = arg;
    struct test *test = part->test;
    long i = part - test->part;
    CHECK(!scope_cancelled(s));
    part->value = i * i;
    return tally_end(&test->tally, test->bad >> i & 1 ? 100 + (int)i : 0);
}

static int parts_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    for (long i = 0; i < test->count; i++) {
        test->part[i] = (struct part){.test = test, .value = -1};
        (void)tally_spawn(&test->tally, s, part_task, &test->part[i]);
    }
    return test->body;
}

static void collect_two_fail_siblings_finish(void)
{
    for (int round = 0; round < 50; round++) {
        struct test test = {.count = 20, .bad = 1U << 3 | 1U << 11};
        struct scope_options options = scope_options_init();
        struct scope_report report;
        options.policy = SCOPE_COLLECT;
        CHECK_EQ_INT(run_checked(&options, &report, parts_body, &test), SCOPE_ERROR);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_NONE);
        CHECK_EQ_INT(report.ok, 18);
        CHECK_EQ_INT(report.failed, 2);
        CHECK_EQ_INT(report.group.total, 2);
        for (int i = 0; i < 2; i++)
            CHECK_EQ_INT(report.group.errors[i].code, 100 + (int)report.group.errors[i].index);
        CHECK(group_has(&report.group, 103) && group_has(&report.group, 111));
        for (long i = 0; i < test.count; i++)
            CHECK_EQ_INT(test.part[i].value, i * i);
    }
}

static int until_cancelled_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    atomic_fetch_add(&test->started, 1);
    spin_until_cancelled(s);
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_BODY);
    return tally_end(&test->tally, SCOPE_ECANCELED);
}

static int collect_failing_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)tally_spawn(&test->tally, s, until_cancelled_task, test);
    beckon(&test->tally, s, &test->started, 1);
    return 5;
}

static void collect_body_fails_children_cancelled(void)
{
    struct test test = {0};
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, &report, collect_failing_body, &test), SCOPE_ERROR);
    check_tally(&report, &test.tally);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_BODY);
    CHECK_EQ_INT(report.cancelled, 1);
    CHECK_EQ_INT(report.group.total, 1);
    CHECK_EQ_INT(report.group.errors[0].code, 5);
}

/* Several spawns by the body with one worker: all are skipped. */
static void collect_body_fails_first_children_skipped(void)
{
    struct scope_pool *one = pool_of_one();
    struct test test = {.count = 20, .body = 5};
    struct scope_options options = options_of(one);
    struct scope_report report;
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, &report, parts_body, &test), SCOPE_ERROR);
    check_tally(&report, &test.tally);
    CHECK_EQ_INT(report.skipped, 20);
    CHECK_EQ_INT(scope_pool_destroy(one), SCOPE_OK);
}

/* -------------------------------------------------------------------------------------------------- 24: reusable */

static int seven_task(struct scope *s, void *arg)
{
    (void)s;
    struct part *part = arg;
    return tally_end(&part->test->tally, part->test->bad >> part->value & 1 ? 100 : 0);
}

static int seven_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    for (long i = 0; i < 7; i++) {
        test->part[i] = (struct part){.test = test, .value = i};
        (void)tally_spawn(&test->tally, s, seven_task, &test->part[i]);
    }
    return 0;
}

static void seven_any_fail_pool_reusable(void)
{
    for (unsigned bad = 0; bad < 128; bad++) {
        struct test test = {.bad = bad};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, seven_body, &test), bad ? SCOPE_ERROR : SCOPE_OK);
        check_tally(&report, &test.tally);
        struct test clean = {0};
        CHECK_EQ_INT(run_checked(NULL, &report, seven_body, &clean), SCOPE_OK);
        check_tally(&report, &clean.tally);
        CHECK_EQ_INT(report.ok, 7);
    }
}

int main(void)
{
    pool = pool_at_least(2);
    check_run("scenario_22_thousand_beyond_kept_totals_exact", thousand_beyond_kept_totals_exact);
    check_run("scenario_22_million_collect_totals_exact", million_collect_totals_exact);
    check_run("scenario_23_collect_two_fail_siblings_finish", collect_two_fail_siblings_finish);
    check_run("scenario_23_collect_body_fails_children_cancelled", collect_body_fails_children_cancelled);
    check_run("scenario_23_collect_body_fails_first_children_skipped", collect_body_fails_first_children_skipped);
    check_run("scenario_24_seven_any_fail_pool_reusable", seven_any_fail_pool_reusable);
    (void)scope_pool_destroy(pool);
    return check_done();
}

/* scope_fail, and which errors a group keeps. */
#include "tests/scope_check.h"

static struct scope_options collect(void)
{
    struct scope_options options = scope_options_init();
    options.policy = SCOPE_COLLECT;
    return options;
}

static int one_task_body(struct scope *s, void *arg)
{
    scope_fn **task = arg;
    return scope_spawn(s, *task, NULL);
}

/* Runs one task under COLLECT. */
static void run_one(scope_fn *task, struct scope_report *report, int expected)
{
    struct scope_options options = collect();
    CHECK_EQ_INT(run_checked(&options, report, one_task_body, &task), expected);
    CHECK_EQ_INT(report->spawned, 1);
}

/* ------------------------------------------------------------------------------------------------------- Messages */

static int message_task(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_fail(s, 12, "%s %d%%", "value", 99), 12);
    return 12;
}

static void message_formatted_counted_once(void)
{
    struct scope_report report;
    run_one(message_task, &report, SCOPE_ERROR);
    CHECK_EQ_INT(report.failed, 1);
    CHECK_EQ_INT(report.group.total, 1);
    CHECK_EQ_INT(report.group.errors[0].code, 12);
    CHECK_EQ_INT(report.group.errors[0].index, 0);
    CHECK_EQ_STR(report.group.errors[0].message, "value 99%");
}

static int length_task(struct scope *s, void *arg)
{
    int length = *(int *)arg;
    return scope_fail(s, 12, "%0*d", length, 0);
}

static int length_body(struct scope *s, void *arg)
{
    return scope_spawn(s, length_task, arg);
}

static void message_cut_to_fit(void)
{
    static const int lengths[] = {1, SCOPE_MESSAGE_MAX - 2, SCOPE_MESSAGE_MAX - 1, SCOPE_MESSAGE_MAX, 1000};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        int length = lengths[i];
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, length_body, &length), SCOPE_ERROR);
        const char *message = report.group.errors[0].message;
        int kept = length < SCOPE_MESSAGE_MAX ? length : SCOPE_MESSAGE_MAX - 1;
        CHECK_EQ_INT(strlen(message), kept);
        CHECK_EQ_INT(strspn(message, "0"), kept);
    }
}

static int zero_task(struct scope *s, void *arg)
{
    const char *none = NULL;
    (void)arg;
    CHECK_EQ_INT(scope_fail(s, 0, "zero"), SCOPE_EINVAL);
    return scope_fail(s, 8, none, 0); /* no message */
}

static void code_zero_recorded_as_einval(void)
{
    struct scope_report report;
    run_one(zero_task, &report, SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 2);
    CHECK_EQ_INT(report.group.errors[0].code, SCOPE_EINVAL);
    CHECK_EQ_STR(report.group.errors[0].message, "zero");
    CHECK_EQ_INT(report.group.errors[1].code, 8);
    CHECK_EQ_STR(report.group.errors[1].message, "");
}

/* --------------------------------------------------------------------------------------- Said and returned, or not */

static int said_only_task(struct scope *s, void *arg)
{
    (void)arg;
    (void)scope_fail(s, 3, "said");
    return 0;
}

/* Its result stands: it counts as ok, and the error is there. */
static void said_but_not_returned_error_kept(void)
{
    struct scope_report report;
    run_one(said_only_task, &report, SCOPE_ERROR);
    CHECK_EQ_INT(report.ok, 1);
    CHECK_EQ_INT(report.group.total, 1);
    CHECK_EQ_INT(report.group.errors[0].code, 3);
    CHECK_EQ_INT(report.group.errors[0].index, 0);
}

static int said_another_task(struct scope *s, void *arg)
{
    (void)arg;
    (void)scope_fail(s, 3, "said");
    return 4;
}

static void another_code_returned_both_kept(void)
{
    struct scope_report report;
    run_one(said_another_task, &report, SCOPE_ERROR);
    CHECK_EQ_INT(report.failed, 1);
    CHECK_EQ_INT(report.group.total, 2);
    CHECK_EQ_INT(report.group.errors[0].code, 3);
    CHECK_EQ_INT(report.group.errors[1].code, 4);
    CHECK_EQ_INT(report.group.errors[1].index, 0);
    CHECK_EQ_STR(report.group.errors[1].message, "");
}

static int said_twice_task(struct scope *s, void *arg)
{
    (void)arg;
    (void)scope_fail(s, 3, "first");
    return scope_fail(s, 4, "second");
}

static void said_twice_both_kept_in_order(void)
{
    struct scope_report report;
    run_one(said_twice_task, &report, SCOPE_ERROR);
    CHECK_EQ_INT(report.failed, 1);
    CHECK_EQ_INT(report.group.total, 2);
    CHECK_EQ_INT(report.group.errors[0].code, 3);
    CHECK_EQ_STR(report.group.errors[0].message, "first");
    CHECK_EQ_INT(report.group.errors[1].code, 4);
    CHECK_EQ_STR(report.group.errors[1].message, "second");
    CHECK_EQ_INT(report.group.errors[1].index, 0);
}

static int said_by_body(struct scope *s, void *arg)
{
    (void)arg;
    return scope_fail(s, 6, "by the body");
}

static void said_by_body_once_index_body(void)
{
    struct scope_report report;
    struct scope_options options = collect();
    CHECK_EQ_INT(run_checked(&options, &report, said_by_body, NULL), SCOPE_ERROR);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_BODY);
    CHECK_EQ_INT(report.group.total, 1);
    CHECK_EQ_INT(report.group.errors[0].index, SCOPE_INDEX_BODY);
    CHECK_EQ_INT(run_checked(NULL, &report, said_by_body, NULL), SCOPE_ERROR);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_SIBLING); /* scope_fail was there first */
    CHECK_EQ_INT(report.group.total, 1);
}

static int collect_said_body(struct scope *s, void *arg)
{
    (void)scope_fail(s, 6, "goes on");
    CHECK(!scope_cancelled(s));
    return tally_spawn(arg, s, tally_nothing, arg);
}

static void collect_said_does_not_cancel(void)
{
    struct scope_options options = collect();
    struct tally tally = {0};
    struct scope_report report;
    CHECK_EQ_INT(run_checked(&options, &report, collect_said_body, &tally), SCOPE_ERROR);
    check_tally(&report, &tally);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_NONE);
    CHECK_EQ_INT(report.ok, 1);
}

/* What one task said is not taken for what the next one returns on the same worker. */
static int returns_three_task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return 3;
}

static int said_then_next_body(struct scope *s, void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(scope_spawn(s, returns_three_task, NULL), SCOPE_OK);
        CHECK_EQ_INT(scope_spawn(s, said_only_task, NULL), SCOPE_OK);
    }
    return 0;
}

static void said_by_one_returned_by_the_next_both_kept(void)
{
    for (int round = 0; round < 50; round++) {
        struct scope_options options = collect();
        struct scope_report report;
        CHECK_EQ_INT(run_checked(&options, &report, said_then_next_body, NULL), SCOPE_ERROR);
        CHECK_EQ_INT(report.failed, 3);
        CHECK_EQ_INT(report.ok, 3);
        CHECK_EQ_INT(report.group.total, 6);
        for (int i = 0; i < 6; i++)
            CHECK_EQ_STR(report.group.errors[i].message, report.group.errors[i].index % 2 ? "said" : "");
    }
}

/* ----------------------------------------------------------------------------------------------- "I was cancelled" */

static int cancelled_task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return SCOPE_ECANCELED;
}

static void task_returns_ecanceled_no_error(void)
{
    struct scope_report report;
    run_one(cancelled_task, &report, SCOPE_ECANCELED);
    CHECK_EQ_INT(report.cancelled, 1);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_NONE);
    CHECK_EQ_INT(report.group.total, 0);
    CHECK_EQ_INT(run_checked(NULL, &report, cancelled_task, NULL), SCOPE_ECANCELED); /* as a body */
    CHECK_EQ_INT(report.group.total, 0);
    CHECK_EQ_INT(report.spawned, 0);
}

static int fails_as_cancelled_task(struct scope *s, void *arg)
{
    (void)arg;
    return scope_fail(s, SCOPE_ECANCELED, "not %s", "an error");
}

/* Also where the first error would cancel. */
static void fail_with_ecanceled_no_error(void)
{
    struct scope_report report;
    run_one(fails_as_cancelled_task, &report, SCOPE_ECANCELED);
    CHECK_EQ_INT(report.cancelled, 1);
    CHECK_EQ_INT(run_checked(NULL, &report, fails_as_cancelled_task, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_NONE);
    CHECK_EQ_INT(report.group.total, 0);
}

static int cancelled_and_error_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_spawn(s, returns_three_task, NULL), SCOPE_OK);
    return scope_spawn(s, cancelled_task, NULL);
}

static void error_beats_cancelled(void)
{
    struct scope_options options = collect();
    struct scope_report report;
    CHECK_EQ_INT(run_checked(&options, &report, cancelled_and_error_body, NULL), SCOPE_ERROR);
    CHECK_EQ_INT(report.cancelled, 1);
    CHECK_EQ_INT(report.failed, 1);
    CHECK_EQ_INT(report.group.total, 1);
}

/* ---------------------------------------------------------------------------------------------------- Nested groups */

static int three_levels_body(struct scope *s, void *arg);

static int three_levels_task(struct scope *s, void *arg)
{
    (void)s;
    struct scope_options options = collect();
    return scope_run_with(&options, NULL, three_levels_body, arg);
}

/* Three tasks a level, each failing; 3 levels: 3 + 9 + 27 errors. */
static int three_levels_body(struct scope *s, void *arg)
{
    int level = *(int *)arg + 1;
    scope_fn *task = level < 3 ? three_levels_task : returns_three_task;
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(scope_spawn_copy(s, task, &level, sizeof(level)), SCOPE_OK);
    return 0;
}

static int leaves(const struct scope_errors *group)
{
    int sum = 0;
    CHECK_EQ_INT(group->total, 3);
    for (uint64_t i = 0; i < group->kept; i++)
        sum += group->errors[i].nested ? leaves(group->errors[i].nested) : group->errors[i].code == 3;
    return sum;
}

static void three_levels_every_leaf_kept(void)
{
    for (int round = 0; round < 20; round++) {
        struct scope_options options = collect();
        struct scope_report report;
        int level = 0;
        CHECK_EQ_INT(run_checked(&options, &report, three_levels_body, &level), SCOPE_ERROR);
        CHECK_EQ_INT(leaves(&report.group), 27);
        scope_report_fini(&report);
        scope_report_fini(&report);
        CHECK_EQ_INT(report.group.kept, 0);
        level = 0;
        CHECK_EQ_INT(scope_run_with(&options, NULL, three_levels_body, &level), SCOPE_ERROR); /* nobody asks: freed */
    }
    scope_report_fini(NULL);
    struct scope_report unused = scope_report_init();
    scope_report_fini(&unused);
}

/* Of more failures than are kept: the groups of the rest are freed. */
static int more_than_kept_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 10 * SCOPE_ERRORS_KEPT; i++)
        CHECK_EQ_INT(scope_spawn(s, three_levels_task, arg), SCOPE_OK);
    return 0;
}

static void more_groups_than_kept_freed(void)
{
    struct scope_options options = collect();
    struct scope_report report;
    int level = 2;
    CHECK_EQ_INT(run_checked(&options, &report, more_than_kept_body, &level), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 10 * SCOPE_ERRORS_KEPT);
    for (int i = 0; i < SCOPE_ERRORS_KEPT; i++)
        if (CHECK(report.group.errors[i].nested != NULL))
            CHECK_EQ_INT(report.group.errors[i].nested->total, 3);
    scope_report_fini(&report);
}

/* The group that is kept is of the inner scope that failed last. It collects: every spawn must be taken, whoever has failed. */
static int twice_task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    int level = 2;
    struct scope_options options = collect();
    options.name = "last";
    CHECK_EQ_INT(scope_run(returns_three_task, NULL), SCOPE_ERROR);
    return scope_run_with(&options, NULL, three_levels_body, &level);
}

static void two_inner_failures_the_last_nested(void)
{
    struct scope_report report;
    run_one(twice_task, &report, SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 1);
    if (CHECK(report.group.errors[0].nested != NULL))
        CHECK_EQ_STR(report.group.errors[0].nested->scope_name, "last");
    scope_report_fini(&report);
}

static void strerror_every_code_described(void)
{
    CHECK_EQ_STR(scope_strerror(SCOPE_OK), "success");
    CHECK_EQ_STR(scope_strerror(1), "task error");
    CHECK_EQ_STR(scope_strerror(-1), "task error");
    for (int code = SCOPE_ERROR; code >= SCOPE_ENOWINNER; code--)
        for (int other = SCOPE_ERROR; other >= code; other--)
            CHECK((strcmp(scope_strerror(code), scope_strerror(other)) == 0) == (code == other));
}

int main(void)
{
    check_run("fail_message_formatted_counted_once", message_formatted_counted_once);
    check_run("fail_message_cut_to_fit", message_cut_to_fit);
    check_run("fail_code_zero_recorded_as_einval", code_zero_recorded_as_einval);
    check_run("fail_said_but_not_returned_error_kept", said_but_not_returned_error_kept);
    check_run("fail_another_code_returned_both_kept", another_code_returned_both_kept);
    check_run("fail_said_twice_both_kept_in_order", said_twice_both_kept_in_order);
    check_run("fail_said_by_body_once_index_body", said_by_body_once_index_body);
    check_run("fail_collect_said_does_not_cancel", collect_said_does_not_cancel);
    check_run("fail_said_by_one_returned_by_the_next_both_kept", said_by_one_returned_by_the_next_both_kept);
    check_run("fail_task_returns_ecanceled_no_error", task_returns_ecanceled_no_error);
    check_run("fail_with_ecanceled_no_error", fail_with_ecanceled_no_error);
    check_run("fail_error_beats_cancelled", error_beats_cancelled);
    check_run("fail_three_levels_every_leaf_kept", three_levels_every_leaf_kept);
    check_run("fail_more_groups_than_kept_freed", more_groups_than_kept_freed);
    check_run("fail_two_inner_failures_the_last_nested", two_inner_failures_the_last_nested);
    check_run("strerror_every_code_described", strerror_every_code_described);
    return check_done();
}

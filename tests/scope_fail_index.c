/* scope_fail and what a group says of the task: its index, and the errors of its inner scope. */
#include "tests/scope_check.h"

static int one_task_body(struct scope *s, void *arg)
{
    scope_fn **task = arg;
    return scope_spawn(s, *task, NULL);
}

static void run_one(scope_fn *task, struct scope_report *report)
{
    struct scope_options options = scope_options_init();
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, report, one_task_body, &task), SCOPE_ERROR);
    CHECK_EQ_INT(report->failed, 1);
}

/* SCOPE_INDEX_BODY is for bodies, and for threads outside any task of the scope. */
static int twice_task(struct scope *s, void *arg)
{
    (void)arg;
    (void)scope_fail(s, 3, "first");
    return scope_fail(s, 4, "second");
}

static void said_twice_both_have_the_index(void)
{
    struct scope_report report;
    run_one(twice_task, &report);
    CHECK_EQ_INT(report.group.total, 2);
    CHECK_EQ_INT(report.group.errors[0].index, 0);
    CHECK_EQ_INT(report.group.errors[1].index, 0);
}

/* "A task that returns the code is not recorded a second time." */
static int first_task(struct scope *s, void *arg)
{
    (void)arg;
    int code = scope_fail(s, 3, "first");
    (void)scope_fail(s, 4, "second");
    return code;
}

static void said_twice_first_returned_not_recorded_again(void)
{
    struct scope_report report;
    run_one(first_task, &report);
    CHECK_EQ_INT(report.group.total, 2);
}

/* A message for the failure of an inner scope: the inner group must not be lost ("no error is lost"). */
static int leaf_body(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return 9;
}

static int explaining_task(struct scope *s, void *arg)
{
    int status = scope_run(leaf_body, arg);
    return scope_fail(s, status, "while doing this");
}

static void inner_failure_with_message_nested(void)
{
    struct scope_report report;
    run_one(explaining_task, &report);
    CHECK_EQ_INT(report.group.total, 1);
    CHECK_EQ_INT(report.group.errors[0].code, SCOPE_ERROR);
    CHECK_EQ_STR(report.group.errors[0].message, "while doing this");
    if (CHECK(report.group.errors[0].nested != NULL))
        CHECK_EQ_INT(report.group.errors[0].nested->errors[0].code, 9);
    scope_report_fini(&report);
}

int main(void)
{
    check_run("fail_said_twice_both_have_the_index", said_twice_both_have_the_index);
    check_run("fail_said_twice_first_returned_not_recorded_again", said_twice_first_returned_not_recorded_again);
    check_run("fail_inner_failure_with_message_nested", inner_failure_with_message_nested);
    return check_done();
}

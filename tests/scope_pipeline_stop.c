/* scope_pipeline stops early: a stage fails, says that it is to stop, cancels, or its scope is cancelled, at every
 * item in every stage.  Every item that was made is disposed of once, the error is recorded once, and nothing hangs. */
#include "tests/pipeline_check.h"
#include "tests/scope_check.h"

#define ITEMS 30

static int in_scope(struct scope *s, void *arg)
{
    return probe_run(s, arg);
}

/* The error that the pipeline has recorded. */
static void check_error(const struct scope_report *report, const struct probe *probe)
{
    static const char *const where[] = {"stage 0 (source), item ", "stage 1 (first), item ", "stage 2, item ",
                                        "stage 3 (third), item "};
    char text[100];
    const struct scope_error *error = &report->group.errors[0];
    CHECK_EQ_INT(report->group.total, 1);
    if (probe->trouble == FAILS_INSIDE) {
        CHECK_EQ_INT(error->code, SCOPE_ERROR);
        CHECK(error->nested && error->nested->total >= 1 && error->nested->errors[0].code == TROUBLE_CODE + 1);
        return;
    }
    CHECK_EQ_INT(error->code, TROUBLE_CODE);
    if (probe->all) { /* at some item */
        CHECK(strncmp(error->message, where[probe->trouble_stage], strlen(where[probe->trouble_stage])) == 0);
        return;
    }
    (void)snprintf(text, sizeof(text), "%s%llu%s", where[probe->trouble_stage], (unsigned long long)probe->trouble_item,
                   probe->trouble == SAYS ? ": said" : "");
    CHECK_EQ_STR(error->message, text);
    CHECK(probe->trouble != SAYS || (error->file && strstr(error->file, "pipeline_check.h")));
}

static void run_with_trouble(struct probe *probe)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    if (probe->trouble == CANCELS_TOKEN)
        options.token = probe->token = scope_token_create();
    int status = run_checked(&options, &report, in_scope, probe);
    if (probe->trouble == FAILS || probe->trouble == SAYS || probe->trouble == FAILS_INSIDE) {
        CHECK_EQ_INT(status, SCOPE_ERROR);
        check_error(&report, probe);
    } else {
        CHECK_EQ_INT(status, SCOPE_ECANCELED);
    }
    CHECK_EQ_INT(report.spawned, 0);
    /* With one worker nothing is made afterwards; a task that fails may run later. */
    if (scope_pool_workers(NULL) == 1 && probe->trouble != FAILS_INSIDE)
        CHECK(probe->made <= probe->trouble_item + 1);
    probe_check(probe);
    scope_report_fini(&report);
    scope_token_release(probe->token);
}

/* Trouble at each item in each stage; kinds: how the stages are made up. */
static void trouble_everywhere(enum trouble trouble, bool all)
{
    static const size_t tokens[] = {1, 2, 5, 40};
    unsigned run = 0;
    for (size_t stage = 0; stage < 4; stage++) {
        for (uint64_t n = 0; n <= (stage ? ITEMS - 1 : ITEMS); n += TIMES(1, 3)) {
            for (int kinds = 0; kinds < 27; kinds += TIMES(4, 8), run++) {
                struct probe probe = {
                    .count = 4, .items = ITEMS, .tokens = tokens[run % 4], .trouble = trouble, .all = all};
                probe.trouble_stage = stage;
                probe.trouble_item = n;
                probe.filter = run % 2 && (n % 3 != 1 || stage < 2);
                probe.stages[1].kind = (enum scope_stage_kind)(kinds % 3);
                probe.stages[2].kind = (enum scope_stage_kind)(kinds / 3 % 3);
                probe.stages[3].kind = (enum scope_stage_kind)(kinds / 9);
                run_with_trouble(&probe);
            }
        }
    }
}

static void stop_failure_everywhere_disposed_once(void)
{
    trouble_everywhere(FAILS, false);
}

static void stop_message_everywhere_kept(void)
{
    trouble_everywhere(SAYS, false);
}

static void stop_ecanceled_everywhere_no_error(void)
{
    trouble_everywhere(STOPS, false);
}

static void stop_cancel_everywhere_no_error(void)
{
    trouble_everywhere(CANCELS, false);
}

static void stop_token_everywhere_no_error(void)
{
    trouble_everywhere(CANCELS_TOKEN, false);
}

static void stop_task_of_stage_fails_nested_error(void)
{
    trouble_everywhere(FAILS_INSIDE, false);
}

static void stop_all_fail_recorded_once(void)
{
    trouble_everywhere(FAILS, true);
}

/* ----------------------------------------------------------------------------------------------- The caller's scope */

/* The code is the stage's; SCOPE_COLLECT goes on after it. */
static int goes_on(struct scope *s, void *arg)
{
    struct probe *probe = arg;
    CHECK_EQ_INT(probe_run(s, probe), TROUBLE_CODE);
    CHECK(!scope_cancelled(s));
    return 0;
}

static void stop_failure_collected_scope_goes_on(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    struct probe probe = {
        .count = 4, .items = ITEMS, .tokens = 4, .trouble = FAILS, .trouble_stage = 2, .trouble_item = 7};
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, &report, goes_on, &probe), SCOPE_ERROR);
    check_error(&report, &probe);
    probe_check(&probe);
    scope_report_fini(&report);
}

/* Without a scope: what scope_run returns, and nothing else fails. */
static int without_scope(struct scope *s, void *arg)
{
    CHECK_EQ_INT(probe_run(NULL, arg), SCOPE_ERROR);
    CHECK(!scope_cancelled(s));
    return 0;
}

static void stop_failure_without_scope_error(void)
{
    struct probe probe = {
        .count = 2, .items = ITEMS, .tokens = 4, .trouble = FAILS, .trouble_stage = 1, .trouble_item = 3};
    struct probe again = {
        .count = 2, .items = ITEMS, .tokens = 4, .trouble = STOPS, .trouble_stage = 1, .trouble_item = 3};
    CHECK_EQ_INT(scope_run(without_scope, &probe), SCOPE_OK);
    CHECK_EQ_INT(probe_run(NULL, &again), SCOPE_ECANCELED);
    probe_check(&probe);
    probe_check(&again);
}

/* A scope that is cancelled already: no stage is called. */
static int cancelled_before(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_cancel(s), 1);
    CHECK_EQ_INT(probe_run(s, arg), SCOPE_ECANCELED);
    return 0;
}

static void stop_cancelled_before_nothing_called(void)
{
    struct probe probe = {.count = 2, .items = ITEMS, .tokens = 4};
    CHECK_EQ_INT(scope_run(cancelled_before, &probe), SCOPE_ECANCELED);
    CHECK_EQ_INT(probe.made, 0);
    probe_check(&probe);
}

/* Stages that run when another fails are told by their scope. */
static atomic_uint polling;

static int poll_or_fail(struct scope *s, void **item, void *arg)
{
    (void)arg;
    if ((uintptr_t)*item == 1) {
        spin_until(&polling, 1);
        return TROUBLE_CODE;
    }
    atomic_store(&polling, 1);
    spin_until_cancelled(s);
    return SCOPE_ECANCELED;
}

static int polls(struct scope *s, void *arg)
{
    struct long_stream stream = {.items = 2, .middle = poll_or_fail};
    (void)arg;
    atomic_store(&polling, 0);
    CHECK_EQ_INT(long_stream_run(s, &stream, 2), TROUBLE_CODE);
    return 0;
}

static void stop_failure_running_stages_told(void)
{
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    struct scope_report report;
    for (int i = 0; i < TIMES(200, 20); i++) {
        CHECK_EQ_INT(run_checked(&options, &report, polls, NULL), SCOPE_ERROR);
        CHECK_EQ_INT(report.group.total, 1);
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* An inner scope's errors are found below the stage's. */
static int inner_body(struct scope *s, void *arg)
{
    (void)arg;
    return scope_fail(s, 5, "deep");
}

static int inner_scope(struct scope *s, void **item, void *arg)
{
    (void)s, (void)item;
    return scope_run(inner_body, arg);
}

static int with_inner_scope(struct scope *s, void *arg)
{
    struct long_stream stream = {.items = 3, .middle = inner_scope};
    (void)arg;
    return long_stream_run(s, &stream, 1);
}

static void stop_inner_scope_failed_errors_nested(void)
{
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, with_inner_scope, NULL), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 1);
    struct scope_leaves leaves = scope_leaves_begin(&report.group);
    const struct scope_error *leaf = scope_leaves_next(&leaves);
    CHECK(leaf && leaf->code == 5);
    CHECK_EQ_STR(leaf ? leaf->message : "", "deep");
    CHECK(!scope_leaves_next(&leaves));
    scope_report_fini(&report);
}

int main(void)
{
    check_run("stop_failure_everywhere_disposed_once", stop_failure_everywhere_disposed_once);
    check_run("stop_message_everywhere_kept", stop_message_everywhere_kept);
    check_run("stop_ecanceled_everywhere_no_error", stop_ecanceled_everywhere_no_error);
    check_run("stop_cancel_everywhere_no_error", stop_cancel_everywhere_no_error);
    check_run("stop_token_everywhere_no_error", stop_token_everywhere_no_error);
    check_run("stop_task_of_stage_fails_nested_error", stop_task_of_stage_fails_nested_error);
    check_run("stop_all_fail_recorded_once", stop_all_fail_recorded_once);
    check_run("stop_failure_collected_scope_goes_on", stop_failure_collected_scope_goes_on);
    check_run("stop_failure_without_scope_error", stop_failure_without_scope_error);
    check_run("stop_cancelled_before_nothing_called", stop_cancelled_before_nothing_called);
    check_run("stop_failure_running_stages_told", stop_failure_running_stages_told);
    check_run("stop_inner_scope_failed_errors_nested", stop_inner_scope_failed_errors_nested);
    return check_done();
}

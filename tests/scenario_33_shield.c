/* Scenarios 33 to 37: shields, deadlines, what a report says of a cancellation. */
#include "tests/scope_check.h"

#include <unistd.h>

#define MS 1000000u

static int nothing(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    return 0;
}

static int until_cancelled(struct scope *s, void *arg)
{
    (void)arg;
    spin_until_cancelled(s);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------ 33: shields */

static int shielded(struct scope *s, void *arg)
{
    struct scope *outer = arg;
    CHECK_EQ_INT(scope_cancel(outer), 1);
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(scope_run(nothing, NULL), SCOPE_OK); /* a scope inside is not, either */
    CHECK_EQ_INT(scope_spawn(s, nothing, NULL), SCOPE_OK);
    return 0;
}

static int shielded_cancels_itself(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_cancel(s), 1);
    CHECK(scope_cancelled(s));
    return 0;
}

static int unshielded(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_cancel(arg), 1);
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(scope_unshield(s), SCOPE_OK);
    CHECK(scope_cancelled(s));
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_PARENT);
    CHECK_EQ_INT(scope_unshield(NULL), SCOPE_EINVAL);
    return 0;
}

static int opened_in_cancelled(struct scope *s, void *arg)
{
    (void)arg;
    CHECK(!scope_cancelled(s));
    return 0;
}

static int runs_shielded(struct scope *s, void *arg)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    (void)arg;
    options.flags = SCOPE_SHIELD;
    CHECK_EQ_INT(run_checked(&options, &report, shielded_cancels_itself, NULL), SCOPE_ECANCELED);
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(run_checked(&options, &report, shielded, s), SCOPE_OK);
    CHECK(scope_cancelled(s));
    CHECK_EQ_INT(run_checked(&options, &report, opened_in_cancelled, s), SCOPE_OK);
    return 0;
}

static int runs_unshielded(struct scope *s, void *arg)
{
    struct scope_options options = scope_options_init();
    (void)arg;
    options.flags = SCOPE_SHIELD;
    CHECK_EQ_INT(scope_run_with(&options, NULL, unshielded, s), SCOPE_ECANCELED);
    return 0;
}

static void shield_hides_outer_cancel_not_its_own(void)
{
    CHECK_EQ_INT(scope_run(runs_shielded, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(scope_run(runs_unshielded, NULL), SCOPE_ECANCELED);
}

/* ---------------------------------------------------------------------------------------------------- 34: deadlines */

static int deadlines_inside(struct scope *s, void *arg)
{
    const uint64_t *outer = arg;
    CHECK_EQ_INT(scope_deadline(s), *outer);
    CHECK_EQ_INT(scope_set_deadline(s, *outer + MS), SCOPE_OK);
    CHECK_EQ_INT(scope_deadline(s), *outer + MS);
    CHECK_EQ_INT(scope_set_deadline(s, 0), SCOPE_OK);
    CHECK_EQ_INT(scope_deadline(s), 0);
    CHECK_EQ_INT(scope_set_deadline(NULL, 0), SCOPE_EINVAL);
    return 0;
}

static int minimum_seen(struct scope *s, void *arg)
{
    const uint64_t *expected = arg;
    CHECK_EQ_INT(scope_deadline(s), *expected);
    return 0;
}

static int nested_deadlines(struct scope *s, void *arg)
{
    uint64_t outer = *(uint64_t *)arg, earlier = outer - MS, later = outer + MS;
    struct scope_options options = scope_options_init();
    CHECK_EQ_INT(scope_deadline(s), outer);
    options.deadline_ns = later;
    CHECK_EQ_INT(scope_run_with(&options, NULL, minimum_seen, &outer), SCOPE_OK);
    options.flags = SCOPE_SHIELD;
    CHECK_EQ_INT(scope_run_with(&options, NULL, minimum_seen, &later), SCOPE_OK);
    options.deadline_ns = earlier;
    options.flags = 0;
    CHECK_EQ_INT(scope_run_with(&options, NULL, minimum_seen, &earlier), SCOPE_OK);
    CHECK_EQ_INT(scope_run(minimum_seen, &outer), SCOPE_OK);
    return 0;
}

static void deadline_is_the_minimum_of_unshielded_ancestors(void)
{
    struct scope_options options = scope_options_init();
    uint64_t far = scope_now_ns() + 3600000000000u;
    options.deadline_ns = far;
    CHECK_EQ_INT(scope_run_with(&options, NULL, nested_deadlines, &far), SCOPE_OK);
    CHECK_EQ_INT(scope_run_with(&options, NULL, deadlines_inside, &far), SCOPE_OK);
    options.timeout_ns = UINT64_MAX; /* later than any time */
    CHECK_EQ_INT(scope_run_with(&options, NULL, minimum_seen, &far), SCOPE_OK);
}

static int sees_it_at_once(struct scope *s, void *arg)
{
    (void)arg;
    CHECK(scope_cancelled(s));
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_DEADLINE);
    CHECK_EQ_INT(scope_spawn(s, nothing, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(scope_set_deadline(s, scope_now_ns() + 3600000000000u), SCOPE_OK);
    CHECK(scope_cancelled(s)); /* moving it never un-cancels */
    return 0;
}

static void deadline_past_at_entry_is_immediate(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    options.deadline_ns = 1;
    CHECK_EQ_INT(run_checked(&options, &report, sees_it_at_once, NULL), SCOPE_TIMEOUT);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_DEADLINE);
}

static int outlives(struct scope *s, void *arg)
{
    for (int i = 0; i < 4; i++) {
        int status = scope_spawn(s, until_cancelled, arg);
        CHECK(status == SCOPE_OK || status == SCOPE_ECANCELED); /* it may have passed already */
    }
    spin_until_cancelled(s);
    return 0;
}

static int runs_inside_of_timeout(struct scope *s, void *arg)
{
    struct scope_report report;
    (void)s, (void)arg;
    CHECK_EQ_INT(run_checked(NULL, &report, until_cancelled, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_PARENT);
    return 0;
}

static void timeout_cancels_tasks_and_inner_scopes(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    for (int i = 0; i < TIMES(20, 10); i++) {
        options.timeout_ns = (unsigned)i * 200000u + 1;
        CHECK_EQ_INT(run_checked(&options, &report, outlives, NULL), SCOPE_TIMEOUT);
        CHECK_EQ_INT(scope_run_with(&options, NULL, runs_inside_of_timeout, NULL), SCOPE_TIMEOUT);
    }
}

/* Many deadlines at once, in any order, most of them not reached. */
static int many_timers(struct scope *s, void *arg)
{
    (void)s;
    struct scope_options options = scope_options_init();
    unsigned n = *(unsigned *)arg;
    for (unsigned i = 0; i < 200; i++) {
        bool reached = (i * 7 + n) % 10 == 0;
        options.timeout_ns = reached ? 1 + i % 5 * 10000 : 3600000000000u + i * 37 % 100;
        CHECK_EQ_INT(scope_run_with(&options, NULL, reached ? until_cancelled : nothing, NULL),
                     reached ? SCOPE_TIMEOUT : SCOPE_OK);
    }
    return 0;
}

static int spawns_timers(struct scope *s, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 10; i++)
        CHECK_EQ_INT(scope_spawn_copy(s, many_timers, &i, sizeof(i)), SCOPE_OK);
    return 0;
}

static void many_deadlines_at_once(void)
{
    CHECK_EQ_INT(scope_run(spawns_timers, NULL), SCOPE_OK);
}

static int sets_deadline(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_set_deadline(s, scope_now_ns() + *(uint64_t *)arg), SCOPE_OK);
    return 0;
}

static int has_no_deadline(struct scope *s, void *arg)
{
    const uint64_t *soon = arg;
    uint64_t end = scope_now_ns() + 2 * *soon;
    CHECK_EQ_INT(scope_deadline(s), 0);
    while (scope_now_ns() < end)
        CHECK(!scope_cancelled(s));
    return 0;
}

static int deadline_then_none(struct scope *s, void *arg)
{
    uint64_t past = 0;
    (void)s;
    int status = scope_run(sets_deadline, arg);
    CHECK(status == SCOPE_OK || status == SCOPE_TIMEOUT); /* on a slow machine */
    CHECK_EQ_INT(scope_run(has_no_deadline, arg), SCOPE_OK);
    CHECK_EQ_INT(scope_run(sets_deadline, &past), SCOPE_TIMEOUT);
    return scope_run(has_no_deadline, arg);
}

static void deadline_ends_with_its_scope(void)
{
    uint64_t soon = 2 * MS;
    for (int i = 0; i < TIMES(5, 3); i++) {
        int status = scope_run(deadline_then_none, &soon);
        CHECK_EQ_INT(status, SCOPE_OK);
    }
}

/* ---------------------------------------------------------------------------------------- 35: the first reason stays */

static int explicit_first(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_cancel(s), 1);
    CHECK_EQ_INT(scope_set_deadline(s, 1), SCOPE_OK);
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_EXPLICIT);
    return 0;
}

static int deadline_first(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_set_deadline(s, 1), SCOPE_OK);
    CHECK_EQ_INT(scope_cancel(s), 0);
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_DEADLINE);
    return 0;
}

static void first_reason_stays(void)
{
    CHECK_EQ_INT(scope_run(explicit_first, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(scope_run(deadline_first, NULL), SCOPE_TIMEOUT);
}

/* ------------------------------------------------------------------------------ 36: the reason names the failing task */

static int fails(struct scope *s, void *arg)
{
    (void)s;
    return *(int *)arg;
}

static int fails_by_call(struct scope *s, void *arg)
{
    return scope_fail(s, *(int *)arg, "told");
}

static const SCOPE_DESCRIBE(failing, .fn = fails);
static const SCOPE_DESCRIBE(telling, .fn = fails_by_call);

static int spawns_failing(struct scope *s, void *arg)
{
    static int zero;
    CHECK_EQ_INT(scope_spawn_task(s, &failing, &zero), SCOPE_OK);
    return scope_spawn_task(s, *(int *)arg < 0 ? &telling : &failing, arg) == SCOPE_OK ? 0 : 1;
}

static int body_fails(struct scope *s, void *arg)
{
    (void)s;
    return *(int *)arg;
}

static void cause_names_the_task(void)
{
    struct scope_report report;
    int code = 7, told = -7;
    CHECK_EQ_INT(run_checked(NULL, &report, spawns_failing, &code), SCOPE_ERROR);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_SIBLING);
    CHECK_EQ_INT(report.cause.code, 7);
    CHECK_EQ_INT(report.cause.index, 1);
    CHECK_EQ_STR(report.cause.name, "failing");
    CHECK_EQ_STR(report.cause.file, __FILE__);
    CHECK_EQ_INT(run_checked(NULL, &report, spawns_failing, &told), SCOPE_ERROR);
    CHECK_EQ_INT(report.cause.code, -7);
    CHECK_EQ_INT(report.cause.index, 1);
    CHECK_EQ_STR(report.cause.name, "telling");
    CHECK_EQ_INT(run_checked(NULL, &report, body_fails, &code), SCOPE_ERROR);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_BODY);
    CHECK_EQ_INT(report.cause.index, SCOPE_INDEX_BODY);
    CHECK_EQ_INT(report.cause.code, 7);
}

/* ----------------------------------------------------------------------------------------------------- 37: stragglers */

static atomic_bool straggler_done;

static int straggles(struct scope *s, void *arg)
{
    (void)arg;
    spin_until_cancelled(s); /* so that it is late for certain; it does as if it had not seen it */
    usleep(3000);
    atomic_store(&straggler_done, true);
    return 0;
}

static const SCOPE_DESCRIBE(straggler, .fn = straggles);

/* On a slow machine the deadline may pass before. */
static int runs_straggler(struct scope *s, void *arg)
{
    int status = scope_spawn_task(s, &straggler, arg);
    return status == SCOPE_OK || status == SCOPE_ECANCELED ? 0 : status;
}

static int spawns_straggler(struct scope *s, void *arg)
{
    int status = runs_straggler(s, arg);
    return status == 0 ? until_cancelled(s, arg) : status;
}

static void timeout_waits_for_the_straggler(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    scope_fn *const body[] = {runs_straggler, spawns_straggler};
    options.timeout_ns = 20 * MS;
    for (int i = 0; i < 2; i++) {
        atomic_store(&straggler_done, false);
        CHECK_EQ_INT(run_checked(&options, &report, body[i], NULL), SCOPE_TIMEOUT);
        CHECK(atomic_load(&straggler_done) == (report.ok == 1));
        if (report.ok == 1) {
            CHECK_EQ_STR(report.stragglers[0].name, "straggler");
            CHECK_EQ_INT(report.stragglers[0].line, straggler.line);
            CHECK(report.stragglers[0].late_ns >= 3 * MS);
            CHECK(report.quiet_ns >= report.stragglers[0].late_ns);
            CHECK_EQ_INT(report.stragglers[1].late_ns, 0);
        }
        char text[1000];
        (void)scope_report_print(&report, text, sizeof(text));
        CHECK(strstr(text, "cancelled by its deadline") != NULL);
    }
}

/* Six descriptions, three of which are kept; the third twice.  Each ends when the one before it has been over for a while. */
#define LATE 6
static atomic_uint late_begun, late_ended;

static int ends_late(struct scope *s, void *arg)
{
    atomic_fetch_add(&late_begun, 1);
    spin_until_cancelled(s);
    while (atomic_load(&late_ended) < (uintptr_t)arg)
        usleep(100);
    usleep(1000);
    atomic_fetch_add(&late_ended, 1);
    return 0;
}

static const struct scope_task late_task[] = {{.name = "late0", .fn = ends_late}, {.name = "late1", .fn = ends_late},
                                              {.name = "late2", .fn = ends_late}, {.name = "late3", .fn = ends_late},
                                              {.name = "late4", .fn = ends_late}, {.name = "late5", .fn = ends_late}};

static int spawns_late(struct scope *s, void *arg)
{
    (void)arg;
    for (uintptr_t i = 0; i < LATE; i++)
        CHECK_EQ_INT(scope_spawn_task(s, &late_task[i == LATE - 1 ? 2 : i], (void *)i), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn(s, ends_late, (void *)(uintptr_t)LATE), SCOPE_OK);
    spin_until(&late_begun, LATE + 1);
    CHECK_EQ_INT(scope_cancel(s), 1);
    return 0;
}

static void stragglers_latest_first_each_once(void)
{
    static const char *const name[] = {"late2", "late4", "late3"};
    struct scope_options options = options_of(pool_at_least(LATE + 2));
    struct scope_report report;
    late_begun = late_ended = 0;
    CHECK_EQ_INT(run_checked(&options, &report, spawns_late, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.ok, LATE + 1);
    for (int i = 0; i < SCOPE_STRAGGLERS_KEPT; i++)
        CHECK_EQ_STR(report.stragglers[i].name, name[i]);
    CHECK_EQ_INT(scope_pool_destroy(options.pool), SCOPE_OK);
}

/* Who has cancelled the scope has noticed, however late it ends. */

static struct scope_token *straggler_token;

static int cancels_own(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_cancel(s), 1);
    usleep(3000);
    return 0;
}

static int cancels_token(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_token_cancel(straggler_token), 1);
    CHECK(scope_cancelled(s));
    usleep(3000);
    return 0;
}

static int cancels_around(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_cancel(arg), 1);
    CHECK(scope_cancelled(s));
    usleep(3000);
    return 0;
}

static int fails_and_returns(struct scope *s, void *arg)
{
    (void)arg;
    (void)scope_fail(s, 5, "told");
    usleep(3000);
    return 0;
}

static const SCOPE_DESCRIBE(cancelling, .fn = cancels_own);
static const SCOPE_DESCRIBE(cancelling_token, .fn = cancels_token);
static const SCOPE_DESCRIBE(cancelling_around, .fn = cancels_around);
static const SCOPE_DESCRIBE(failing_late, .fn = fails_and_returns);

struct spawned_in {
    const struct scope_task *task;
    struct scope *around;
};

static int spawns_it(struct scope *s, void *arg)
{
    struct spawned_in *in = arg;
    CHECK_EQ_INT(scope_spawn_task(s, in->task, in->around), SCOPE_OK);
    return 0;
}

static int runs_it_around(struct scope *s, void *arg)
{
    struct scope_report report;
    struct spawned_in *in = arg;
    in->around = s;
    (void)run_checked(NULL, &report, spawns_it, in);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_PARENT);
    CHECK_EQ_INT(report.stragglers[0].late_ns, 0);
    return 0;
}

static void canceller_is_no_straggler(void)
{
    static const struct scope_task *const tasks[] = {&cancelling, &cancelling_token, &failing_late};
    for (int i = 0; i < 3; i++) {
        struct scope_options options = scope_options_init();
        struct scope_report report;
        struct spawned_in in = {.task = tasks[i]};
        straggler_token = options.token = scope_token_create();
        (void)run_checked(&options, &report, spawns_it, &in);
        CHECK(report.reason != SCOPE_REASON_NONE);
        CHECK_EQ_INT(report.stragglers[0].late_ns, 0);
        scope_report_fini(&report);
        scope_token_release(straggler_token);
    }
    struct spawned_in in = {.task = &cancelling_around};
    CHECK_EQ_INT(scope_run(runs_it_around, &in), SCOPE_ECANCELED);
}

static int cleans_up(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    usleep(1000);
    return 0;
}

static const SCOPE_DESCRIBE(clean_up, .fn = cleans_up, .flags = SCOPE_RUN_ANYWAY);
static const SCOPE_DESCRIBE(winner, .fn = cleans_up);

static int spawns_clean_up(struct scope *s, void *arg)
{
    (void)scope_cancel(s);
    return scope_spawn_task(s, &clean_up, arg);
}

static int spawns_winner(struct scope *s, void *arg)
{
    return scope_spawn_task(s, &winner, arg);
}

static int straggles_inside(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(scope_run(spawns_straggler, arg), SCOPE_ECANCELED);
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, until_cancelled, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.stragglers[0].late_ns, 0); /* of the scope before */
    return 0;
}

static void only_stragglers_are_named(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, spawns_clean_up, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.stragglers[0].late_ns, 0);
    options.timeout_ns = 2 * MS;
    CHECK_EQ_INT(scope_run_with(&options, NULL, straggles_inside, NULL), SCOPE_TIMEOUT);
    options.timeout_ns = 0;
    options.policy = SCOPE_RACE;
    CHECK_EQ_INT(run_checked(&options, &report, spawns_winner, NULL), SCOPE_OK);
    CHECK_EQ_INT(report.stragglers[0].late_ns, 0);
}

int main(void)
{
    check_run("scenario_34_deadline_ends_with_its_scope", deadline_ends_with_its_scope);
    check_run("scenario_37_only_stragglers_are_named", only_stragglers_are_named);
    check_run("scenario_33_shield_hides_outer_cancel_not_its_own", shield_hides_outer_cancel_not_its_own);
    check_run("scenario_34_deadline_is_the_minimum_of_unshielded_ancestors",
              deadline_is_the_minimum_of_unshielded_ancestors);
    check_run("scenario_34_deadline_past_at_entry_is_immediate", deadline_past_at_entry_is_immediate);
    check_run("scenario_34_timeout_cancels_tasks_and_inner_scopes", timeout_cancels_tasks_and_inner_scopes);
    check_run("scenario_34_many_deadlines_at_once", many_deadlines_at_once);
    check_run("scenario_35_first_reason_stays", first_reason_stays);
    check_run("scenario_36_cause_names_the_task", cause_names_the_task);
    check_run("scenario_37_timeout_waits_for_the_straggler", timeout_waits_for_the_straggler);
    check_run("scenario_37_stragglers_latest_first_each_once", stragglers_latest_first_each_once);
    check_run("scenario_37_canceller_is_no_straggler", canceller_is_no_straggler);
    return check_done();
}

/* Scenarios 41 to 44: races, on_complete, limits. */
#include "tests/scope_check.h"

#include <unistd.h>

static int returns_code(struct scope *s, void *arg)
{
    (void)s;
    return *(int *)arg;
}

static const SCOPE_DESCRIBE(coded, .fn = returns_code, .copy = sizeof(int));

static int spawn_code(struct scope *s, int code)
{
    return scope_spawn_task(s, &coded, &code);
}

/* --------------------------------------------------------------------------------------------------------- 41: races */

struct race {
    int code[16];
    int n;
    atomic_uint successes;
};

static int racers(struct scope *s, void *arg)
{
    struct race *race = arg;
    for (int i = 0; i < race->n; i++)
        (void)spawn_code(s, race->code[i]);
    return 0;
}

static int run_race(struct scope_report *report, struct race *race)
{
    struct scope_options options = scope_options_init();
    options.policy = SCOPE_RACE;
    return run_checked(&options, report, racers, race);
}

static void first_success_wins(void)
{
    struct scope_report report;
    struct race success = {.code = {0}, .n = 1}, mixed = {.code = {0, 5, 5, 5}, .n = 4};
    CHECK_EQ_INT(run_race(&report, &success), SCOPE_OK);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_WON);
    CHECK_EQ_INT(report.ok, 1);
    for (int i = 0; i < 50; i++) {
        CHECK_EQ_INT(run_race(&report, &mixed), SCOPE_OK);
        CHECK_EQ_INT(report.cause.index, 0);
        CHECK_EQ_STR(report.cause.name, "coded");
        CHECK_EQ_INT(report.ok, 1);
    }
}

static void all_fail_every_error(void)
{
    struct scope_report report;
    struct race failures = {.code = {5, 6, 7}, .n = 3}, none = {.n = 0}, quitters = {.code = {SCOPE_ECANCELED}, .n = 1};
    CHECK_EQ_INT(run_race(&report, &failures), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 3);
    CHECK(group_has(&report.group, 5) && group_has(&report.group, 6) && group_has(&report.group, 7));
    CHECK_EQ_INT(run_race(&report, &none), SCOPE_ENOWINNER);
    CHECK_EQ_INT(run_race(&report, &quitters), SCOPE_ECANCELED);
}

static int succeeds_when_all_are_there(struct scope *s, void *arg)
{
    struct race *race = arg;
    (void)s;
    atomic_fetch_add(&race->successes, 1);
    spin_until(&race->successes, (unsigned)race->n);
    return 0;
}

static int winners(struct scope *s, void *arg)
{
    for (int i = 0; i < ((struct race *)arg)->n; i++)
        CHECK_EQ_INT(scope_spawn(s, succeeds_when_all_are_there, arg), SCOPE_OK);
    return 0;
}

static void one_winner_among_simultaneous(void)
{
    struct scope_options options = scope_options_init();
    options.pool = pool_at_least(4);
    options.policy = SCOPE_RACE;
    for (int i = 0; i < TIMES(200, 30); i++) {
        struct race race = {.n = 4};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(&options, &report, winners, &race), SCOPE_OK);
        CHECK_EQ_INT(report.ok, 4);
        CHECK(report.cause.index < 4);
    }
    CHECK_EQ_INT(scope_pool_destroy(options.pool), SCOPE_OK);
}

static int late(struct scope *s, void *arg)
{
    (void)arg;
    spin_until_cancelled(s);
    return SCOPE_ECANCELED;
}

static int spawns_late(struct scope *s, void *arg)
{
    return scope_spawn(s, late, arg);
}

static void timeout_first(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    options.policy = SCOPE_RACE;
    options.timeout_ns = 100000;
    CHECK_EQ_INT(run_checked(&options, &report, spawns_late, NULL), SCOPE_TIMEOUT);
}

/* --------------------------------------------------------------------------------------------------- 42: on_complete */

struct judge {
    atomic_uint calls, inside;
    unsigned failed;
    int verdict; /* after two failures */
};

static int judge(struct scope *s, const struct scope_completion *completion, void *arg)
{
    struct judge *j = arg;
    (void)s;
    CHECK_EQ_INT(atomic_fetch_add(&j->inside, 1), 0); /* one at a time */
    atomic_fetch_add(&j->calls, 1);
    CHECK_EQ_STR(completion->task ? completion->task->name : "", "coded");
    j->failed += completion->code != 0;
    CHECK(completion->failed >= j->failed);
    atomic_fetch_sub(&j->inside, 1);
    return j->failed >= 2 ? j->verdict : 0;
}

static int mixed(struct scope *s, void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++)
        (void)spawn_code(s, i % 3 == 0 ? 5 : 0);
    return 0;
}

static void run_judged(struct scope_report *report, struct judge *j)
{
    struct scope_options options = scope_options_init();
    options.policy = SCOPE_COLLECT;
    options.on_complete = judge;
    options.on_complete_arg = j;
    CHECK_EQ_INT(run_checked(&options, report, mixed, NULL), SCOPE_ERROR);
    CHECK_EQ_INT(atomic_load(&j->calls), report->ok + report->failed);
}

static void cancel_after_two_failures(void)
{
    for (int i = 0; i < 30; i++) {
        struct judge j = {.verdict = SCOPE_ECANCELED}, lenient = {.verdict = 0};
        struct scope_report report;
        run_judged(&report, &j);
        CHECK(report.failed >= 2);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_COMPLETE);
        CHECK_EQ_INT(report.cause.code, 5);
        run_judged(&report, &lenient);
        CHECK_EQ_INT(report.failed, 34);
        CHECK_EQ_INT(report.ok, 66);
    }
}

static void failing_on_complete_reported(void)
{
    for (int i = 0; i < 30; i++) {
        struct judge j = {.verdict = 99};
        struct scope_report report;
        run_judged(&report, &j);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_COMPLETE);
        uint64_t of_it = 0;
        for (int k = 0; k < SCOPE_CODES_KEPT; k++)
            of_it += report.group.codes[k].code == 99 ? report.group.codes[k].count : 0;
        CHECK(of_it >= 1);
        CHECK_EQ_INT(report.group.total, report.failed + of_it);
    }
}

/* on_complete fails as tasks do: what it has said by scope_fail, and the errors of an inner scope, are part of its one error. */
static int judge_says_why(struct scope *s, const struct scope_completion *completion, void *arg)
{
    (void)arg;
    return completion->failed == 2 ? scope_fail(s, 99, "%d failures", 2) : 0;
}

static int inner_fails(struct scope *s, void *arg)
{
    (void)arg;
    return scope_fail(s, 98, "deep inside");
}

static int judge_opens_failing(struct scope *s, const struct scope_completion *completion, void *arg)
{
    (void)s, (void)arg;
    return completion->failed == 2 ? scope_run(inner_fails, NULL) : 0;
}

static int judge_tells_from_inside(struct scope *s, const struct scope_completion *completion, void *arg)
{
    (void)arg;
    if (completion->failed == 2) {
        int status;
        SCOPE(inner, NULL, &status)
        {
            (void)scope_fail(s, 97, "from %s", scope_cancelled(inner) ? "there" : "an inner scope");
        }
        CHECK_EQ_INT(status, SCOPE_OK);
        return 97;
    }
    return 0;
}

static int three_failures(struct scope *s, void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        (void)spawn_code(s, 5);
    return 0;
}

/* The error that is not a task's, which must be the only one. */
static const struct scope_error *run_failing_judge(scope_complete_fn *fails, enum scope_policy policy,
                                                   struct scope_report *report)
{
    const struct scope_error *of_it = NULL;
    struct scope_options options = scope_options_init();
    options.policy = policy;
    options.on_complete = fails;
    CHECK_EQ_INT(run_checked(&options, report, three_failures, NULL), SCOPE_ERROR);
    CHECK_EQ_INT(report->group.total, report->failed + 1);
    for (uint64_t i = 0; i < report->group.kept; i++)
        if (report->group.errors[i].code != 5)
            of_it = &report->group.errors[i];
    CHECK(of_it && of_it->index == SCOPE_INDEX_BODY);
    return of_it;
}

static void failing_on_complete_recorded_once(void)
{
    for (int i = 0; i < 30; i++) {
        enum scope_policy policy = i % 2 ? SCOPE_RACE : SCOPE_COLLECT;
        struct scope_report report;
        const struct scope_error *error = run_failing_judge(judge_says_why, policy, &report);
        if (error) {
            CHECK_EQ_INT(error->code, 99);
            CHECK_EQ_STR(error->message, "2 failures");
            CHECK(error->line > 0);
        }
        error = run_failing_judge(judge_opens_failing, policy, &report);
        if (error && CHECK(error->nested != NULL))
            CHECK_EQ_STR(error->nested->errors[0].message, "deep inside");
        scope_report_fini(&report);
        error = run_failing_judge(judge_tells_from_inside, policy, &report);
        if (error)
            CHECK_EQ_STR(error->message, "from an inner scope");
    }
}

/* on_complete may use the scope, and is told exact numbers. */
static int quiet(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    return 0;
}

static int spawning_judge(struct scope *s, const struct scope_completion *completion, void *arg)
{
    struct judge *j = arg;
    unsigned calls = atomic_fetch_add(&j->calls, 1) + 1;
    CHECK_EQ_INT(completion->ok + completion->failed, calls);
    if (calls == 1) {
        for (int i = 0; i < 5000; i++) /* more than a deque holds */
            CHECK_EQ_INT(scope_spawn(s, quiet, NULL), SCOPE_OK);
        CHECK_EQ_INT(scope_fork2(s, quiet, NULL, quiet, NULL), SCOPE_EPERM);
        CHECK_EQ_INT(scope_run(quiet, NULL), SCOPE_OK);
    }
    return 0;
}

static int fails_twice(struct scope *s, void *arg)
{
    (void)arg;
    (void)scope_fail(s, 1, "one");
    (void)scope_fail(s, 2, "two");
    return 3;
}

static int spawns_failing_twice(struct scope *s, void *arg)
{
    return scope_spawn(s, fails_twice, arg);
}

static void on_complete_may_spawn(void)
{
    for (int i = 0; i < 10; i++) {
        struct scope_options options = scope_options_init();
        struct scope_report report;
        struct judge j = {.verdict = 0};
        options.policy = SCOPE_COLLECT;
        options.on_complete = spawning_judge;
        options.on_complete_arg = &j;
        CHECK_EQ_INT(run_checked(&options, &report, spawns_failing_twice, NULL), SCOPE_ERROR);
        CHECK_EQ_INT(report.spawned, 5001);
        CHECK_EQ_INT(atomic_load(&j.calls), 5001);
        CHECK_EQ_INT(report.group.total, 3);
    }
}

/* --------------------------------------------------------------------------------------------------------- 44: limits */

struct limited {
    atomic_uint now, most, ran, disposed;
    unsigned tasks;
    bool slow;
};

static struct limited limited;

static int counts_itself(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    unsigned me = atomic_fetch_add(&limited.now, 1) + 1, seen = atomic_load(&limited.most);
    while (me > seen && !atomic_compare_exchange_weak(&limited.most, &seen, me))
        ;
    if (limited.slow)
        sched_yield();
    atomic_fetch_add(&limited.ran, 1);
    atomic_fetch_sub(&limited.now, 1);
    return 0;
}

static int opens_inner(struct scope *s, void *arg)
{
    (void)s;
    return scope_run(counts_itself, arg);
}

static void count_dispose(void *arg)
{
    (void)arg;
    atomic_fetch_add(&limited.disposed, 1);
}

static const SCOPE_DESCRIBE(one_of_few, .fn = counts_itself, .dispose = count_dispose);

static int spawns_limited(struct scope *s, void *arg)
{
    for (unsigned i = 0; i < limited.tasks; i++)
        CHECK_EQ_INT(i % 2 ? scope_spawn_task(s, &one_of_few, arg) : scope_spawn(s, opens_inner, arg), SCOPE_OK);
    return 0;
}

/* Tasks that spawn tasks of their own into the limited scope. */
static int spawns_from_inside(struct scope *s, void *arg)
{
    (void)arg;
    return scope_spawn(s, counts_itself, NULL);
}

static int spawns_spawners(struct scope *s, void *arg)
{
    for (unsigned i = 0; i < limited.tasks; i++)
        CHECK_EQ_INT(scope_spawn(s, spawns_from_inside, arg), SCOPE_OK);
    return 0;
}

static void run_limited(struct scope_report *report, unsigned limit, scope_fn *body, int status)
{
    struct scope_options options = scope_options_init();
    options.limit = limit;
    atomic_store(&limited.most, 0);
    atomic_store(&limited.ran, 0);
    atomic_store(&limited.disposed, 0);
    CHECK_EQ_INT(run_checked(&options, report, body, NULL), status);
    CHECK(atomic_load(&limited.most) <= limit);
}

static void never_more_than_the_limit(void)
{
    static const unsigned limit[] = {1, 2, 10};
    for (int i = 0; i < TIMES(30, 6); i++) {
        struct scope_report report;
        limited.tasks = 1025;
        limited.slow = i % 2;
        run_limited(&report, limit[i % 3], spawns_limited, SCOPE_OK);
        CHECK_EQ_INT(atomic_load(&limited.ran), 1025);
        CHECK_EQ_INT(report.spawned, 1025);
        CHECK_EQ_INT(atomic_load(&limited.disposed), 512);
        run_limited(&report, limit[i % 3], spawns_spawners, SCOPE_OK);
        CHECK_EQ_INT(atomic_load(&limited.ran), 1025);
        CHECK_EQ_INT(report.spawned, 2050);
    }
}

static int spawns_limited_and_cancels(struct scope *s, void *arg)
{
    (void)spawns_limited(s, arg);
    (void)scope_cancel(s);
    return 0;
}

static void those_that_wait_are_skipped(void)
{
    for (int i = 0; i < 30; i++) {
        struct scope_report report;
        limited.tasks = 1000;
        run_limited(&report, 3, spawns_limited_and_cancels, SCOPE_ECANCELED);
        CHECK_EQ_INT(report.spawned, 1000);
        CHECK_EQ_INT(report.ok + report.cancelled, atomic_load(&limited.ran));
        CHECK_EQ_INT(atomic_load(&limited.disposed), 500);
    }
}

static atomic_uint release_held, held;

static int holds(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    atomic_fetch_add(&held, 1);
    spin_until(&release_held, 1);
    return 0;
}

static const SCOPE_DESCRIBE(holder, .fn = holds, .dispose = count_dispose);

static int tries(struct scope *s, void *arg)
{
    atomic_store(&release_held, 0);
    atomic_store(&held, 0);
    CHECK_EQ_INT(scope_try_spawn(s, &holder, arg), SCOPE_OK);
    CHECK_EQ_INT(scope_try_spawn(s, &holder, arg), SCOPE_OK);
    CHECK_EQ_INT(scope_try_spawn(s, &holder, arg), SCOPE_EAGAIN);
    CHECK_EQ_INT(scope_try_spawn(s, &holder, arg), SCOPE_EAGAIN);
    CHECK_EQ_INT(atomic_load(&limited.disposed), 0);
    atomic_store(&release_held, 1);
    while (scope_try_spawn(s, &holder, arg) == SCOPE_EAGAIN)
        sched_yield();
    return 0;
}

static void try_spawn_refused_then_works(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    options.limit = 2;
    options.pool = pool_at_least(2);
    for (int i = 0; i < 50; i++) {
        atomic_store(&limited.disposed, 0);
        CHECK_EQ_INT(run_checked(&options, &report, tries, NULL), SCOPE_OK);
        CHECK_EQ_INT(report.spawned, 3);
        CHECK_EQ_INT(atomic_load(&limited.disposed), 3);
    }
    CHECK_EQ_INT(scope_pool_destroy(options.pool), SCOPE_OK);
}

int main(void)
{
    check_run("scenario_41_first_success_wins", first_success_wins);
    check_run("scenario_41_all_fail_every_error", all_fail_every_error);
    check_run("scenario_41_one_winner_among_simultaneous", one_winner_among_simultaneous);
    check_run("scenario_41_timeout_first", timeout_first);
    check_run("scenario_42_cancel_after_two_failures", cancel_after_two_failures);
    check_run("scenario_43_failing_on_complete_reported", failing_on_complete_reported);
    check_run("scenario_43_failing_on_complete_recorded_once", failing_on_complete_recorded_once);
    check_run("scenario_42_on_complete_may_spawn", on_complete_may_spawn);
    check_run("scenario_44_never_more_than_the_limit", never_more_than_the_limit);
    check_run("scenario_44_those_that_wait_are_skipped", those_that_wait_are_skipped);
    check_run("scenario_44_try_spawn_refused_then_works", try_spawn_refused_then_works);
    return check_done();
}

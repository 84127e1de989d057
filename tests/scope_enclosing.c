/* Spawns into a scope that encloses the innermost one. */
#include "tests/scope_check.h"

#define TASKS 50
#define DEPTH 10

struct test {
    struct tally tally; /* of the outermost scope */
    struct scope *scope[DEPTH];
    int depth;
    atomic_uint hits[DEPTH];
};

static struct test test;

/* ------------------------------------------------------------------------------------------------ Every level */

static int hit_task(struct scope *s, void *arg)
{
    long level = (atomic_uint *)arg - test.hits;
    CHECK(s == test.scope[level]); /* a task is told the scope that it was spawned into */
    atomic_fetch_add(&test.hits[level], 1);
    return 0;
}

static int levels_body(struct scope *s, void *arg)
{
    struct scope_report report;
    (void)arg;
    int depth = test.depth++;
    test.scope[depth] = s;
    for (int round = 0; round < TASKS; round++)
        for (int level = 0; level <= depth; level++)
            CHECK_EQ_INT(scope_spawn(test.scope[level], hit_task, &test.hits[level]), SCOPE_OK);
    if (test.depth < DEPTH) {
        CHECK_EQ_INT(run_checked(NULL, &report, levels_body, NULL), SCOPE_OK);
        CHECK_EQ_INT(report.ok, (DEPTH - depth - 1) * TASKS);
        CHECK_EQ_INT(test.hits[depth + 1], (DEPTH - depth - 1) * TASKS);
    }
    return 0;
}

static void every_level_each_task_once(void)
{
    for (int round = 0; round < TIMES(50, 10); round++) {
        struct scope_report report;
        memset(&test, 0, sizeof(test));
        CHECK_EQ_INT(run_checked(NULL, &report, levels_body, NULL), SCOPE_OK);
        CHECK_EQ_INT(report.ok, DEPTH * TASKS);
        for (int level = 0; level < DEPTH; level++)
            CHECK_EQ_INT(test.hits[level], (DEPTH - level) * TASKS);
    }
}

/* --------------------------------------------------------------------------------- By tasks of inner scopes, anywhere */

static int outer_task(struct scope *s, void *arg)
{
    (void)arg;
    CHECK(s == test.scope[0]);
    return tally_end(&test.tally, 0);
}

static int inner_task(struct scope *s, void *arg)
{
    (void)s;
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(tally_spawn(&test.tally, test.scope[0], outer_task, NULL), SCOPE_OK);
    return scope_spawn(s, tally_nothing, arg);
}

static int inner_body(struct scope *s, void *arg)
{
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ_INT(scope_spawn(s, inner_task, arg), SCOPE_OK);
    return 0;
}

static int opening_task(struct scope *s, void *arg)
{
    struct tally inner = {0};
    struct scope_report report;
    (void)s;
    (void)arg;
    CHECK_EQ_INT(run_checked(NULL, &report, inner_body, &inner), SCOPE_OK);
    CHECK_EQ_INT(inner.ok, TASKS);
    CHECK_EQ_INT(report.ok, 2 * TASKS);
    return tally_end(&test.tally, 0);
}

static int opening_body(struct scope *s, void *arg)
{
    (void)arg;
    test.scope[0] = s;
    for (int i = 0; i < TASKS; i++)
        (void)tally_spawn(&test.tally, s, opening_task, NULL);
    return 0;
}

static void by_tasks_of_inner_scopes_each_task_once(void)
{
    for (int round = 0; round < TIMES(20, 4); round++) {
        struct scope_report report;
        memset(&test, 0, sizeof(test));
        CHECK_EQ_INT(run_checked(NULL, &report, opening_body, NULL), SCOPE_OK);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(report.ok, TASKS + 3 * TASKS * TASKS);
    }
}

/* --------------------------------------------------------------------------------------------- Failing and cancelled */

static int fail_task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return tally_end(&test.tally, 4);
}

static int outer_fails_inner_body(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    CHECK_EQ_INT(tally_spawn(&test.tally, test.scope[0], fail_task, NULL), SCOPE_OK);
    return 0;
}

static int outer_fails_body(struct scope *s, void *arg)
{
    test.scope[0] = s;
    int status = scope_run(outer_fails_inner_body, arg);
    CHECK(status == SCOPE_OK || status == SCOPE_ECANCELED);
    return 0;
}

/* An error of a task counts where it was spawned into, not where from. */
static void failure_counts_in_the_enclosing_scope(void)
{
    for (int round = 0; round < 100; round++) {
        struct scope_report report;
        memset(&test, 0, sizeof(test));
        CHECK_EQ_INT(run_checked(NULL, &report, outer_fails_body, NULL), SCOPE_ERROR);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(report.group.total, 1);
        CHECK_EQ_INT(report.group.errors[0].code, 4);
        CHECK_EQ_INT(report.group.errors[0].index, 0);
    }
}

static int cancel_after_body(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ_INT(tally_spawn(&test.tally, test.scope[0], outer_task, NULL), SCOPE_OK);
    CHECK_EQ_INT(scope_cancel(test.scope[0]), 1);
    CHECK_EQ_INT(tally_spawn(&test.tally, test.scope[0], outer_task, NULL), SCOPE_ECANCELED);
    return 0;
}

static int cancelled_outer_body(struct scope *s, void *arg)
{
    test.scope[0] = s;
    CHECK_EQ_INT(scope_run(cancel_after_body, arg), SCOPE_ECANCELED);
    return 0;
}

static void cancelled_enclosing_scope_accounted(void)
{
    for (int round = 0; round < 100; round++) {
        struct scope_report report;
        memset(&test, 0, sizeof(test));
        CHECK_EQ_INT(run_checked(NULL, &report, cancelled_outer_body, NULL), SCOPE_ECANCELED);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(report.spawned, TASKS);
    }
}

int main(void)
{
    check_run("enclosing_every_level_each_task_once", every_level_each_task_once);
    check_run("enclosing_by_tasks_of_inner_scopes_each_task_once", by_tasks_of_inner_scopes_each_task_once);
    check_run("enclosing_failure_counts_in_the_enclosing_scope", failure_counts_in_the_enclosing_scope);
    check_run("enclosing_cancelled_accounted", cancelled_enclosing_scope_accounted);
    return check_done();
}

/* Scenarios 1 to 3: a scope joins all that was spawned into it. */
#include "tests/scope_check.h"

#define TASKS 100

static int empty_body(struct scope *s, void *arg)
{
    CHECK(!scope_cancelled(s));
    ++*(int *)arg;
    return 0;
}

static void empty_scope_ok(void)
{
    int runs = 0;
    struct scope_report report;
    CHECK_EQ_INT(scope_run(empty_body, &runs), SCOPE_OK);
    CHECK_EQ_INT(run_checked(NULL, &report, empty_body, &runs), SCOPE_OK);
    CHECK_EQ_INT(runs, 2);
    CHECK_EQ_INT(report.spawned, 0);
    CHECK_EQ_INT(report.group.total, 0);
}

struct squares {
    struct tally tally;
    struct square {
        struct squares *all;
        long value;
    } of[TASKS];
};

static int square(struct scope *s, void *arg)
{
    (void)s;
    struct square *square = arg;
    square->value *= square->value; /* plain memory: the join makes it visible */
    return tally_end(&square->all->tally, 0);
}

static int squares_body(struct scope *s, void *arg)
{
    struct squares *all = arg;
    for (int i = 0; i < TASKS; i++) {
        all->of[i] = (struct square){.all = all, .value = i};
        (void)tally_spawn(&all->tally, s, square, &all->of[i]);
    }
    return 0;
}

static void body_returns_early_results_readable(void)
{
    for (int round = 0; round < 100; round++) {
        static struct squares all;
        struct scope_report report;
        memset(&all, 0, sizeof(all));
        CHECK_EQ_INT(run_checked(NULL, &report, squares_body, &all), SCOPE_OK);
        check_tally(&report, &all.tally);
        CHECK_EQ_INT(report.ok, TASKS);
        for (int i = 0; i < TASKS; i++)
            CHECK_EQ_INT(all.of[i].value, (long)i * i);
    }
}

struct late {
    struct tally tally;
    atomic_uint body_returned;
    atomic_uint generations;
};

/* With one worker a task runs after the body has returned; elsewhere it waits for that. */
static int late_task(struct scope *s, void *arg)
{
    struct late *late = arg;
    spin_until(&late->body_returned, 1);
    if (atomic_fetch_add(&late->generations, 1) < TASKS) {
        CHECK_EQ_INT(tally_spawn(&late->tally, s, late_task, late), SCOPE_OK);
        CHECK_EQ_INT(tally_spawn(&late->tally, s, tally_nothing, &late->tally), SCOPE_OK);
    }
    return tally_end(&late->tally, 0);
}

static int late_body(struct scope *s, void *arg)
{
    struct late *late = arg;
    (void)tally_spawn(&late->tally, s, late_task, late);
    atomic_store(&late->body_returned, 1);
    return 0;
}

static void spawn_after_body_returned_joined(void)
{
    struct late late = {0};
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, late_body, &late), SCOPE_OK);
    check_tally(&report, &late.tally);
    CHECK_EQ_INT(late.generations, TASKS + 1);
    CHECK_EQ_INT(report.ok, 2 * TASKS + 1);
}

int main(void)
{
    check_run("scenario_01_empty_scope_ok", empty_scope_ok);
    check_run("scenario_02_body_returns_early_results_readable", body_returns_early_results_readable);
    check_run("scenario_03_spawn_after_body_returned_joined", spawn_after_body_returned_joined);
    return check_done();
}

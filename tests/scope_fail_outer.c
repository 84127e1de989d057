/* scope_fail on a scope around the innermost one: recorded once, however its code is returned up to that scope. */
#include "tests/scope_check.h"

static struct scope *outermost;

static struct scope_options collect(void)
{
    struct scope_options options = scope_options_init();
    options.policy = SCOPE_COLLECT; /* else the scope inside is cancelled, too */
    return options;
}

/* The only error of a scope whose only task is fn. */
static int spawns_one(struct scope *s, void *arg)
{
    outermost = s;
    return scope_spawn(s, *(scope_fn **)arg, NULL);
}

static void check_once(scope_fn *fn)
{
    for (int policy = SCOPE_FAIL_FAST; policy <= SCOPE_COLLECT; policy++) {
        struct scope_options options = collect();
        struct scope_report report;
        options.policy = (enum scope_policy)policy;
        CHECK_EQ_INT(run_checked(&options, &report, spawns_one, &fn), SCOPE_ERROR);
        CHECK_EQ_INT(report.failed, 1);
        if (!CHECK_EQ_INT(report.group.total, 1)) {
            char text[2000];
            (void)scope_report_print(&report, text, sizeof(text));
            printf("%s", text);
        }
        CHECK_EQ_INT(report.group.errors[0].code, 5);
        CHECK_EQ_INT(report.group.errors[0].index, 0);
        CHECK_EQ_STR(report.group.errors[0].message, "outside");
        scope_report_fini(&report);
    }
}

/* --------------------------------------------------------------------------------------------------------- From blocks */

static int fails_in_block(struct scope *s, void *arg)
{
    (void)arg;
    SCOPE(inner, NULL, NULL)
    {
        (void)inner;
        return scope_fail(s, 5, "outside");
    }
    return 1;
}

static int fails_in_two_blocks(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    SCOPE(inner, NULL, NULL)
    {
        (void)inner;
        SCOPE(innermost, NULL, NULL)
        {
            (void)scope_fail(innermost, 6, "inside");
            return scope_fail(s, 5, "outside");
        }
    }
    return 1;
}

static void said_in_a_block_once(void)
{
    check_once(fails_in_block);
    check_once(fails_in_two_blocks);
}

/* --------------------------------------------------------------------------------------------------- From inner scopes */

static int fails_outermost(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    return scope_fail(outermost, 5, "outside");
}

static int runs_inline(struct scope *s, void *arg)
{
    (void)s;
    return scope_run(fails_outermost, arg) == SCOPE_OK ? 1 : 5;
}

static int returns_inline(struct scope *s, void *arg)
{
    (void)s;
    return scope_run(fails_outermost, arg);
}

static int returns_with_options(struct scope *s, void *arg)
{
    (void)s;
    struct scope_options options = collect();
    return scope_run_with(&options, NULL, fails_outermost, arg);
}

static int returns_twice(struct scope *s, void *arg)
{
    (void)s;
    return scope_run(returns_inline, arg);
}

static int returns_from_block(struct scope *s, void *arg)
{
    (void)s;
    SCOPE(inner, NULL, NULL)
    {
        (void)inner;
        return scope_run(returns_with_options, arg);
    }
    return 1;
}

static void said_in_an_inner_scope_once(void)
{
    check_once(runs_inline);
    check_once(returns_inline);
    check_once(returns_with_options);
    check_once(returns_twice);
    check_once(returns_from_block);
}

static int nothing(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    return 0;
}

static atomic_uint stolen;

static int tells_in_fork(struct scope *s, void *arg)
{
    atomic_store(&stolen, 1);
    return returns_inline(s, arg);
}

static int lets_steal(struct scope *s, void *arg)
{
    int patience = scope_pool_workers(NULL) > 1 ? 200 : 1;
    for (int i = 0; i < patience && !atomic_load(&stolen); i++) {
        (void)scope_spawn(s, nothing, arg);
        sched_yield();
    }
    return 0;
}

static int forks(struct scope *s, void *arg)
{
    atomic_store(&stolen, 0);
    return scope_fork2(s, tells_in_fork, arg, lets_steal, arg);
}

static int fails_in_fork(struct scope *s, void *arg)
{
    atomic_store(&stolen, 1);
    return fails_outermost(s, arg);
}

static int forks_inside(struct scope *s, void *arg)
{
    atomic_store(&stolen, 0);
    return scope_fork2(s, fails_in_fork, arg, lets_steal, arg);
}

static int returns_forks(struct scope *s, void *arg)
{
    (void)s;
    return scope_run(forks_inside, arg);
}

/* Whether it was stolen or not. */
static void said_in_a_fork_once(void)
{
    for (int i = 0; i < TIMES(100, 20); i++) {
        check_once(forks);
        check_once(returns_forks);
    }
}

/* --------------------------------------------------------------------------------------------------- Other errors kept */

static int fails_inside(struct scope *s, void *arg)
{
    (void)arg;
    return scope_fail(s, 6, "inside");
}

/* What fails later is another error, though its code is the same as that of what had been told. */
static int another_after(struct scope *s, void *arg)
{
    (void)s;
    (void)scope_run(fails_outermost, arg);
    return scope_run(fails_inside, arg);
}

static int another_inside(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    SCOPE(inner, NULL, NULL)
    {
        (void)scope_fail(outermost, 5, "outside");
        return scope_run(fails_inside, arg);
    }
    return 1;
}

/* The inner scope has another error beside the one that was told. */
static int two_errors(struct scope *s, void *arg)
{
    (void)arg;
    (void)scope_fail(s, 6, "inside");
    return scope_fail(outermost, 5, "outside");
}

static int returns_two_errors(struct scope *s, void *arg)
{
    (void)s;
    return scope_run(two_errors, arg);
}

/* What a block returns for is its own error, not the one that was told in it. */
static int another_of_the_block(struct scope *s, void *arg)
{
    struct scope_options options = collect();
    int status = SCOPE_OK;
    (void)s;
    SCOPE(inner, &options, &status)
    {
        (void)scope_run(fails_outermost, arg);
        (void)scope_fail(inner, 6, "inside");
    }
    return status;
}

/* A task, not the body, has told: the scope that it is a task of has its error. */
static int spawns_outermost_failure(struct scope *s, void *arg)
{
    return scope_spawn(s, fails_outermost, arg);
}

static int returns_task_error(struct scope *s, void *arg)
{
    (void)s;
    return scope_run(spawns_outermost_failure, arg);
}

static void other_errors_kept(void)
{
    static scope_fn *const fn[] = {another_after, another_inside, returns_two_errors, another_of_the_block,
                                   returns_task_error};
    for (size_t i = 0; i < sizeof(fn) / sizeof(fn[0]); i++) {
        struct scope_options options = collect();
        struct scope_report report;
        scope_fn *one = fn[i];
        CHECK_EQ_INT(run_checked(&options, &report, spawns_one, &one), SCOPE_ERROR);
        if (!CHECK_EQ_INT(report.group.total, 2))
            printf("# case %zu: %d errors\n", i, (int)report.group.total);
        CHECK_EQ_STR(report.group.errors[0].message, "outside");
        scope_report_fini(&report);
    }
}

int main(void)
{
    check_run("fail_outer_said_in_a_block_once", said_in_a_block_once);
    check_run("fail_outer_said_in_an_inner_scope_once", said_in_an_inner_scope_once);
    check_run("fail_outer_said_in_a_fork_once", said_in_a_fork_once);
    check_run("fail_outer_other_errors_kept", other_errors_kept);
    return check_done();
}

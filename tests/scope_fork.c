/* fork and exit.  Children tell by their exit status; an alarm ends one that hangs. */
#include "tests/scope_check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS 500

static struct scope_pool *pool;

/* The exit status of a child that runs fn, its signal + 1000 if it was killed. */
static int in_child(int (*fn)(void))
{
    int status = 0;
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        sigset_t none; /* a worker's are blocked */
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)alarm(60);
        _exit(fn());
    }
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int tasks_body(struct scope *s, void *arg)
{
    for (int i = 0; i < TASKS; i++)
        if (scope_spawn(s, tally_nothing, arg) != SCOPE_OK)
            return 1;
    return 0;
}

/* What the library is good for: 0 if it works.  Without CHECK, for children. */
static int use_library(void)
{
    struct tally tally = {0};
    struct scope_report report = scope_report_init();
    if (scope_run_with(NULL, &report, tasks_body, &tally) != SCOPE_OK)
        return 1;
    return report.ok == TASKS && tally.ok == TASKS && report.spawned == TASKS ? 0 : 2;
}

/* ---------------------------------------------------------------------------- Before this process uses the library */

static int exit_task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    exit(7);
}

static int exit_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 10; i++) {
        (void)scope_spawn(s, tally_nothing, arg);
        (void)scope_spawn(s, exit_task, NULL);
    }
    return 0;
}

static int run_exit_in_task(void)
{
    static struct tally tally;
    (void)scope_run(exit_body, &tally);
    return 1;
}

static int exit_in_inner_body(struct scope *s, void *arg)
{
    (void)tasks_body(s, arg);
    (void)scope_run(exit_task, NULL);
    return 1;
}

static int run_exit_in_inner_body(void)
{
    static struct tally tally;
    (void)scope_run(exit_in_inner_body, &tally);
    return 1;
}

/* A pool that nobody destroys, and its threads, do not keep the process from ending. */
static int exit_with_pools(void)
{
    if (use_library() != 0)
        return 1;
    exit(7);
}

static void exit_ends_the_process(void)
{
    for (int round = 0; round < TIMES(20, 5); round++) {
        CHECK_EQ_INT(in_child(run_exit_in_task), 7);
        CHECK_EQ_INT(in_child(run_exit_in_inner_body), 7);
        CHECK_EQ_INT(in_child(exit_with_pools), 7);
    }
}

static void fork_before_use_child_works(void)
{
    CHECK_EQ_INT(in_child(use_library), 0);
}

/* --------------------------------------------------------------------------------------------------- After use */

static void fork_after_use_child_works(void)
{
    CHECK_EQ_INT(use_library(), 0);
    CHECK_EQ_INT(in_child(use_library), 0);
    CHECK_EQ_INT(use_library(), 0);
}

static int never_body(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    _exit(50);
}

static int use_explicit_pool(void)
{
    struct scope_options options = options_of(pool);
    struct scope_report report = scope_report_init();
    if (scope_run_with(&options, &report, never_body, NULL) != SCOPE_EFORK || report.status != SCOPE_EFORK)
        return 1;
    if (scope_pool_destroy(pool) != SCOPE_EFORK)
        return 2;
    struct scope_pool *own = NULL;
    struct scope_pool_options two = {.size = sizeof(two), .workers = 2};
    if (scope_pool_create(&own, &two) != SCOPE_OK)
        return 3;
    struct tally tally = {0};
    options.pool = own;
    if (scope_run_with(&options, NULL, tasks_body, &tally) != SCOPE_OK || tally.ok != TASKS)
        return 4;
    if (scope_pool_destroy(own) != SCOPE_OK)
        return 5;
    return use_library() ? 6 : 0;
}

static void explicit_pool_in_child_efork(void)
{
    CHECK_EQ_INT(in_child(use_explicit_pool), 0);
    struct scope_options options = options_of(pool);
    struct tally tally = {0};
    CHECK_EQ_INT(scope_run_with(&options, NULL, tasks_body, &tally), SCOPE_OK); /* the parent's is as it was */
    CHECK_EQ_INT(tally.ok, TASKS);
}

/* By a task or a body, on whatever worker. */
static int forking_task(struct scope *s, void *arg)
{
    CHECK_EQ_INT(in_child(use_library), 0);
    return tally_nothing(s, arg);
}

static int forking_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 8; i++)
        (void)tally_spawn(arg, s, forking_task, arg);
    CHECK_EQ_INT(in_child(use_library), 0);
    return 0;
}

static void fork_in_task_both_work(void)
{
    struct tally tally = {0};
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, forking_body, &tally), SCOPE_OK);
    check_tally(&report, &tally);
    CHECK_EQ_INT(report.ok, 8);
}

/* A child of a child, and its sibling. */
static int fork_again(void)
{
    return use_library() || in_child(use_library) || use_library();
}

static void fork_in_child_grandchild_works(void)
{
    CHECK_EQ_INT(in_child(fork_again), 0);
}

int main(void)
{
    check_run("fork_before_use_child_works", fork_before_use_child_works);
    check_run("exit_in_task_ends_the_process", exit_ends_the_process);
    static const char *const reason = "ThreadSanitizer can't start threads after a process with threads has forked";
    if (TSAN) {
        check_skip("fork_after_use_child_works", reason);
        check_skip("fork_explicit_pool_in_child_efork", reason);
        check_skip("fork_in_task_both_work", reason);
        check_skip("fork_in_child_grandchild_works", reason);
        return check_done();
    }
    pool = pool_at_least(2);
    check_run("fork_after_use_child_works", fork_after_use_child_works);
    check_run("fork_explicit_pool_in_child_efork", explicit_pool_in_child_efork);
    check_run("fork_in_task_both_work", fork_in_task_both_work);
    check_run("fork_in_child_grandchild_works", fork_in_child_grandchild_works);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    return check_done();
}

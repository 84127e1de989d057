/* Threads that end inside a scope: joined first where that can be, a message and the program's end where not.  This file is compiled
 * without -fexceptions, as C is; tests/unwind.sh has what is compiled with it. */
#include "tests/child_check.h"
#include "tests/scope_check.h"

#include <pthread.h>
#include <setjmp.h>

static atomic_uint ran, started;

static int counts(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    usleep(200);
    atomic_fetch_add(&ran, 1);
    return 0;
}

/* Runs until its scope is cancelled, and a while longer. */
static int lasts(struct scope *s, void *arg)
{
    (void)arg;
    atomic_store(&started, 1);
    spin_until_cancelled(s);
    usleep(2000);
    atomic_fetch_add(&ran, 1);
    return SCOPE_ECANCELED;
}

/* ------------------------------------------------------------------------------------------- Joined, then the end */

static int exits(struct scope *s, void *arg)
{
    static struct tally tally; /* its tasks may run when this function has been left */
    CHECK_EQ_INT(scope_spawn(s, lasts, NULL), SCOPE_OK);
    if (scope_pool_workers(NULL) > 1)
        beckon(&tally, s, &started, 1);
    pthread_exit(arg);
}

static int is_cancelled(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_spawn(s, counts, NULL), SCOPE_OK);
    CHECK_EQ_INT(pthread_cancel(pthread_self()), 0);
    pthread_testcancel();
    (void)arg;
    CHECK(false);
    return 0;
}

static struct scope_report report;

static void *ends_in_body(void *arg)
{
    (void)scope_run_with(NULL, &report, *(scope_fn **)arg, arg);
    CHECK(false);
    return NULL;
}

static int spawns_counts(struct scope *s, void *arg)
{
    return scope_spawn(s, counts, arg);
}

static void body_left_joins(void)
{
    scope_fn *const body[] = {exits, is_cancelled};
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        void *result = NULL;
        scope_fn *fn = body[i];
        report = scope_report_init();
        atomic_store(&ran, 0);
        atomic_store(&started, 0);
        CHECK_EQ_INT(pthread_create(&thread, NULL, ends_in_body, &fn), 0);
        CHECK_EQ_INT(pthread_join(thread, &result), 0);
        CHECK(result == (i == 0 ? (void *)&fn : PTHREAD_CANCELED));
        CHECK_EQ_INT(report.status, SCOPE_ECANCELED);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_BODY);
        CHECK_EQ_INT(report.cancelled, atomic_load(&started));
        CHECK(i == 0 || report.ok == atomic_load(&ran));
        CHECK(i == 1 || atomic_load(&ran) == atomic_load(&started));
        check_report(&report);
        atomic_store(&ran, 0);
        CHECK_EQ_INT(scope_run(spawns_counts, NULL), SCOPE_OK); /* the pool is as before */
        CHECK_EQ_INT(atomic_load(&ran), 1);
    }
}

/* The pool is made, and the tree of scopes printed, by a thread that is to end at its next chance to. */

static int dumps_cancelled(struct scope *s, void *arg)
{
    (void)scope_dump(STDERR_FILENO);
    (void)s, (void)arg;
    pthread_testcancel();
    return 0;
}

static void *cancelled_first(void *arg)
{
    (void)pthread_cancel(pthread_self());
    (void)scope_run(dumps_cancelled, arg);
    return NULL;
}

static void cancelled_then_another(void)
{
    struct scope_pool *pool = NULL;
    pthread_t thread;
    void *result = NULL;
    (void)alarm(20);
    (void)pthread_create(&thread, NULL, cancelled_first, NULL);
    (void)pthread_join(thread, &result);
    pool = pool_at_least(2);
    if (result != PTHREAD_CANCELED || scope_run(spawns_counts, NULL) != SCOPE_OK ||
        scope_pool_destroy(pool) != SCOPE_OK)
        _exit(1);
}

static void cancelled_while_the_pool_is_made(void)
{
    struct child child = child_run(cancelled_then_another);
    CHECK(child_succeeded(&child));
    CHECK(child_said(&child, "taskscope: open scopes", 1));
}

/* ------------------------------------------------------------------------------------------------ Cannot be joined */

static int exits_at_once(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    pthread_exit(NULL);
}

/* In a frame that has been used before, scope_run is inline, and without a cleanup (not so with SCOPE_DEBUG). */
static int exits_in_inner(struct scope *s, void *arg)
{
    (void)s;
    (void)(scope_run)(counts, arg);
    (void)(scope_run)(exits_at_once, arg);
    return 0;
}

static int spawns_exit(struct scope *s, void *arg)
{
    return scope_spawn(s, exits_at_once, arg);
}

static int task_of_inner_exits(struct scope *s, void *arg)
{
    (void)s;
    (void)scope_run(counts, arg);
    return scope_run(spawns_exit, arg);
}

static int forks_exit(struct scope *s, void *arg)
{
    return scope_fork2(s, counts, arg, exits_at_once, arg);
}

SCOPE_TASK(int, typed, int);

static inline int typed(struct scope_strand strand, int n)
{
    typed_fork(&strand, n);
    pthread_exit(NULL);
}

static int typed_exits(struct scope *s, void *arg)
{
    (void)arg;
    return typed_call(s, 1);
}

static void *runs_body(void *body)
{
    (void)scope_run(*(scope_fn **)body, NULL);
    return NULL;
}

static void *exits_in_block(void *arg)
{
    SCOPE(s, NULL, NULL)
    {
        (void)scope_spawn(s, counts, arg);
        pthread_exit(NULL);
    }
    return NULL;
}

static jmp_buf jump;

static int jumps(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    longjmp(jump, 1);
}

static void *jumps_out(void *arg)
{
    if (setjmp(jump) == 0)
        (void)scope_run(jumps, arg);
    return NULL;
}

static void *(*thread_main)(void *arg);
static scope_fn *thread_body;

static void thread_runs(void)
{
    pthread_t thread;
    (void)pthread_create(&thread, NULL, thread_main, &thread_body);
    (void)pthread_join(thread, NULL);
}

static void check_aborts(void *(*main)(void *arg), scope_fn *body, const char *expected)
{
    thread_main = main;
    thread_body = body;
    struct child child = child_run(thread_runs);
    CHECK(child_aborted(&child));
    CHECK(child_said(&child, expected, 0)); /* more than one thread may find it */
}

static void left_task_aborts(void)
{
    check_aborts(runs_body, spawns_exit, "has left a task");
    check_aborts(runs_body, task_of_inner_exits, " left "); /* by whom depends on who ran it */
}

static void left_fork_aborts(void)
{
    check_aborts(runs_body, forks_exit, "has left a t"); /* a task, or, if nobody has asked for one, a typed task */
    check_aborts(runs_body, typed_exits, "has left a t");
}

static void left_inner_scope_aborts(void)
{
    check_aborts(runs_body, exits_in_inner, "ends while a scope inside it is still open");
}

static void left_block_aborts_at_the_end(void)
{
    check_aborts(exits_in_block, NULL, "a thread has ended inside scope (unnamed) (opened at tests/scope_end.c:");
    check_aborts(jumps_out, NULL, "a thread has ended inside scope");
}

int main(void)
{
    check_run("end_cancelled_while_the_pool_is_made", cancelled_while_the_pool_is_made); /* before there is one */
    check_run("end_body_left_joins", body_left_joins);
    if (TSAN || ASAN) {
        check_skip("end_left_task_aborts", "a sanitizer's own handling of abort and threads' ends");
    } else {
        check_run("end_left_task_aborts", left_task_aborts);
        check_run("end_left_fork_aborts", left_fork_aborts);
        check_run("end_left_inner_scope_aborts", left_inner_scope_aborts);
        check_run("end_left_block_aborts_at_the_end", left_block_aborts_at_the_end);
    }
    return check_done();
}

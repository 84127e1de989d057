/* Scenarios 51 and 52: a task that waits runs nothing but what it waits for. */
#include "tests/scope_check.h"

#include <pthread.h>

#define OUTER TIMES(1000, 100)
#define INNER TIMES(1000, 100)

/* ---------------------------------------------------------------------------------------------- 51: thread-locals */

static _Thread_local int local;
static atomic_uint inner_ran;

static int count_task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    atomic_fetch_add_explicit(&inner_ran, 1, memory_order_relaxed);
    return 0;
}

static int inner_body(struct scope *s, void *arg)
{
    (void)arg;
    for (int i = 0; i < INNER; i++)
        CHECK_EQ_INT(scope_spawn(s, count_task, NULL), SCOPE_OK);
    return 0;
}

static int local_task(struct scope *s, void *arg)
{
    (void)s;
    int mine = *(int *)arg;
    local = mine;
    CHECK_EQ_INT(scope_run(inner_body, NULL), SCOPE_OK);
    CHECK_EQ_INT(local, mine);
    return 0;
}

static int locals_body(struct scope *s, void *arg)
{
    (void)arg;
    for (int i = 1; i <= OUTER; i++)
        CHECK_EQ_INT(scope_spawn_copy(s, local_task, &i, sizeof(i)), SCOPE_OK);
    return 0;
}

static void thread_local_unchanged_by_nested_loop(void)
{
    struct scope_report report;
    atomic_store(&inner_ran, 0);
    CHECK_EQ_INT(run_checked(NULL, &report, locals_body, NULL), SCOPE_OK);
    CHECK_EQ_INT(report.ok, OUTER);
    CHECK_EQ_INT(inner_ran, OUTER * INNER);
}

/* The same where inner tasks are few and take their time, so that waits really look for something to run. */
static int slow_task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    for (volatile int i = 0; i < 2000; i++)
        ;
    return count_task(s, arg);
}

static int slow_body(struct scope *s, void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(scope_spawn(s, slow_task, NULL), SCOPE_OK);
    return 0;
}

static int slow_local_task(struct scope *s, void *arg)
{
    (void)s;
    int mine = *(int *)arg;
    local = mine;
    CHECK_EQ_INT(scope_run(slow_body, NULL), SCOPE_OK);
    CHECK_EQ_INT(local, mine);
    return 0;
}

static int slow_locals_body(struct scope *s, void *arg)
{
    (void)arg;
    for (int i = 1; i <= TIMES(5000, 1000); i++)
        CHECK_EQ_INT(scope_spawn_copy(s, slow_local_task, &i, sizeof(i)), SCOPE_OK);
    return 0;
}

static void thread_local_unchanged_by_waiting(void)
{
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, slow_locals_body, NULL), SCOPE_OK);
}

/* ---------------------------------------------------------------------------------------------------- 52: a mutex */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned held; /* under the mutex: who holds it */

static int locked_inner_body(struct scope *s, void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++)
        CHECK_EQ_INT(scope_spawn(s, slow_task, NULL), SCOPE_OK);
    return 0;
}

static int locking_task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    pthread_mutex_lock(&mutex);
    CHECK_EQ_INT(held++, 0);
    CHECK_EQ_INT(scope_run(locked_inner_body, NULL), SCOPE_OK);
    CHECK_EQ_INT(held--, 1);
    pthread_mutex_unlock(&mutex);
    return 0;
}

static int locking_body(struct scope *s, void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++)
        CHECK_EQ_INT(scope_spawn(s, locking_task, NULL), SCOPE_OK);
    return 0;
}

static void mutex_across_nested_loop_no_deadlock(void)
{
    for (int round = 0; round < TIMES(10, 3); round++) {
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, locking_body, NULL), SCOPE_OK);
        CHECK_EQ_INT(report.ok, 200);
    }
}

int main(void)
{
    check_run("scenario_51_thread_local_unchanged_by_nested_loop", thread_local_unchanged_by_nested_loop);
    check_run("scenario_51_thread_local_unchanged_by_waiting", thread_local_unchanged_by_waiting);
    check_run("scenario_52_mutex_across_nested_loop_no_deadlock", mutex_across_nested_loop_no_deadlock);
    return check_done();
}

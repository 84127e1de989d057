/* SCOPE blocks: joined however they are left.  Callbacks of tokens. */
#include "tests/child_check.h"
#include "tests/scope_check.h"

#include <pthread.h>
#include <unistd.h>

static int counts(struct scope *s, void *arg)
{
    (void)s;
    usleep(50); /* so that a block that is not joined is noticed */
    atomic_fetch_add((atomic_uint *)arg, 1);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------------ Blocks */

static int leave_by(int way, atomic_uint *ran, int *status)
{
    for (int i = 0; i < 1; i++) {
        SCOPE(s, NULL, status)
        {
            for (int k = 0; k < 20; k++)
                CHECK_EQ_INT(scope_spawn(s, counts, ran), SCOPE_OK);
            if (way == 1)
                break;
            if (way == 2)
                continue;
            if (way == 3)
                return 3;
            if (way == 4)
                goto out;
        }
        CHECK_EQ_INT(atomic_load(ran), 20); /* joined at the end of the block */
    }
    return way;
out:
    return 4;
}

static void joined_however_left(void)
{
    for (int way = 0; way <= 4; way++) {
        atomic_uint ran = 0;
        int status = 1;
        CHECK_EQ_INT(leave_by(way, &ran, &status), way);
        CHECK_EQ_INT(status, SCOPE_OK);
        CHECK_EQ_INT(atomic_load(&ran), 20);
    }
}

static int nested(struct scope *outer, void *arg)
{
    atomic_uint *ran = arg;
    int status = 1, inner_status = 1;
    SCOPE(s, NULL, &status)
    {
        CHECK_EQ_INT(scope_spawn(outer, counts, ran), SCOPE_OK);
        SCOPE(inner, NULL, &inner_status)
        {
            CHECK_EQ_INT(scope_spawn(inner, counts, ran), SCOPE_OK);
            CHECK_EQ_INT(scope_spawn(s, counts, ran), SCOPE_OK);
            (void)scope_fail(inner, 5, "inner");
        }
        CHECK_EQ_INT(inner_status, SCOPE_ERROR);
        CHECK(!scope_cancelled(s));
        (void)scope_cancel(s);
    }
    CHECK_EQ_INT(status, SCOPE_ECANCELED);
    return 0;
}

static int fails(struct scope *s, void *arg)
{
    return scope_fail(s, 5, "%s", (const char *)arg);
}

/* The errors of a scope that fails inside a block go where its status goes. */
static int returns_from_block(struct scope *outer, void *arg)
{
    (void)outer;
    SCOPE(s, NULL, NULL)
    {
        (void)s;
        int status = scope_run(fails, arg);
        if (status != SCOPE_OK)
            return status;
    }
    return 0;
}

static void inner_errors_reach_the_outer_report(void)
{
    struct scope_report report;
    char message[] = "inside";
    CHECK_EQ_INT(run_checked(NULL, &report, returns_from_block, message), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 1);
    if (CHECK(report.group.errors[0].nested != NULL))
        CHECK_EQ_STR(report.group.errors[0].nested->errors[0].message, "inside");
    scope_report_fini(&report);
}

static void nested_in_tasks(void)
{
    atomic_uint ran = 0;
    int status = 1;
    SCOPE(s, NULL, &status)
    {
        for (int i = 0; i < 50; i++)
            CHECK_EQ_INT(scope_spawn(s, nested, &ran), SCOPE_OK);
    }
    CHECK_EQ_INT(status, SCOPE_OK);
    CHECK(atomic_load(&ran) >= 50);
}

static void not_run_if_refused(void)
{
    struct scope_options options = scope_options_init();
    int status = 1, ran = 0;
    options.size = 1;
    SCOPE(s, &options, &status)
    {
        (void)s;
        ran = 1;
    }
    CHECK_EQ_INT(status, SCOPE_EINVAL);
    CHECK_EQ_INT(ran, 0);
    SCOPE(s, NULL, NULL)
    {
        (void)s;
        ran = 1;
    }
    CHECK_EQ_INT(ran, 1);
}

SCOPE_TASK(int, with_block, int);

static inline int with_block(struct scope_strand strand, int n)
{
    if (n == 0) {
        atomic_uint ran = 0;
        SCOPE(s, NULL, NULL)
        {
            CHECK_EQ_INT(scope_spawn(s, counts, &ran), SCOPE_OK);
        }
        return (int)atomic_load(&ran);
    }
    with_block_fork(&strand, n - 1);
    int b = with_block(strand, n - 1);
    return b + with_block_join(&strand);
}

static int calls_with_block(struct scope *s, void *arg)
{
    *(int *)arg = with_block_call(s, 5);
    return 0;
}

static void inside_typed_tasks(void)
{
    int n = 0;
    CHECK_EQ_INT(scope_run(calls_with_block, &n), SCOPE_OK);
    CHECK_EQ_INT(n, 32);
}

static void *ends_block(void *arg)
{
    scope_block_end(arg);
    return NULL;
}

static void carry_off(void)
{
    struct scope_block block = scope_block_begin("begun.c", 42, NULL, NULL);
    pthread_t thread;
    if (pthread_create(&thread, NULL, ends_block, &block) == 0)
        (void)pthread_join(thread, NULL);
}

static void ended_by_another_thread_aborts(void)
{
    struct child child = child_run(carry_off);
    CHECK(child_aborted(&child));
    CHECK(child_said(&child, "ends in another thread than it was opened in", 1));
    CHECK(child_said(&child, "begun.c:42", 1));
}

/* --------------------------------------------------------------------------------------------------------- Callbacks */

static void count(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static void called_once_or_taken_back(void)
{
    struct scope_token *token = scope_token_create();
    atomic_uint kept = 0, forgotten = 0, late = 0;
    CHECK(scope_token_on_cancel(token, count, &kept) != NULL);
    struct scope_callback *callback = scope_token_on_cancel(token, count, &forgotten);
    CHECK(scope_callback_forget(callback));
    CHECK(scope_token_on_cancel(token, count, &kept) != NULL); /* in its place */
    CHECK_EQ_INT(scope_token_cancel(token), 1);
    CHECK_EQ_INT(scope_token_cancel(token), 0);
    CHECK_EQ_INT(atomic_load(&kept), 2);
    CHECK_EQ_INT(atomic_load(&forgotten), 0);
    callback = scope_token_on_cancel(token, count, &late);
    CHECK_EQ_INT(atomic_load(&late), 1);
    CHECK(!scope_callback_forget(callback));
    CHECK(scope_token_on_cancel(NULL, count, &late) == NULL);
    CHECK(scope_token_on_cancel(token, NULL, &late) == NULL);
    CHECK(!scope_callback_forget(NULL));
    scope_token_release(token);
}

static struct scope_token *shared;
static atomic_uint calls, spared, told;

static void *registers(void *arg)
{
    (void)arg;
    unsigned made = 0;
    while (!scope_token_cancelled(shared) || made == 0) {
        struct scope_callback *callback = scope_token_on_cancel(shared, count, &calls);
        if (!CHECK(callback != NULL))
            break;
        made++;
        if (scope_callback_forget(callback))
            atomic_fetch_add(&spared, 1);
        else
            atomic_fetch_add(&told, 1);
    }
    return (void *)(uintptr_t)made;
}

static void registered_while_cancelling(void)
{
    for (int round = 0; round < TIMES(300, 50); round++) {
        pthread_t thread[3];
        uintptr_t made = 0;
        shared = scope_token_create();
        atomic_store(&calls, 0);
        atomic_store(&spared, 0);
        atomic_store(&told, 0);
        for (int i = 0; i < 3; i++)
            CHECK_EQ_INT(pthread_create(&thread[i], NULL, registers, NULL), 0);
        usleep(100);
        CHECK_EQ_INT(scope_token_cancel(shared), 1);
        for (int i = 0; i < 3; i++) {
            void *result;
            pthread_join(thread[i], &result);
            made += (uintptr_t)result;
        }
        CHECK_EQ_INT(atomic_load(&calls), atomic_load(&told));
        CHECK_EQ_INT(atomic_load(&spared) + atomic_load(&told), made);
        scope_token_release(shared);
    }
}

int main(void)
{
    check_run("joined_however_left", joined_however_left);
    check_run("nested_in_tasks", nested_in_tasks);
    check_run("inner_errors_reach_the_outer_report", inner_errors_reach_the_outer_report);
    check_run("not_run_if_refused", not_run_if_refused);
    check_run("inside_typed_tasks", inside_typed_tasks);
    if (TSAN)
        check_skip("ended_by_another_thread_aborts", "ThreadSanitizer allows no threads in forked children");
    else
        check_run("ended_by_another_thread_aborts", ended_by_another_thread_aborts);
    check_run("called_once_or_taken_back", called_once_or_taken_back);
    check_run("registered_while_cancelling", registered_while_cancelling);
    return check_done();
}

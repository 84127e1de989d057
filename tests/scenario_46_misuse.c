/* Scenarios 45 to 48: what is refused, and leaves everything as it was. */
#include "tests/child_check.h"
#include "tests/scope_check.h"

#include <pthread.h>
#include <setjmp.h>

static int never_task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    CHECK(false); /* a refused task ran */
    return 0;
}

/* ------------------------------------------------------------------------------------------ 46: cancelled and failed */

static void refused_everywhere(struct scope *s)
{
    static const char large[SCOPE_COPY_MAX];
    CHECK_EQ_INT(scope_spawn(s, never_task, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(scope_spawn_copy(s, never_task, large, 8), SCOPE_ECANCELED);
    CHECK_EQ_INT(scope_spawn_copy(s, never_task, large, sizeof(large)), SCOPE_ECANCELED);
}

static int refused_inner_body(struct scope *s, void *arg)
{
    (void)s;
    refused_everywhere(arg);
    return 0;
}

static int refused_body(struct scope *s, void *arg)
{
    if (*(bool *)arg)
        CHECK_EQ_INT(scope_fail(s, 3, "failed"), 3);
    else
        CHECK_EQ_INT(scope_cancel(s), 1);
    refused_everywhere(s);
    CHECK_EQ_INT(scope_run(refused_inner_body, s), SCOPE_ECANCELED);
    return 0;
}

static void spawn_into_cancelled_or_failed_refused(void)
{
    for (int fails = 0; fails < 2; fails++) {
        bool arg = fails;
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, refused_body, &arg), fails ? SCOPE_ERROR : SCOPE_ECANCELED);
        CHECK_EQ_INT(report.reason, fails ? SCOPE_REASON_SIBLING : SCOPE_REASON_EXPLICIT);
        CHECK_EQ_INT(report.spawned, 0);
        CHECK_EQ_INT(report.skipped, 0);
    }
}

/* ------------------------------------------------------------------------------------------------- 47: from outside */

static void check_foreign(struct scope *s)
{
    static const char large[SCOPE_COPY_MAX];
    CHECK_EQ_INT(scope_spawn(s, never_task, NULL), SCOPE_EPERM);
    CHECK_EQ_INT(scope_spawn_copy(s, never_task, large, 8), SCOPE_EPERM);
    CHECK_EQ_INT(scope_spawn_copy(s, never_task, large, sizeof(large)), SCOPE_EPERM);
}

static void *foreign_thread(void *arg)
{
    check_foreign(arg);
    return NULL;
}

static int in_another_scope_body(struct scope *s, void *arg)
{
    (void)s;
    check_foreign(arg);
    return 0;
}

static void *guest_thread(void *arg)
{
    CHECK_EQ_INT(scope_run(in_another_scope_body, arg), SCOPE_OK);
    return NULL;
}

static int spawned_at_body(struct scope *s, void *arg)
{
    void *(*from)(void *) = *(void *(**)(void *))arg;
    pthread_t thread;
    CHECK_EQ_INT(pthread_create(&thread, NULL, from, s), 0);
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    CHECK(!scope_cancelled(s));
    return 0;
}

static void spawn_from_foreign_thread_eperm(void)
{
    void *(*from[])(void *) = {foreign_thread, guest_thread};
    for (int i = 0; i < 2; i++) {
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, spawned_at_body, &from[i]), SCOPE_OK);
        CHECK_EQ_INT(report.spawned, 0);
    }
}

/* A task of the outer scope is not inside the inner one that the body has open, nor is a sibling's. */
struct shared {
    struct scope *_Atomic inner;
    atomic_uint told;
};

static int sibling_task(struct scope *s, void *arg)
{
    (void)s;
    struct shared *shared = arg;
    while (!atomic_load(&shared->inner))
        sched_yield();
    check_foreign(atomic_load(&shared->inner));
    atomic_store(&shared->told, 1);
    return 0;
}

static int open_inner_body(struct scope *s, void *arg)
{
    struct shared *shared = arg;
    atomic_store(&shared->inner, s);
    spin_until(&shared->told, 1);
    return 0;
}

static void *open_inner_thread(void *arg)
{
    CHECK_EQ_INT(scope_run(open_inner_body, arg), SCOPE_OK);
    return NULL;
}

static int sibling_body(struct scope *s, void *arg)
{
    return scope_spawn(s, sibling_task, arg);
}

static void spawn_into_scope_of_another_task_eperm(void)
{
    struct shared shared = {.told = 0};
    pthread_t thread;
    CHECK_EQ_INT(pthread_create(&thread, NULL, open_inner_thread, &shared), 0);
    CHECK_EQ_INT(scope_run(sibling_body, &shared), SCOPE_OK);
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
}

static void *cancel_thread(void *arg)
{
    CHECK_EQ_INT(scope_cancel(arg), SCOPE_EPERM);
    return NULL;
}

static int foreign_cancel_body(struct scope *s, void *arg)
{
    pthread_t thread;
    (void)arg;
    CHECK_EQ_INT(pthread_create(&thread, NULL, cancel_thread, s), 0);
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    CHECK(!scope_cancelled(s));
    return 0;
}

static void cancel_from_foreign_thread_eperm(void)
{
    CHECK_EQ_INT(scope_run(foreign_cancel_body, NULL), SCOPE_OK);
}

/* -------------------------------------------------------------------------------------------- 45: finished scopes */

static unsigned disposed;

static void count_dispose(void *arg)
{
    (void)arg;
    disposed++;
}

static const SCOPE_DESCRIBE(never, .fn = never_task, .dispose = count_dispose);

static int remember_body(struct scope *s, void *arg)
{
    *(struct scope **)arg = s;
    return 0;
}

static int outlived_body(struct scope *s, void *arg)
{
    struct scope *finished = NULL;
    (void)arg;
    disposed = 0;
    CHECK_EQ_INT(scope_run(remember_body, &finished), SCOPE_OK);
    CHECK(finished && finished != s);
    CHECK_EQ_INT((scope_spawn)(finished, never_task, NULL), SCOPE_EPERM); /* the functions: SCOPE_DEBUG aborts */
    CHECK_EQ_INT((scope_spawn_task)(finished, &never, NULL), SCOPE_EPERM);
    CHECK_EQ_INT(disposed, 1);
    CHECK_EQ_INT(scope_cancel(finished), SCOPE_EPERM);
    CHECK(scope_permit_create(finished) == NULL);
    return 0;
}

static void finished_scope_refused(void)
{
    CHECK_EQ_INT(scope_run(outlived_body, NULL), SCOPE_OK);
}

static jmp_buf jump;

static void leave_by_longjmp(void)
{
    struct scope_options options = scope_options_init();
    options.name = "outer";
    SCOPE(outer, &options, NULL)
    {
        (void)outer;
        if (setjmp(jump) == 0) {
            SCOPE(inner, NULL, NULL)
            {
                (void)inner;
                longjmp(jump, 1);
            }
        }
    }
}

static void left_by_longjmp_told(void)
{
    struct child child = child_run(leave_by_longjmp);
    CHECK(child_aborted(&child));
    CHECK(child_said(&child, "taskscope: scope outer (opened at tests/scenario_46_misuse.c:", 1));
    CHECK(child_said(&child, "ends while a scope inside it is still open: was (unnamed) (opened at tests/scenario_46",
                     1));
}

/* ------------------------------------------------------------------------------------------------------ 48: EINVAL */

static int arguments_body(struct scope *s, void *arg)
{
    char byte = 0;
    (void)arg;
    CHECK_EQ_INT(scope_spawn(s, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn(NULL, never_task, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_copy(s, NULL, &byte, 1), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_copy(NULL, never_task, &byte, 1), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_copy(s, never_task, NULL, 1), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_copy(s, never_task, &byte, 0), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_copy(s, never_task, &byte, SCOPE_COPY_MAX + 1), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_copy(s, never_task, &byte, SIZE_MAX), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_cancel(NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_fail(NULL, 3, "nobody"), SCOPE_EINVAL);
    CHECK(!scope_cancelled(s));
    return 0;
}

static void spawn_bad_arguments_einval(void)
{
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, arguments_body, NULL), SCOPE_OK);
    CHECK_EQ_INT(report.spawned, 0);
}

static int never_body(struct scope *s, void *arg)
{
    return never_task(s, arg);
}

/* Refused, and the report is not touched. */
static void check_einval(const struct scope_options *options, scope_fn *body)
{
    struct scope_report report;
    struct scope_report before;
    memset(&report, 0x5a, sizeof(report));
    report.size = sizeof(report);
    before = report;
    CHECK_EQ_INT(scope_run_with(options, &report, body, NULL), SCOPE_EINVAL);
    CHECK(memcmp(&report, &before, sizeof(report)) == 0);
    CHECK_EQ_INT(scope_run_with(options, NULL, body, NULL), SCOPE_EINVAL);
}

static void run_bad_options_einval(void)
{
    struct scope_options options;
    CHECK_EQ_INT(scope_run(NULL, NULL), SCOPE_EINVAL);
    check_einval(NULL, NULL);
    memset(&options, 0, sizeof(options));
    check_einval(&options, never_body);
    memset(&options, 0xa5, sizeof(options));
    check_einval(&options, never_body);
    options = scope_options_init();
    options.size += 8;
    check_einval(&options, never_body);
    options = scope_options_init();
    options.size = 8;
    check_einval(&options, never_body);
    for (int bit = 0; bit < 32; bit++) {
        options = scope_options_init();
        options.flags = (uint32_t)1 << bit;
        if (options.flags != SCOPE_SHIELD)
            check_einval(&options, never_body);
    }
    options = scope_options_init();
    int policy = 99;
    memcpy(&options.policy, &policy, sizeof(options.policy));
    check_einval(&options, never_body);
}

static void run_bad_report_einval(void)
{
    struct scope_report report;
    static const size_t sizes[] = {0, 1, sizeof(report) - 1, sizeof(report) + 8, SIZE_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct scope_report before;
        memset(&report, 0x5a, sizeof(report));
        report.size = sizes[i];
        before = report;
        CHECK_EQ_INT(scope_run_with(NULL, &report, never_body, NULL), SCOPE_EINVAL);
        CHECK(memcmp(&report, &before, sizeof(report)) == 0);
    }
}

static void pool_bad_options_einval(void)
{
    struct scope_pool_options options = {.size = sizeof(options), .workers = 1};
    struct scope_pool *const untouched = (struct scope_pool *)(void *)&options;
    struct scope_pool *pool = untouched;
    CHECK_EQ_INT(scope_pool_create(NULL, &options), SCOPE_EINVAL);
    options.flags = 1;
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_EINVAL);
    options = (struct scope_pool_options){.size = 0, .workers = 1};
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_EINVAL);
    options = (struct scope_pool_options){.size = sizeof(options) + 8, .workers = 1};
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_EINVAL);
    options = (struct scope_pool_options){.size = sizeof(options), .workers = SCOPE_WORKERS_MAX + 1};
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_EINVAL);
    options = (struct scope_pool_options){.size = sizeof(options), .workers = UINT32_MAX};
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_EINVAL);
    CHECK(pool == untouched);
    CHECK_EQ_INT(scope_pool_destroy(NULL), SCOPE_OK);
}

/* -------------------------------------------------------------------------------------- A fork that nobody joins */

SCOPE_TASK(int, forgets, int);

static inline int forgets(struct scope_strand strand, int n)
{
    if (n > 0)
        forgets_fork(&strand, n - 1); /* published, as it is the oldest, if there are others */
    return n;
}

static int calls_forgetful(struct scope *s, void *arg)
{
    (void)arg;
    return forgets_call(s, 1);
}

static void forgetful(void)
{
    (void)scope_run(calls_forgetful, NULL);
}

static void unjoined_fork_aborts(void)
{
    struct child child = child_run(forgetful);
    CHECK(child_aborted(&child));
    CHECK(child_said(&child, "a typed task has returned before it had joined all that it forked", 1));
}

int main(void)
{
    check_run("scenario_46_spawn_into_cancelled_or_failed_refused", spawn_into_cancelled_or_failed_refused);
    check_run("scenario_47_spawn_from_foreign_thread_eperm", spawn_from_foreign_thread_eperm);
    check_run("scenario_47_spawn_into_scope_of_another_task_eperm", spawn_into_scope_of_another_task_eperm);
    check_run("scenario_47_cancel_from_foreign_thread_eperm", cancel_from_foreign_thread_eperm);
    check_run("scenario_45_finished_scope_refused", finished_scope_refused);
    if (TSAN || ASAN)
        check_skip("scenario_47_left_by_longjmp_told", "a sanitizer's own handling of abort and longjmp");
    else
        check_run("scenario_47_left_by_longjmp_told", left_by_longjmp_told);
    if (TSAN || ASAN)
        check_skip("unjoined_fork_aborts", "a sanitizer's own handling of abort");
    else if (scope_pool_workers(NULL) < 2)
        check_skip("unjoined_fork_aborts", "with one worker no fork is published, and this one is not noticed");
    else
        check_run("unjoined_fork_aborts", unjoined_fork_aborts);
    check_run("scenario_48_spawn_bad_arguments_einval", spawn_bad_arguments_einval);
    check_run("scenario_48_run_bad_options_einval", run_bad_options_einval);
    check_run("scenario_48_run_bad_report_einval", run_bad_report_einval);
    check_run("scenario_48_pool_bad_options_einval", pool_bad_options_einval);
    return check_done();
}

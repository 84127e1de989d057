/* Many spawns into one scope: more than a deque holds, a million, 10^8 in constant memory. */
#include "tests/scope_check.h"

#include <sys/resource.h>

#define DEQUE 4096
#define HUGE_COUNT 100000000
#define ADDRESS_SPACE (1UL << 30)
#define GROWTH_MAX (8L << 20)

static long values[2 * DEQUE + 1000];

/* A thread's own share of a sum, so that 10^8 tasks do not fight for one word. */
struct share {
    _Alignas(64) atomic_ulong sum;
    atomic_ulong count;
};
static struct share shares[2 * SCOPE_WORKERS_MAX];
static atomic_uint shares_given;
static _Thread_local struct share *own;

/* ------------------------------------------------------------------------------------------------------- Results */

static int value_task(struct scope *s, void *arg)
{
    (void)s;
    long *value = arg;
    *value += 2 * (value - values) + 1;
    return 0;
}

static int values_body(struct scope *s, void *arg)
{
    long count = *(long *)arg;
    for (long i = 0; i < count; i++)
        CHECK_EQ_INT(scope_spawn(s, value_task, &values[i]), SCOPE_OK);
    return 0;
}

static void around_full_deque_every_result_right(void)
{
    static const long counts[] = {1, 2, DEQUE - 1, DEQUE, DEQUE + 1, 2 * DEQUE, 2 * DEQUE + 1000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        for (int round = 0; round < 5; round++) {
            long count = counts[i];
            struct scope_report report;
            memset(values, 0, sizeof(values));
            CHECK_EQ_INT(run_checked(NULL, &report, values_body, &count), SCOPE_OK);
            CHECK_EQ_INT(report.ok, count);
            for (long j = 0; j < (long)(sizeof(values) / sizeof(values[0])); j++)
                CHECK_EQ_INT(values[j], j < count ? 2 * j + 1 : 0);
        }
}

/* Inner scopes of a worker whose deque is full of outer tasks. */
static atomic_long inner_sum;

static int add_task(struct scope *s, void *arg)
{
    (void)s;
    atomic_fetch_add(&inner_sum, (long)sizeof(*(char *)arg));
    return 0;
}

static int add_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 10; i++)
        CHECK_EQ_INT(scope_spawn(s, add_task, arg), SCOPE_OK);
    return 0;
}

static int add_nested_task(struct scope *s, void *arg)
{
    (void)s;
    struct scope_report report;
    int status = run_checked(NULL, &report, add_body, arg);
    CHECK_EQ_INT(report.ok, 10);
    return status;
}

static int add_many_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 2 * DEQUE; i++)
        CHECK_EQ_INT(scope_spawn(s, add_nested_task, arg), SCOPE_OK);
    return 0;
}

static void run_full(scope_fn *body, uint64_t tasks)
{
    char byte = 0;
    struct scope_report report;
    atomic_store(&inner_sum, 0);
    CHECK_EQ_INT(run_checked(NULL, &report, body, &byte), SCOPE_OK);
    CHECK_EQ_INT(report.ok, tasks);
}

static void full_deque_nested_scopes_join(void)
{
    run_full(add_many_body, 2 * DEQUE);
    CHECK_EQ_INT(inner_sum, 20 * DEQUE);
}

/* A body that fills its deque, with nobody to make room: the tasks of a scope inside it can only run at once. */
#define LINKS 50

static int link_task(struct scope *s, void *arg)
{
    long *left = arg;
    atomic_fetch_add(&inner_sum, 1);
    if (--*left > 0)
        CHECK_EQ_INT(scope_spawn(s, link_task, left), SCOPE_OK);
    return 0;
}

static int odd_fails_task(struct scope *s, void *arg)
{
    long i = (long *)arg - values;
    atomic_fetch_add(&inner_sum, 1);
    return i % 2 ? scope_fail(s, (int)i, "number %ld", i) : 0;
}

static int odd_fail_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 8; i++)
        CHECK_EQ_INT(scope_spawn(s, odd_fails_task, &values[i]), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn(s, link_task, arg), SCOPE_OK);
    return 0;
}

static int fill_then_open_body(struct scope *s, void *arg)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    long left = LINKS;
    (void)arg;
    options.policy = SCOPE_COLLECT;
    long full = DEQUE;
    (void)values_body(s, &full);
    CHECK_EQ_INT(run_checked(&options, &report, odd_fail_body, &left), SCOPE_ERROR);
    CHECK_EQ_INT(report.spawned, 8 + LINKS);
    CHECK_EQ_INT(report.failed, 4);
    unsigned seen = 0;
    for (unsigned i = 0; i < report.group.kept && i < SCOPE_ERRORS_KEPT; i++) {
        const struct scope_error *error = &report.group.errors[i];
        char message[SCOPE_MESSAGE_MAX];
        (void)snprintf(message, sizeof(message), "number %d", error->code);
        CHECK_EQ_STR(error->message, message);
        CHECK_EQ_INT(error->index, error->code); /* tasks and errors are numbered alike */
        seen |= 1u << error->code;
    }
    CHECK_EQ_INT(seen, 0xaa);
    scope_report_fini(&report);
    return 0;
}

static void full_deque_inner_tasks_run_at_once(void)
{
    run_full(fill_then_open_body, DEQUE);
    CHECK_EQ_INT(inner_sum, 8 + LINKS);
}

/* The same with forks. */
static int seven_task(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    return 7;
}

static int cancels_task(struct scope *s, void *arg)
{
    (void)arg;
    (void)scope_cancel(s);
    return 0;
}

static int forks_body(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_fork2(s, add_task, arg, add_task, arg), 0);
    CHECK_EQ_INT(scope_fork2(s, add_task, arg, seven_task, arg), 7);
    CHECK_EQ_INT(scope_fork2(s, seven_task, arg, add_task, arg), 7);
    long before = atomic_load(&inner_sum);
    int status = scope_fork2(s, add_task, arg, cancels_task, arg);
    CHECK(status == SCOPE_OK || status == SCOPE_ECANCELED); /* a thief may have been earlier */
    CHECK_EQ_INT(atomic_load(&inner_sum) - before, status == SCOPE_OK);
    return 0;
}

static int fill_then_fork_body(struct scope *s, void *arg)
{
    long full = DEQUE;
    (void)values_body(s, &full);
    CHECK_EQ_INT(scope_run(forks_body, arg), SCOPE_ECANCELED);
    return 0;
}

static void full_deque_forks_run_at_once(void)
{
    run_full(fill_then_fork_body, DEQUE);
}

/* ------------------------------------------------------------------------------------------------------ Very many */

/* Every argument is added once. */
static int sum_task(struct scope *s, void *arg)
{
    (void)s;
    if (!own)
        own = &shares[atomic_fetch_add(&shares_given, 1)];
    unsigned long sum = atomic_load_explicit(&own->sum, memory_order_relaxed); /* nobody else writes it */
    atomic_store_explicit(&own->sum, sum + (uintptr_t)arg, memory_order_relaxed);
    unsigned long count = atomic_load_explicit(&own->count, memory_order_relaxed);
    atomic_store_explicit(&own->count, count + 1, memory_order_relaxed);
    return 0;
}

static int sum_body(struct scope *s, void *arg)
{
    uintptr_t count = *(uintptr_t *)arg;
    unsigned long refused = 0;
    for (uintptr_t i = 0; i < count; i++)
        refused += scope_spawn(s, sum_task, (void *)i) != SCOPE_OK; // NOLINT: an integer as argument
    CHECK_EQ_INT(refused, 0);
    return 0;
}

static void spawn_many(uintptr_t count)
{
    struct scope_report report;
    unsigned long sum = 0, ran = 0;
    for (unsigned i = 0; i < shares_given; i++)
        shares[i].sum = shares[i].count = 0;
    CHECK_EQ_INT(run_checked(NULL, &report, sum_body, &count), SCOPE_OK);
    CHECK_EQ_INT(report.ok, count);
    for (unsigned i = 0; i < shares_given; i++)
        sum += shares[i].sum, ran += shares[i].count;
    check_totals(count, ran, 0);
    CHECK_EQ_INT(ran, count);
    CHECK_EQ_INT(sum, count * (count - 1) / 2);
}

static void million_each_once_memory_constant(void)
{
    spawn_many(10000);
    long before = peak_rss();
    spawn_many(TIMES(1000000, 100000));
    CHECK(TSAN || ASAN || peak_rss() - before < GROWTH_MAX);
}

static void hundred_million_memory_constant(void)
{
    struct rlimit old;
    CHECK_EQ_INT(getrlimit(RLIMIT_AS, &old), 0);
    struct rlimit limit = {.rlim_cur = ADDRESS_SPACE, .rlim_max = old.rlim_max};
    CHECK_EQ_INT(setrlimit(RLIMIT_AS, &limit), 0);
    long before = peak_rss();
    spawn_many(HUGE_COUNT);
    long growth = peak_rss() - before;
    printf("# grew by %ld KiB\n", growth >> 10);
    CHECK(growth < GROWTH_MAX);
    CHECK_EQ_INT(setrlimit(RLIMIT_AS, &old), 0);
}

int main(void)
{
    check_run("many_around_full_deque_every_result_right", around_full_deque_every_result_right);
    check_run("many_full_deque_nested_scopes_join", full_deque_nested_scopes_join);
    check_run("many_full_deque_inner_tasks_run_at_once", full_deque_inner_tasks_run_at_once);
    check_run("many_full_deque_forks_run_at_once", full_deque_forks_run_at_once);
    check_run("many_million_each_once_memory_constant", million_each_once_memory_constant);
    if (check_slow())
        check_skip("many_hundred_million_memory_constant",
                   "too slow with checks, or under a sanitizer, whose memory grows anyway");
    else
        check_run("many_hundred_million_memory_constant", hundred_million_memory_constant);
    return check_done();
}

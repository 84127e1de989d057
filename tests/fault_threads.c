/* The system refuses: threads, pinning, the barrier that cancellation uses.  Each refusal is made by a function of this
 * program that stands in front of the C library's.  All tasks still run, on fewer workers, unpinned, or with a fence. */
#include "scope/scope.h"
#include "tests/check.h"

#include <dlfcn.h>
#include <errno.h>
#include <hwloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void __tsan_init(void) __attribute__((weak));
extern void __asan_init(void) __attribute__((weak));

typedef int create_fn(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg);

/* A sanitizer's own, which must not be left out. */
extern create_fn __interceptor_pthread_create __attribute__((weak));

static unsigned rounds(unsigned full)
{
    return __tsan_init || __asan_init ? full / 8 : full;
}

/* Data and function pointers are the same here; C has no cast for it. */
static void *next_symbol(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(function, &symbol, sizeof(symbol));
    return symbol;
}

/* ------------------------------------------------------------------------------------------------------------ Threads */

static atomic_int creates_left = INT32_MAX; /* calls that succeed before one fails */
static atomic_int creates_refused;
static atomic_bool refuse_all_later;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg)
{
    create_fn *real = __interceptor_pthread_create;
    int left = atomic_fetch_sub(&creates_left, 1);
    if (left == 0 || (left < 0 && atomic_load(&refuse_all_later))) {
        atomic_fetch_add(&creates_refused, 1);
        return EAGAIN;
    }
    if (!real)
        next_symbol("pthread_create", &real);
    return real(thread, attributes, start, arg);
}

static int leaf(struct scope *s, void *arg)
{
    (void)s;
    atomic_fetch_add((atomic_uint *)arg, 1);
    return 0;
}

static int inner(struct scope *s, void *arg)
{
    for (int i = 0; i < 10; i++)
        CHECK(scope_spawn(s, leaf, arg) == SCOPE_OK);
    return 0;
}

static int opens_inner(struct scope *s, void *arg)
{
    (void)s;
    return scope_run(inner, arg);
}

static int outer(struct scope *s, void *arg)
{
    for (int i = 0; i < 20; i++)
        CHECK(scope_spawn(s, opens_inner, arg) == SCOPE_OK);
    return 0;
}

/* Whatever the pool got: a tree of tasks runs. */
static void use_and_destroy(struct scope_pool *pool)
{
    struct scope_options options = scope_options_init();
    options.pool = pool;
    for (int i = 0; i < 3; i++) {
        atomic_uint ran = 0;
        CHECK_EQ_INT(scope_run_with(&options, NULL, outer, &ran), SCOPE_OK);
        CHECK_EQ_INT(atomic_load(&ran), 200);
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static void refuse_threads(unsigned workers, int allowed, bool all_later)
{
    struct scope_pool *pool;
    struct scope_pool_options options = {.size = sizeof(options), .workers = workers};
    atomic_store(&creates_refused, 0);
    atomic_store(&refuse_all_later, all_later);
    atomic_store(&creates_left, allowed);
    int status = scope_pool_create(&pool, &options);
    atomic_store(&creates_left, INT32_MAX);
    if (!CHECK_EQ_INT(status, SCOPE_OK))
        return;
    unsigned got = scope_pool_workers(pool);
    CHECK(got >= 1 && got <= workers);
    CHECK((got == workers) == (atomic_load(&creates_refused) == 0));
    if (!all_later && allowed > 1 && allowed < (int)workers)
        CHECK_EQ_INT(got, allowed); /* refused once: as many as had been started */
    if (all_later && allowed == 0)
        CHECK_EQ_INT(got, 1); /* guests only */
    use_and_destroy(pool);
}

static void refused_thread_makes_a_smaller_pool(void)
{
    static const unsigned workers[] = {1, 2, 5, 16};
    for (unsigned i = 0; i < 4; i++)
        for (int allowed = 0; allowed <= (int)workers[i]; allowed++) {
            refuse_threads(workers[i], allowed, false);
            refuse_threads(workers[i], allowed, true);
        }
}

/* A worker waits for an inner scope whose only task runs elsewhere, while a task of the outer scope is to be had: it would
 * start a spare.  It is refused one, so the task is run later. */

struct wait {
    struct scope *outer;
    atomic_uint started, later;
};

static int lets_go(struct scope *s, void *arg)
{
    (void)s;
    struct wait *wait = arg;
    CHECK_EQ_INT(scope_spawn(wait->outer, leaf, &wait->later), SCOPE_OK);
    atomic_store(&wait->started, 1);
    usleep(2000); /* long enough for the other worker to try */
    return 0;
}

static int until_let_go(struct scope *s, void *arg)
{
    struct wait *wait = arg;
    CHECK_EQ_INT(scope_spawn(s, lets_go, wait), SCOPE_OK);
    while (!atomic_load(&wait->started))
        sched_yield();
    return 0;
}

static int waits_in_vain(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(scope_run(until_let_go, arg), SCOPE_OK);
    return 0;
}

static int leaves_the_wait_to_the_worker(struct scope *s, void *arg)
{
    ((struct wait *)arg)->outer = s;
    CHECK_EQ_INT(scope_spawn(s, waits_in_vain, arg), SCOPE_OK);
    while (scopei_deque_stealable(&worker_self()->deque))
        sched_yield();
    return 0;
}

static void refused_spare_leaves_its_work_for_later(void)
{
    struct scope_pool *pool;
    struct scope_pool_options pool_options = {.size = sizeof(pool_options), .workers = 2};
    CHECK_EQ_INT(scope_pool_create(&pool, &pool_options), SCOPE_OK);
    struct scope_options options = scope_options_init();
    options.pool = pool;
    atomic_store(&creates_refused, 0);
    atomic_store(&refuse_all_later, true);
    atomic_store(&creates_left, 0);
    for (int i = 0; i < 10; i++) {
        struct wait wait = {.started = 0};
        CHECK_EQ_INT(scope_run_with(&options, NULL, leaves_the_wait_to_the_worker, &wait), SCOPE_OK);
        CHECK_EQ_INT(atomic_load(&wait.later), 1);
    }
    unsigned refused = (unsigned)atomic_load(&creates_refused);
    CHECK(refused >= 1 && refused <= 2); /* a worker tries once */
    atomic_store(&creates_left, INT32_MAX);
    use_and_destroy(pool);
}

/* The thread that watches deadlines is refused: the scope is not run, and leaves nothing behind. */
static int fails_later(struct scope *s, void *arg)
{
    (void)arg;
    return scope_fail(s, 5, "later");
}

static int wants_deadline(struct scope *s, void *arg)
{
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    (void)s;
    options.timeout_ns = 1000000000;
    CHECK_EQ_INT(scope_run_with(&options, &report, leaf, arg), SCOPE_EAGAIN);
    CHECK_EQ_INT(report.status, SCOPE_EAGAIN);
    report.group.height = 777;
    CHECK_EQ_INT(scope_run(fails_later, NULL), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.height, 777);
    return 0;
}

static void refused_timer_refuses_the_scope(void)
{
    atomic_uint ran = 0;
    CHECK_EQ_INT(scope_run(leaf, &ran), SCOPE_OK); /* the pool has its threads */
    atomic_store(&refuse_all_later, true);
    atomic_store(&creates_left, 0);
    CHECK_EQ_INT(scope_run(wants_deadline, &ran), SCOPE_OK);
    CHECK_EQ_INT(atomic_load(&ran), 1);
    atomic_store(&creates_left, INT32_MAX);
}

/* ------------------------------------------------------------------------------------------------------------ Pinning */

static atomic_bool refuse_pinning;
static atomic_uint pinnings_refused;

static bool pinning_refused(void)
{
    if (!atomic_load(&refuse_pinning))
        return false;
    atomic_fetch_add(&pinnings_refused, 1);
    errno = EPERM;
    return true;
}

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
    int (*real)(pid_t, size_t, const cpu_set_t *);
    return pinning_refused() || !next_symbol("sched_setaffinity", &real) ? -1 : real(pid, size, set);
}

int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set)
{
    int (*real)(pthread_t, size_t, const cpu_set_t *);
    return pinning_refused() || !next_symbol("pthread_setaffinity_np", &real) ? EPERM : real(thread, size, set);
}

int hwloc_set_cpubind(hwloc_topology_t topology, hwloc_const_cpuset_t set, int flags)
{
    int (*real)(hwloc_topology_t, hwloc_const_cpuset_t, int);
    return pinning_refused() || !next_symbol("hwloc_set_cpubind", &real) ? -1 : real(topology, set, flags);
}

static void refused_pinning_leaves_workers_unpinned(void)
{
    struct scope_pool *pool;
    struct scope_pool_options options = {.size = sizeof(options), .workers = 2};
    atomic_store(&refuse_pinning, true);
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK);
    while (load_acquire(&pool->started) < 2)
        sched_yield();
    CHECK_EQ_INT(scope_pool_workers(pool), 2);
    printf("# %u attempts to pin refused\n", atomic_load(&pinnings_refused));
    use_and_destroy(pool);
    atomic_store(&refuse_pinning, false);
}

/* ------------------------------------------------------------------------------------------------------------ Barrier */

static atomic_bool refuse_barrier;
static atomic_uint barriers_refused;

long syscall(long number, ...)
{
    static long (*real)(long, ...);
    va_list args;
    long a[6];
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_membarrier && atomic_load(&refuse_barrier)) {
        atomic_fetch_add(&barriers_refused, 1);
        errno = ENOSYS;
        return -1;
    }
    if (!__atomic_load_n(&real, __ATOMIC_RELAXED)) {
        long (*found)(long, ...);
        next_symbol("syscall", &found);
        __atomic_store_n(&real, found, __ATOMIC_RELAXED);
    }
    return __atomic_load_n(&real, __ATOMIC_RELAXED)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* A scope that opens just when the one around it is cancelled is told all the same; if not, this hangs. */
struct cancellation {
    struct scope *scope;
    struct scope_token *token; /* NULL: cancel the scope */
    atomic_uint begun;
    unsigned delay;
};

static int told(struct scope *s, void *arg)
{
    (void)arg;
    while (!scope_cancelled(s))
        sched_yield();
    return 0;
}

static int opens_until_cancelled(struct scope *s, void *arg)
{
    struct cancellation *cancellation = arg;
    atomic_store(&cancellation->begun, 1);
    for (unsigned i = 0; i < cancellation->delay / 2; i++)
        fence_compiler();
    CHECK_EQ_INT(scope_run(told, NULL), SCOPE_ECANCELED);
    CHECK(scope_cancelled(s));
    return 0;
}

static int cancels(struct scope *s, void *arg)
{
    struct cancellation *cancellation = arg;
    const struct scope_pool *pool = worker_self()->pool;
    while (load_acquire(&pool->idle.searching) + load_acquire(&pool->idle.sleeping) == 0 ||
           !scopei_deque_requested(&worker_self()->deque))
        sched_yield();
    CHECK(scope_spawn(s, opens_until_cancelled, cancellation) == SCOPE_OK);
    while (!atomic_load(&cancellation->begun))
        os_pause();
    for (unsigned i = 0; i < cancellation->delay % 512; i++)
        fence_compiler();
    CHECK(cancellation->token ? scope_token_cancel(cancellation->token) == 1 : scope_cancel(s) == 1);
    return 0;
}

static void cancel_reaches_opening_scopes(void)
{
    struct scope_pool *pool;
    struct scope_pool_options options = {.size = sizeof(options), .workers = 2};
    if (!CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK))
        return;
    for (unsigned i = 0; i < rounds(8000); i++) {
        struct cancellation cancellation = {.delay = i * 37 % 1024};
        struct scope_options in_pool = scope_options_init();
        cancellation.token = i % 2 ? scope_token_create() : NULL;
        in_pool.pool = pool;
        in_pool.token = cancellation.token;
        CHECK_EQ_INT(scope_run_with(&in_pool, NULL, cancels, &cancellation), SCOPE_ECANCELED);
        scope_token_release(cancellation.token);
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static void cancel_reaches_opening_scopes_with_barrier(void)
{
    cancel_reaches_opening_scopes();
}

static void cancel_reaches_opening_scopes_without_barrier(void)
{
    atomic_store(&refuse_barrier, true);
    cancel_reaches_opening_scopes();
    atomic_store(&refuse_barrier, false);
    CHECK(atomic_load(&barriers_refused) > 0);
}

int main(void)
{
    check_run("refused_thread_makes_a_smaller_pool", refused_thread_makes_a_smaller_pool);
    check_run("refused_spare_leaves_its_work_for_later", refused_spare_leaves_its_work_for_later);
    check_run("refused_timer_refuses_the_scope", refused_timer_refuses_the_scope);
    check_run("refused_pinning_leaves_workers_unpinned", refused_pinning_leaves_workers_unpinned);
    check_run("cancel_reaches_opening_scopes_with_barrier", cancel_reaches_opening_scopes_with_barrier);
    check_run("cancel_reaches_opening_scopes_without_barrier", cancel_reaches_opening_scopes_without_barrier);
    return check_done();
}

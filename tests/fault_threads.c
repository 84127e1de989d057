/* The system refuses: threads, the barrier that cancellation uses, before or after a pool was made that relies on it.  All tasks still
 * run, on fewer workers, and no cancellation is lost. */
#include "scope/scope.h"
#include "tests/check.h"
#include "tests/inject.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------------------------------ Threads */

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

/* All that it has are asleep in the end, and count as that; or this hangs. */
static void await_sleep(const struct scope_pool *pool)
{
    while (pool->workers > 1 &&
           (load_acquire(&pool->idle.sleeping) != pool->workers || load_acquire(&pool->idle.searching)))
        sched_yield();
}

static void refuse_threads(unsigned workers, int allowed, bool all_later)
{
    struct scope_pool *pool;
    struct scope_pool_options options = {.size = sizeof(options), .workers = workers};
    injection_begin(INJECT_THREADS, (unsigned)allowed, all_later);
    int status = scope_pool_create(&pool, &options);
    unsigned refused = injection_end();
    if (!CHECK_EQ_INT(status, SCOPE_OK))
        return;
    unsigned got = scope_pool_workers(pool);
    CHECK(got >= 1 && got <= workers);
    CHECK((got == workers) == (refused == 0));
    if (!all_later && allowed > 1 && allowed < (int)workers)
        CHECK_EQ_INT(got, allowed); /* refused once: as many as had been started */
    if (all_later && allowed == 0)
        CHECK_EQ_INT(got, 1); /* guests only */
    await_sleep(pool);
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
    unsigned refused = 0;
    /* At least ten times, and until a worker has waited at the right moment, which takes longer on a busy machine. */
    for (int i = 0; i < 10 || (i < 1000 && refused == 0); i++) {
        struct wait wait = {.started = 0};
        injection_begin(INJECT_THREADS, 0, true);
        CHECK_EQ_INT(scope_run_with(&options, NULL, leaves_the_wait_to_the_worker, &wait), SCOPE_OK);
        refused += injection_end();
        CHECK_EQ_INT(atomic_load(&wait.later), 1);
    }
    CHECK(refused >= 1 && refused <= 2); /* a worker tries once */
    for (uint64_t i = pool->workers; i < load_acquire(&pool->slots); i++)
        CHECK_EQ_INT(load_acquire(&pool->slot[i]->guest), 0); /* a guest may have what was meant for the spare */
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
    injection_begin(INJECT_THREADS, 0, true);
    CHECK_EQ_INT(scope_run(wants_deadline, &ran), SCOPE_OK);
    CHECK_EQ_INT(atomic_load(&ran), 1);
    CHECK_EQ_INT(injection_end(), 1);
}

/* ------------------------------------------------------------------------------------------------------------ Barrier */

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
           !deque_requested(&worker_self()->deque))
        sched_yield();
    CHECK(scope_spawn(s, opens_until_cancelled, cancellation) == SCOPE_OK);
    for (unsigned i = 1; !atomic_load(&cancellation->begun); i++)
        if (i % 1024) /* else it may wait for our processor */
            os_pause();
        else
            sched_yield();
    for (unsigned i = 0; i < cancellation->delay % 512; i++)
        fence_compiler();
    CHECK(cancellation->token ? scope_token_cancel(cancellation->token) == 1 : scope_cancel(s) == 1);
    return 0;
}

/* When the barrier is refused. */
enum refusal { REFUSAL_NEVER, REFUSAL_EARLY, REFUSAL_LATE, REFUSAL_ONCE };

static void cancel_rounds(struct scope_pool *pool, enum refusal refusal, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (refusal == REFUSAL_ONCE)
            injection_begin(INJECT_BARRIER, 0, false);
        struct cancellation cancellation = {.delay = i * 37 % 1024};
        struct scope_options in_pool = scope_options_init();
        cancellation.token = i % 2 ? scope_token_create() : NULL;
        in_pool.pool = pool;
        in_pool.token = cancellation.token;
        CHECK_EQ_INT(scope_run_with(&in_pool, NULL, cancels, &cancellation), SCOPE_ECANCELED);
        scope_token_release(cancellation.token);
    }
}

/* The barrier is refused to who makes the pool, or later on: for ever, or once for each scope. */
static void cancel_reaches_opening_scopes(enum refusal refusal, unsigned count)
{
    struct scope_pool *pool;
    struct scope_pool_options options = {.size = sizeof(options), .workers = 2};
    if (refusal == REFUSAL_EARLY)
        injection_begin(INJECT_BARRIER, 0, true);
    if (!CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK))
        return;
    if (refusal == REFUSAL_LATE)
        injection_begin(INJECT_BARRIER, 0, true);
    cancel_rounds(pool, refusal, count);
    CHECK((injection_end() > 0) == (refusal != REFUSAL_NEVER));
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static void cancel_reaches_opening_scopes_with_barrier(void)
{
    cancel_reaches_opening_scopes(REFUSAL_NEVER, check_rounds(4000));
}

static void cancel_reaches_opening_scopes_without_barrier(void)
{
    cancel_reaches_opening_scopes(REFUSAL_EARLY, check_rounds(4000));
}

static void cancel_reaches_opening_scopes_when_barrier_is_lost(void)
{
    cancel_reaches_opening_scopes(REFUSAL_LATE, check_rounds(1000));
    cancel_reaches_opening_scopes(REFUSAL_ONCE, check_rounds(40));
}

int main(void)
{
    /* First, while no pool relies on it. */
    check_run("cancel_reaches_opening_scopes_without_barrier", cancel_reaches_opening_scopes_without_barrier);
    check_run("refused_thread_makes_a_smaller_pool", refused_thread_makes_a_smaller_pool);
    check_run("refused_spare_leaves_its_work_for_later", refused_spare_leaves_its_work_for_later);
    check_run("refused_timer_refuses_the_scope", refused_timer_refuses_the_scope);
    check_run("cancel_reaches_opening_scopes_with_barrier", cancel_reaches_opening_scopes_with_barrier);
    check_run("cancel_reaches_opening_scopes_when_barrier_is_lost", cancel_reaches_opening_scopes_when_barrier_is_lost);
    return check_done();
}

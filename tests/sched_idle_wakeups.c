/* No wake-up is lost (tokio #1788, oneTBB #2136: a read-modify-write is not a fence; rayon #992: a source of work that the
 * sleeper does not look at), and the counters of who is idle do not drift (tokio #8372).
 *
 * Whoever has made a task waits, without another call to the library, until another thread has run it: a lost wake-up is a
 * hang, which the runner reports.  A task that is spawned while nobody is idle, or before the idle one has asked for work,
 * stays private until its owner's next push or pop; so each round first waits until somebody counts as idle and has asked.
 * That is not until it sleeps: some rounds meet it before its last look. */
#include "sched/idle.h"
#include "scope/scope.h"
#include "tests/check.h"

#include <sched.h>

static uint64_t random_state = 88172645463325252u; /* main thread */

/* Nanoseconds, up to about the time that a worker searches before it sleeps, so that some rounds hit that moment. */
static uint64_t random_rest(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % 100000;
}

static void rest(uint64_t nanoseconds)
{
    uint64_t end = scopei_now_ns() + nanoseconds;
    while (scopei_now_ns() < end)
        os_pause();
}

static void await(const atomic_uint *word, unsigned value)
{
    while (atomic_load(word) != value)
        sched_yield();
}

/* Also that sleepers leave the others' deques poisoned: if they do not, this hangs. */
static void await_request(void)
{
    while (!deque_requested(&worker_self()->deque))
        sched_yield();
}

static void await_taker(struct scope_pool *pool)
{
    await_request();
    while (load_acquire(&pool->idle.searching) + load_acquire(&pool->idle.sleeping) == 0)
        sched_yield();
}

static void await_sleepers(struct scope_pool *pool, unsigned sleepers)
{
    while (load_acquire(&pool->idle.sleeping) != sleepers)
        sched_yield();
}

/* True if one that waits for a scope is asleep indeed, so that no old notification makes it look again just now. */
static bool waiter_sleeps(struct idle *idle)
{
    bool sleeps = false;
    pthread_mutex_lock(&idle->lock);
    for (const struct worker *w = idle->parked; w; w = w->park_next)
        sleeps |= w->goal && load_relaxed_u32(&w->parker.state) == PARKER_ASLEEP;
    pthread_mutex_unlock(&idle->lock);
    return sleeps;
}

/* With no guest inside, every worker ends up asleep and nobody is counted twice; a drift is a hang here or fails below. */
static void check_quiescent(struct scope_pool *pool)
{
    struct idle *idle = &pool->idle;
    /* One that was chosen to be woken just when it woke by itself wakes once more, so both at once. */
    while (load_acquire(&idle->sleeping) != pool->workers || load_acquire(&idle->searching) != 0)
        sched_yield();
    CHECK_EQ_INT(load_acquire(&idle->helping), 0);
    CHECK_EQ_INT(load_acquire(&idle->waiting), 0);
    CHECK_EQ_INT(load_acquire(&pool->guests), 0);
    for (unsigned i = 0; i < pool->workers; i++)
        CHECK_EQ_INT(load_acquire(&pool->slot[i]->stood_down), 0);
}

static int set(struct scope *s, void *arg)
{
    (void)s;
    atomic_store((atomic_uint *)arg, 1);
    return 0;
}

/* ------------------------------------------------------------------------------------- A spawn wakes a sleeping worker */

static int one_task_to_sleepers(struct scope *s, void *arg)
{
    const unsigned *n = arg;
    struct scope_pool *pool = worker_self()->pool;
    for (unsigned i = 0; i < *n; i++) {
        atomic_uint flag = 0;
        await_sleepers(pool, pool->workers - 1); /* all but the one that is stood down for us */
        await_request();
        CHECK(scope_spawn(s, set, &flag) == SCOPE_OK);
        await(&flag, 1);
    }
    return 0;
}

static void spawn_wakes_a_sleeper(void)
{
    unsigned n = check_rounds(1500);
    CHECK_EQ_INT(scope_run(one_task_to_sleepers, &n), SCOPE_OK);
    check_quiescent(scopei_pool_default(&scopei_hooks));
}

static int one_task_at_random_times(struct scope *s, void *arg)
{
    const unsigned *n = arg;
    for (unsigned i = 0; i < *n; i++) {
        atomic_uint flag = 0;
        rest(random_rest());
        await_taker(worker_self()->pool);
        CHECK(scope_spawn(s, set, &flag) == SCOPE_OK);
        await(&flag, 1);
    }
    return 0;
}

static void spawn_while_workers_fall_asleep_is_seen(void)
{
    unsigned n = check_rounds(4000);
    CHECK_EQ_INT(scope_run(one_task_at_random_times, &n), SCOPE_OK);
    check_quiescent(scopei_pool_default(&scopei_hooks));
}

/* A scope a round: guests enter and leave, and stand a worker down, in the middle of its falling asleep. */
static int one_task(struct scope *s, void *arg)
{
    (void)arg;
    atomic_uint flag = 0;
    await_taker(worker_self()->pool);
    CHECK(scope_spawn(s, set, &flag) == SCOPE_OK);
    await(&flag, 1);
    return 0;
}

static void first_spawn_of_a_guest_is_seen(void)
{
    for (unsigned i = 0; i < check_rounds(4000); i++) {
        rest(random_rest());
        CHECK_EQ_INT(scope_run(one_task, NULL), SCOPE_OK);
    }
    check_quiescent(scopei_pool_default(&scopei_hooks));
}

/* -------------------------------------------------------------------------- A waiting scope is woken for its own tasks */

/* Two workers: the main thread waits, so whatever the stolen task makes, only the main thread can take. */
struct relay {
    atomic_uint begun;
    atomic_uint flag;
    uint64_t rest; /* before the inbox is used; 0: until the main thread is parked */
    struct scope *outer;
    scope_fn *second; /* what the stolen task does to have a task run */
};

/* Until the main thread, which is the only one that can, has parked. */
static void await_waiter(void)
{
    struct idle *idle = &worker_self()->pool->idle;
    while (load_acquire(&idle->waiting) != 1)
        sched_yield();
}

static void await_sleeping_waiter(void)
{
    await_request();
    while (!waiter_sleeps(&worker_self()->pool->idle))
        sched_yield();
}

static int stolen_task(struct scope *s, void *arg)
{
    struct relay *relay = arg;
    atomic_store(&relay->begun, 1);
    return relay->second(s, relay);
}

static int spawns_here(struct scope *s, void *arg)
{
    struct relay *relay = arg;
    await_sleeping_waiter();
    CHECK(scope_spawn(s, set, &relay->flag) == SCOPE_OK);
    await(&relay->flag, 1);
    return 0;
}

static int spawns_in_nested_scope(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(scope_run(spawns_here, arg), SCOPE_OK);
    return 0;
}

static int spawns_into_outer_scope(struct scope *s, void *arg)
{
    (void)s;
    struct relay *relay = arg;
    if (relay->rest)
        rest(relay->rest);
    else
        await_waiter();
    CHECK(scope_spawn(relay->outer, set, &relay->flag) == SCOPE_OK); /* by way of the inbox */
    await(&relay->flag, 1);
    return 0;
}

static int nested_spawns_into_outer_scope(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(scope_run(spawns_into_outer_scope, arg), SCOPE_OK);
    return 0;
}

static int waits_for_stolen_task(struct scope *s, void *arg)
{
    struct relay *relay = arg;
    relay->outer = s;
    await_taker(worker_self()->pool);
    CHECK(scope_spawn(s, stolen_task, relay) == SCOPE_OK);
    await(&relay->begun, 1);
    return 0;
}

static scope_fn *second;

static int relays(struct scope *s, void *arg)
{
    (void)s;
    const unsigned *n = arg;
    for (unsigned i = 0; i < *n; i++) {
        struct relay relay = {.second = second, .rest = i % 2 ? 1 + random_rest() : 0};
        CHECK_EQ_INT(scope_run(waits_for_stolen_task, &relay), SCOPE_OK);
    }
    return 0;
}

static void relay_between_two(scope_fn *fn)
{
    struct scope_pool *pool;
    struct scope_pool_options options = {.size = sizeof(options), .workers = 2};
    if (!CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK))
        return;
    struct scope_options in_pool = scope_options_init();
    in_pool.pool = pool;
    unsigned n = check_rounds(4000);
    second = fn;
    if (CHECK_EQ_INT(scope_pool_workers(pool), 2)) {
        CHECK_EQ_INT(scope_run_with(&in_pool, NULL, relays, &n), SCOPE_OK);
        check_quiescent(pool);
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static void waiter_is_woken_for_a_task_of_its_scope(void)
{
    relay_between_two(spawns_here);
}

static void waiter_is_woken_for_a_task_of_a_scope_inside(void)
{
    relay_between_two(spawns_in_nested_scope);
}

static void waiter_is_woken_for_a_task_in_the_inbox(void)
{
    relay_between_two(nested_spawns_into_outer_scope);
}

/* ------------------------------------------------------------------------------- The inbox wakes a sleeping worker */

struct outer {
    struct scope *scope;
    unsigned rounds;
};

static int inner_spawns_out(struct scope *s, void *arg)
{
    (void)s;
    const struct outer *outer = arg;
    struct scope_pool *pool = worker_self()->pool;
    for (unsigned i = 0; i < outer->rounds; i++) {
        atomic_uint flag = 0;
        if (i % 2)
            await_sleepers(pool, pool->workers - 1);
        else
            rest(random_rest());
        CHECK(scope_spawn(outer->scope, set, &flag) == SCOPE_OK);
        await(&flag, 1);
    }
    return 0;
}

static int outer_body(struct scope *s, void *arg)
{
    (void)arg;
    struct outer outer = {.scope = s, .rounds = check_rounds(5000)};
    CHECK_EQ_INT(scope_run(inner_spawns_out, &outer), SCOPE_OK);
    return 0;
}

static void spawn_into_enclosing_scope_wakes_a_sleeper(void)
{
    CHECK_EQ_INT(scope_run(outer_body, NULL), SCOPE_OK);
    check_quiescent(scopei_pool_default(&scopei_hooks));
}

/* Whoever is woken wakes two more as long as there are tasks, even while others that were woken before have not found theirs yet: two
 * that never do are made up.  Each task waits until all workers have one. */
#define STRAYS 2
#define TREE_LEAST 16 /* workers; with fewer, searchers are allowed to be less than the strays */
static atomic_uint begun, released;

static int meets(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    atomic_fetch_add(&begun, 1);
    await(&released, 1);
    return 0;
}

/* All workers are asleep indeed, also the one that is stood down for us. */
static bool all_sleep(struct scope_pool *pool)
{
    unsigned asleep = 0;
    pthread_mutex_lock(&pool->idle.lock);
    for (const struct worker *w = pool->idle.parked; w; w = w->park_next)
        asleep += load_relaxed_u32(&w->parker.state) == PARKER_ASLEEP;
    pthread_mutex_unlock(&pool->idle.lock);
    return asleep == pool->workers;
}

static int one_wake_up_for_all(struct scope *s, void *arg)
{
    struct worker *w = worker_self();
    struct scope_pool *pool = w->pool;
    unsigned others = pool->workers - 1; /* but for the one that is stood down for us */
    (void)arg;
    atomic_store(&begun, 0);
    atomic_store(&released, 0);
    while (!all_sleep(pool))
        sched_yield();
    await_request();
    w->credit_ns = 0;                                 /* publications are granted */
    (void)add_relaxed(&pool->idle.searching, STRAYS); /* so spawns wake nobody */
    for (unsigned i = 0; i < 2 * others + STRAYS; i++)
        CHECK_EQ_INT(scope_spawn(s, meets, NULL), SCOPE_OK);
    CHECK_EQ_INT(scopei_deque_stealable(&w->deque), 2 * others + STRAYS);
    CHECK(scopei_idle_wake(pool, (const struct lineage *)w->node, w));
    while (atomic_load(&begun) == 0)
        sched_yield();
    CHECK(load_relaxed(&pool->idle.sleeping) + 3 <= others); /* two are woken before the task is begun */
    await(&begun, others);
    (void)sub_relaxed(&pool->idle.searching, STRAYS);
    atomic_store(&released, 1);
    return 0;
}

static void who_is_woken_wakes_two(void)
{
    for (unsigned i = 0; i < check_rounds(200); i++)
        CHECK_EQ_INT(scope_run(one_wake_up_for_all, NULL), SCOPE_OK);
    check_quiescent(scopei_pool_default(&scopei_hooks));
}

static void run_or_skip(const char *name, void (*fn)(void))
{
    if (scope_pool_workers(NULL) > 1)
        check_run(name, fn);
    else
        check_skip(name, "with one worker nobody else could run the task");
}

int main(void)
{
    run_or_skip("spawn_wakes_a_sleeper", spawn_wakes_a_sleeper);
    run_or_skip("spawn_while_workers_fall_asleep_is_seen", spawn_while_workers_fall_asleep_is_seen);
    run_or_skip("first_spawn_of_a_guest_is_seen", first_spawn_of_a_guest_is_seen);
    run_or_skip("spawn_into_enclosing_scope_wakes_a_sleeper", spawn_into_enclosing_scope_wakes_a_sleeper);
    if (scope_pool_workers(NULL) >= TREE_LEAST)
        check_run("who_is_woken_wakes_two", who_is_woken_wakes_two);
    else
        check_skip("who_is_woken_wakes_two", "with so few workers few search at once");
    check_run("waiter_is_woken_for_a_task_of_its_scope", waiter_is_woken_for_a_task_of_its_scope);
    check_run("waiter_is_woken_for_a_task_of_a_scope_inside", waiter_is_woken_for_a_task_of_a_scope_inside);
    check_run("waiter_is_woken_for_a_task_in_the_inbox", waiter_is_woken_for_a_task_in_the_inbox);
    return check_done();
}

/* Guests: a thread that enters stands one of the pool's workers down until it leaves.  With P workers and one guest at most
 * P threads run tasks; many guests at once neither lose tasks nor leave a worker stood down or a counter adrift. */
#include "scope/scope.h"
#include "tests/check.h"

#include <pthread.h>
#include <sched.h>

#define THREADS 12
#define PATIENCE_NS 20000000000u

static void work(unsigned amount)
{
    for (unsigned i = 0; i < amount; i++)
        fence_compiler();
}

/* With no guest inside, all workers are there, and asleep in the end. */
static void check_quiescent(struct scope_pool *pool)
{
    while (load_acquire(&pool->idle.sleeping) != pool->workers || load_acquire(&pool->idle.searching) != 0)
        sched_yield();
    CHECK_EQ_INT(load_acquire(&pool->idle.helping), 0);
    CHECK_EQ_INT(load_acquire(&pool->idle.waiting), 0);
    CHECK_EQ_INT(load_acquire(&pool->guests), 0);
    for (unsigned i = 0; i < pool->workers; i++)
        CHECK_EQ_INT(load_acquire(&pool->slot[i]->stood_down), 0);
}

/* ------------------------------------------------------------------------------------------------ How many run at once */

static atomic_uint now, most, ran;

static int runner(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    unsigned me = atomic_fetch_add(&now, 1) + 1;
    unsigned seen = atomic_load(&most);
    while (me > seen && !atomic_compare_exchange_weak(&most, &seen, me))
        ;
    work(500);
    if (atomic_fetch_add(&ran, 1) % 64 == 0)
        sched_yield();
    atomic_fetch_sub(&now, 1);
    return 0;
}

/* The stand-down has taken effect once the worker is parked: until then it may be about to take one more task. */
static void await_stand_down(void)
{
    struct scope_pool *pool = worker_self()->pool;
    for (bool down = pool->workers < 2; !down; sched_yield()) {
        pthread_mutex_lock(&pool->idle.lock);
        const struct worker *w = worker_self()->deputy;
        CHECK_EQ_INT(load_acquire(&w->stood_down), 1);
        down = w->parked;
        pthread_mutex_unlock(&pool->idle.lock);
    }
}

static int runners(struct scope *s, void *arg)
{
    await_stand_down();
    for (int i = 0; i < 2000; i++)
        CHECK(scope_spawn(s, runner, arg) == SCOPE_OK);
    return 0;
}

static void one_guest_runs_with_one_worker_less(void)
{
    unsigned n = check_rounds(50);
    atomic_store(&most, 0);
    atomic_store(&ran, 0);
    for (unsigned i = 0; i < n; i++)
        CHECK_EQ_INT(scope_run(runners, NULL), SCOPE_OK);
    CHECK_EQ_INT(atomic_load(&ran), 2000 * n);
    CHECK(atomic_load(&most) <= scope_pool_workers(NULL));
    printf("# at most %u of %u at once\n", atomic_load(&most), scope_pool_workers(NULL));
    check_quiescent(scopei_pool_default(&scopei_hooks));
}

/* ------------------------------------------------------------------------------------------------------- Many guests */

static pthread_barrier_t barrier;

static int ten(struct scope *s, void *arg)
{
    for (int i = 0; i < 10; i++)
        CHECK(scope_spawn(s, runner, arg) == SCOPE_OK);
    return 0;
}

static void *visitor(void *arg)
{
    (void)arg;
    unsigned n = check_rounds(2000);
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < n; i++)
        CHECK_EQ_INT(scope_run(ten, NULL), SCOPE_OK);
    return NULL;
}

static void many_guests_come_and_go(void)
{
    pthread_t thread[THREADS];
    unsigned running = 0;
    atomic_store(&ran, 0);
    pthread_barrier_init(&barrier, NULL, THREADS);
    while (running < THREADS && pthread_create(&thread[running], NULL, visitor, NULL) == 0)
        running++;
    if (!CHECK_EQ_INT(running, THREADS))
        return;
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    pthread_barrier_destroy(&barrier);
    CHECK_EQ_INT(atomic_load(&ran), 10 * check_rounds(2000) * THREADS);
    struct scope_pool *pool = scopei_pool_default(&scopei_hooks);
    CHECK(load_acquire(&pool->slots) <= pool->workers + THREADS + 1); /* guests' slots are used again */
    check_quiescent(pool);
}

/* ------------------------------------------------------------------- Wake-ups that meet a guest who enters or leaves */

static struct scope_pool *small;

static int run_in_small(scope_fn *body, void *arg)
{
    struct scope_options options = scope_options_init();
    options.pool = small;
    return scope_run_with(&options, NULL, body, arg);
}

static bool small_create(unsigned workers)
{
    struct scope_pool_options options = {.size = sizeof(options), .workers = workers};
    return CHECK_EQ_INT(scope_pool_create(&small, &options), SCOPE_OK) &&
           CHECK_EQ_INT(scope_pool_workers(small), workers);
}

/* The flag, or false after a long time. */
static bool await(const atomic_uint *word, unsigned value)
{
    uint64_t end = scopei_now_ns() + PATIENCE_NS;
    while (atomic_load(word) < value && scopei_now_ns() < end)
        sched_yield();
    return CHECK(atomic_load(word) >= value);
}

struct meeting {
    atomic_uint first, second, entered, leave;
};

static int set(struct scope *s, void *arg)
{
    (void)s;
    atomic_store((atomic_uint *)arg, 1);
    return 0;
}

static int stays(struct scope *s, void *arg)
{
    (void)s;
    struct meeting *meeting = arg;
    atomic_store(&meeting->entered, 1);
    while (!atomic_load(&meeting->leave))
        sched_yield();
    return 0;
}

static void *enters(void *arg)
{
    struct meeting *meeting = arg;
    while (atomic_load(&meeting->first) == 0)
        ;
    CHECK_EQ_INT(run_in_small(stays, meeting), SCOPE_OK);
    return NULL;
}

static int until_entered(struct scope *s, void *arg)
{
    (void)s;
    struct meeting *meeting = arg;
    atomic_store(&meeting->first, 1);
    await(&meeting->entered, 1);
    return 0;
}

/* Two workers, one for each guest.  The first guest has made two tasks; the only worker that is awake runs one of them
 * when the second guest stands it down, so the other is left.  When that guest leaves, the worker must see the task, which
 * has been stealable all the time. */
static int leaves_one_behind(struct scope *s, void *arg)
{
    struct meeting *meeting = arg;
    while (!deque_requested(&worker_self()->deque) || load_acquire(&small->idle.sleeping) != 1)
        sched_yield();
    CHECK(scope_spawn(s, until_entered, meeting) == SCOPE_OK);
    CHECK(scope_spawn(s, set, &meeting->second) == SCOPE_OK);
    if (deque_private(&worker_self()->deque))
        scopei_deque_publish(&worker_self()->deque, deque_private(&worker_self()->deque));
    await(&meeting->entered, 1);
    while (load_acquire(&small->idle.searching) ||
           load_acquire(&small->idle.sleeping)) /* the worker has gone to sleep */
        sched_yield();
    atomic_store(&meeting->leave, 1);
    await(&meeting->second, 1);
    return 0;
}

static void leaving_guest_gives_its_worker_back_awake(void)
{
    if (!small_create(2))
        return;
    for (unsigned i = 0; i < check_rounds(200) && !atomic_load(&check_bad); i++) {
        struct meeting meeting = {.first = 0};
        pthread_t thread;
        if (!CHECK(pthread_create(&thread, NULL, enters, &meeting) == 0))
            break;
        CHECK_EQ_INT(run_in_small(leaves_one_behind, &meeting), SCOPE_OK);
        pthread_join(thread, NULL);
    }
    check_quiescent(small);
    CHECK_EQ_INT(scope_pool_destroy(small), SCOPE_OK);
}

/* Three workers, one stood down for the first guest, who waits; one runs the task that it waits for, which spawns; the
 * third, asleep, is chosen to be woken, but a second guest stands it down before it comes.  Then the wake-up must go to the
 * waiting guest, the only one left who may run the task. */
static int spawns_while_a_guest_enters(struct scope *s, void *arg)
{
    struct meeting *meeting = arg;
    while (!deque_requested(&worker_self()->deque) || load_acquire(&small->idle.sleeping) == 0 ||
           load_acquire(&small->idle.waiting) != 1)
        sched_yield();
    CHECK(scope_spawn(s, set, &meeting->second) == SCOPE_OK);
    atomic_store(&meeting->first, 1);
    await(&meeting->second, 1);
    atomic_store(&meeting->leave, 1);
    return 0;
}

static int waits(struct scope *s, void *arg)
{
    while (!deque_requested(&worker_self()->deque) || load_acquire(&small->idle.sleeping) != 2)
        sched_yield();
    CHECK(scope_spawn(s, spawns_while_a_guest_enters, arg) == SCOPE_OK);
    while (deque_private(&worker_self()->deque) || scopei_deque_stealable(&worker_self()->deque))
        sched_yield();
    return 0;
}

static void wake_up_of_a_stood_down_worker_goes_to_a_waiter(void)
{
    if (!small_create(3))
        return;
    for (unsigned i = 0; i < check_rounds(800) && !atomic_load(&check_bad); i++) {
        struct meeting meeting = {.first = 0};
        pthread_t thread;
        if (!CHECK(pthread_create(&thread, NULL, enters, &meeting) == 0))
            break;
        CHECK_EQ_INT(run_in_small(waits, &meeting), SCOPE_OK);
        atomic_store(&meeting.leave, 1);
        pthread_join(thread, NULL);
        if (atomic_load(&check_bad))
            printf("# round %u\n", i);
    }
    check_quiescent(small);
    CHECK_EQ_INT(scope_pool_destroy(small), SCOPE_OK);
}

/* A worker that is stood down while it searches, and does not run, as the guest has its core, is not relied on. */
static atomic_uint hold, held;

static bool held_ready(struct worker *w)
{
    if (atomic_load(&hold)) {
        atomic_fetch_add(&held, 1);
        while (atomic_load(&hold))
            sched_yield();
    }
    return scopei_hooks.ready(w);
}

static void stood_down_counts_no_longer(void)
{
    struct pool_hooks hooks = scopei_hooks;
    hooks.ready = held_ready;
    atomic_store(&hold, 1);
    struct scope_pool *pool = scopei_pool_create(2, &hooks);
    if (!CHECK(pool != NULL))
        return;
    await(&held, 2);
    CHECK_EQ_INT(load_acquire(&pool->idle.searching), 2);
    struct worker *guest = scopei_guest_enter(pool, NULL);
    CHECK_EQ_INT(load_acquire(&pool->idle.searching), 1);
    scopei_guest_leave(guest, NULL);
    CHECK_EQ_INT(load_acquire(&pool->idle.searching), 1);
    atomic_store(&hold, 0);
    check_quiescent(pool);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* Nor is one that is stood down while it runs a task, when it comes back from that. */
static int runs_until_both_are_down(struct scope *s, void *arg)
{
    (void)s;
    struct meeting *meeting = arg;
    atomic_store(&meeting->first, 1);
    await(&meeting->entered, 1);
    await(&hold, 1);
    return 0;
}

static int guest_beside_a_guest(struct scope *s, void *arg)
{
    struct meeting *meeting = arg;
    await_stand_down();
    CHECK(scope_spawn(s, runs_until_both_are_down, arg) == SCOPE_OK);
    await(&meeting->entered, 1);
    pthread_mutex_lock(&small->idle.lock); /* the worker can't park */
    atomic_store(&hold, 1);
    for (uint64_t end = scopei_now_ns() + 20000000u; scopei_now_ns() < end; sched_yield())
        CHECK_EQ_INT(load_acquire(&small->idle.searching), 0);
    pthread_mutex_unlock(&small->idle.lock);
    atomic_store(&meeting->leave, 1);
    return 0;
}

static void stood_down_in_a_task_does_not_count_again(void)
{
    if (!small_create(2))
        return;
    struct meeting meeting = {.first = 0};
    pthread_t thread;
    atomic_store(&hold, 0);
    if (!CHECK(pthread_create(&thread, NULL, enters, &meeting) == 0))
        return;
    CHECK_EQ_INT(run_in_small(guest_beside_a_guest, &meeting), SCOPE_OK);
    pthread_join(thread, NULL);
    check_quiescent(small);
    CHECK_EQ_INT(scope_pool_destroy(small), SCOPE_OK);
}

int main(void)
{
    check_run("one_guest_runs_with_one_worker_less", one_guest_runs_with_one_worker_less);
    check_run("many_guests_come_and_go", many_guests_come_and_go);
    check_run("leaving_guest_gives_its_worker_back_awake", leaving_guest_gives_its_worker_back_awake);
    check_run("wake_up_of_a_stood_down_worker_goes_to_a_waiter", wake_up_of_a_stood_down_worker_goes_to_a_waiter);
    check_run("stood_down_counts_no_longer", stood_down_counts_no_longer);
    check_run("stood_down_in_a_task_does_not_count_again", stood_down_in_a_task_does_not_count_again);
    return check_done();
}

/* Pools: start and stop, guests, the default pool, fork. */
#include "sched/pool.h"
#include "sched/idle.h"
#include "sched/inbox.h"
#include "sched/timer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* ----------------------------------------------------------------------------------- All pools, for cancel and fork */

static struct {
    pthread_mutex_t lock;
    pthread_mutex_t making;      /* held while a pool is made: hwloc keeps locks of its own meanwhile */
    struct atomic_ptr pools;     /* struct scope_pool *: a list; L writes, anybody reads while visitors is above 0 */
    struct atomic_u64 visitors;  /* who walks the list, or holds the pools, now */
    struct atomic_ptr main_pool; /* struct scope_pool *: the default one */
    struct atomic_u64 process;   /* how many forks lie between this process and the first */
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER, .making = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t process_once = PTHREAD_ONCE_INIT;

/* A fork waits until no pool is being made and the list is whole. */
static void fork_before(void)
{
    scopei_timer_fork_before();
    pthread_mutex_lock(&registry.making);
    pthread_mutex_lock(&registry.lock);
}

static void fork_parent(void)
{
    pthread_mutex_unlock(&registry.lock);
    pthread_mutex_unlock(&registry.making);
    scopei_timer_fork_parent();
}

/* In the child only the forking thread lives.  Pools made before are left as they are: their threads are gone, and so may be
 * what they held. */
static void fork_child(void)
{
    pthread_mutex_unlock(&registry.lock);
    pthread_mutex_unlock(&registry.making);
    scopei_timer_fork_child();
    /* Relaxed, all four: this process has one thread. */
    store_relaxed_ptr(&registry.pools, NULL);
    store_relaxed_ptr(&registry.main_pool, NULL);
    store_relaxed(&registry.visitors, 0);
    store_relaxed(&registry.process, load_relaxed(&registry.process) + 1);
    worker_self_set(NULL);
}

/* -------------------------------------------------------------------------------------------------- Ends of threads */

static pthread_key_t end_key; /* const struct pool_hooks *: of a thread that has been a worker */
static bool end_watched;      /* I: there is such a key */
static bool fork_watched;     /* under the lock `making`, but for the first time */

/* The thread ends, and all it had on its stack has ended. */
static void thread_ends(void *hooks)
{
    if (worker_self())
        ((const struct pool_hooks *)hooks)->orphan(worker_self());
}

/* The calling thread is w from now on. */
static void thread_take(struct worker *w)
{
    if (end_watched && !worker_self())
        (void)pthread_setspecific(end_key, w->pool->hooks);
    w->runner = &scopei_self;
    worker_self_set(w);
}

/* False: out of memory. */
static bool fork_watch(void)
{
    if (!fork_watched)
        fork_watched = pthread_atfork(fork_before, fork_parent, fork_child) == 0;
    return fork_watched;
}

/* Once, before the first pool; and before the lock, which a fork would leave taken in the child until forks are watched. */
static void process_prepare(void)
{
    (void)fork_watch();
    end_watched = pthread_key_create(&end_key, thread_ends) == 0;
}

bool scopei_pool_foreign(const struct scope_pool *pool)
{
    return pool->process != load_relaxed(&registry.process); /* Relaxed: changes only in a process with one thread. */
}

static void registry_add(struct scope_pool *pool)
{
    pthread_mutex_lock(&registry.lock);
    store_relaxed_ptr(&pool->next, load_relaxed_ptr(&registry.pools)); /* Relaxed: under the lock. */
    store_release_ptr(&registry.pools, pool);                          /* pairs with: scopei_workers_visit */
    pthread_mutex_unlock(&registry.lock);
}

static void registry_unlink(struct scope_pool *pool)
{
    struct scope_pool *first = load_relaxed_ptr(&registry.pools); /* Relaxed: under the lock. */
    if (first == pool) {
        store_release_ptr(&registry.pools, load_relaxed_ptr(&pool->next)); /* pairs with: scopei_workers_visit */
        return;
    }
    while (load_relaxed_ptr(&first->next) != pool)
        first = load_relaxed_ptr(&first->next);
    /* Relaxed: what follows is older than first, and was complete when that was added. */
    store_relaxed_ptr(&first->next, load_relaxed_ptr(&pool->next));
}

/* Afterwards no visitor has the pool in hand: one that comes later does not find it, and those before are waited for. */
static void registry_remove(struct scope_pool *pool)
{
    pthread_mutex_lock(&registry.lock);
    registry_unlink(pool);
    pthread_mutex_unlock(&registry.lock);
    fence_seq_cst(); /* pairs with: scopei_workers_visit; either it sees the pool gone, or we see it visiting */
    while (load_acquire(&registry.visitors)) /* pairs with: scopei_pools_let_go, after the last look at the pool */
        os_pause();
}

void scopei_pools_hold(void)
{
    (void)add_relaxed(&registry.visitors,
                      1); /* Relaxed: ordered by the visit's fence, or by what the caller does next. */
}

void scopei_pools_let_go(void)
{
    (void)sub_release(&registry.visitors, 1); /* pairs with: registry_remove */
}

void scopei_workers_visit(void (*visit)(struct worker *w, void *arg), void *arg)
{
    scopei_pools_hold();
    fence_seq_cst(); /* pairs with: registry_remove, scopei_cancel_inherit, scope_token_on_cancel */
    /* pairs with: registry_add, registry_unlink.  Next is relaxed: older pools were complete when this one was added. */
    for (struct scope_pool *pool = load_acquire_ptr(&registry.pools); pool; pool = load_relaxed_ptr(&pool->next)) {
        uint64_t slots = load_acquire(&pool->slots); /* pairs with: slot_add */
        for (uint64_t i = 0; i < slots; i++)
            visit(pool->slot[i], arg);
    }
    scopei_pools_let_go();
}

/* ------------------------------------------------------------------------------------------------ Workers' memory */

static void worker_destroy(struct worker *w)
{
    const struct pool_hooks *hooks = w->pool->hooks;
    hooks->fini(w);
    pthread_mutex_destroy(&w->inbox_lock);
    scopei_unmap(w->scopes, hooks->scopes_size);
    scopei_unmap(w, sizeof(*w));
}

/* Adds a worker to the pool: thieves see it from now on.  NULL: out of memory, or of slots.  Under the pool's lock. */
static struct worker *slot_add(struct scope_pool *pool)
{
    uint64_t slots = load_relaxed(&pool->slots); /* Relaxed: under the lock. */
    struct worker *w = slots < POOL_SLOTS_MAX ? scopei_map(sizeof(*w)) : NULL;
    void *scopes = w ? scopei_map(pool->hooks->scopes_size) : NULL;
    if (!scopes) {
        scopei_unmap(w, sizeof(*w));
        return NULL;
    }
    w->pool = pool;
    w->id = (unsigned)slots;
    w->home = w;
    w->random = scopei_seed_begin(&pool->seed, w->id);
    for (unsigned i = 0; i < POOL_WORKERS_MAX; i++)
        w->order[i] = (uint16_t)i;
    w->scopes = scopes;
    w->fresh = scopes;
    store_relaxed_ptr(&w->top, scopes);         /* Relaxed: nobody sees it yet. */
    store_relaxed_ptr(&w->stay.base, &w->stay); /* Relaxed, here and below: as above. */
    store_relaxed(&w->guest, 1);
    w->base = &w->stay;
    scopei_deque_init(&w->deque, w->slots, DEQUE_CAPACITY, 0);
    scopei_inbox_init(w);
    pool->slot[slots] = w;
    store_release(&pool->slots, slots + 1); /* pairs with: scopei_find, scopei_request_all, scopei_workers_visit */
    return w;
}

/* The order in which w looks at the others: by distance, and round robin within a distance, so that thieves spread. */
static void order_init(struct worker *w, const struct topology *topology, unsigned workers)
{
    unsigned filled = 0;
    for (unsigned far = 0; filled < workers; far++)
        for (unsigned i = 0; i < workers; i++) {
            unsigned other = (w->id + i) % workers;
            if (scopei_topology_distance(topology, w->id, other) == far)
                w->order[filled++] = (uint16_t)other;
        }
}

/* ---------------------------------------------------------------------------------------------------------- Threads */

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct scope_pool *pool = w->pool;
    thread_take(w);
    int error = scopei_topology_pin(pool->topology, w->place);
    if (w->place == w->id)
        pool->pin_error[w->id] = error;
    (void)add_release(&pool->started, 1); /* pairs with: pool_display */
    scopei_work(w);
    worker_self_set(NULL);
    return NULL;
}

/* Waits until every thread has pinned itself, and says where. */
static void pool_display(struct scope_pool *pool, unsigned threads)
{
    const char *wanted = secure_getenv("SCOPE_DISPLAY");
    if (!wanted || !*wanted || *wanted == '0')
        return;
    while (load_acquire(&pool->started) < threads) /* pairs with: worker_main */
        os_pause();
    scopei_topology_display(pool->topology, threads, pool->pin_error);
    scopei_seed_display(&pool->seed);
}

static void threads_stop(struct scope_pool *pool)
{
    int cancel_state = PTHREAD_CANCEL_ENABLE;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state); /* or pthread_join might not return */
    store_relaxed(&pool->stopping, 1); /* Relaxed: nothing is passed on; scopei_idle_wake_all takes the lock. */
    scopei_idle_wake_all(pool);
    uint64_t slots = load_relaxed(&pool->slots); /* Relaxed: whoever added one was a guest, or in a guest's scope. */
    for (uint64_t i = 0; i < slots; i++)
        if (pool->slot[i]->threaded)
            (void)pthread_join(pool->slot[i]->thread, NULL);
    (void)pthread_setcancelstate(cancel_state, NULL);
}

/* Starts w's thread, with signals blocked: they are for the program's own threads to handle.  But for those that a task's own
 * instructions raise: a handler of the program's, or of a sanitizer, is to see these. */
static bool thread_start(struct worker *w)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t others, before;
    char name[16];
    (void)sigfillset(&others);
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
        (void)sigdelset(&others, own[i]);
    (void)pthread_sigmask(SIG_SETMASK, &others, &before);
    w->threaded = pthread_create(&w->thread, NULL, worker_main, w) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)snprintf(name, sizeof(name), "taskscope/%u%s", w->place % 10000, w->place == w->id ? "" : "s");
    if (w->threaded)
        (void)pthread_setname_np(w->thread, name);
    return w->threaded;
}

/* Starts as many of the wanted threads as memory and the system allow. */
static unsigned threads_start(struct scope_pool *pool, unsigned wanted)
{
    unsigned threads = 0;
    while (threads < wanted && slot_add(pool))
        threads++;
    /* Workers are visible before any thread runs, so that the number of workers need not be known by then. */
    pool->workers = threads;
    unsigned running = 0;
    while (running < threads) {
        struct worker *w = pool->slot[running];
        order_init(w, pool->topology, threads);
        w->place = w->id;
        w->spare_allowed = true;
        /* What is spawned before it runs is meant for it, too. */
        w->starting = true;
        store_relaxed(&w->counted, 1); /* Relaxed, all: no other thread knows the pool but its own. */
        (void)add_relaxed(&pool->idle.searching, 1);
        if (!thread_start(w)) {
            (void)sub_relaxed(&pool->idle.searching, 1);
            store_relaxed(&w->counted, 0);
            break;
        }
        running++;
    }
    return running;
}

struct worker *scopei_spare_start(struct worker *home)
{
    struct scope_pool *pool = home->pool;
    pthread_mutex_lock(&pool->lock);
    struct worker *w = slot_add(pool);
    pthread_mutex_unlock(&pool->lock);
    if (!w)
        return NULL;
    w->place = home->place;
    w->principals = 1;
    for (unsigned i = 0; i < POOL_WORKERS_MAX; i++)
        w->order[i] = home->order[i];
    store_relaxed(&w->stood_down, 1); /* Relaxed: it is on no list yet. */
    if (thread_start(w))
        return w;
    w->principals = 0;
    store_relaxed(&w->stood_down, 0); /* Relaxed: as above. */
    store_release(&w->guest, 0);      /* pairs with: guest_claim, which may have it then */
    return NULL;
}

/* A pool whose threads could not all start: starts it again with as many as there were, which is known to work, or, should
 * even that fail, with fewer.  Workers without a thread would be victims that nobody stands for. */
static void pool_start(struct scope_pool *pool, unsigned wanted)
{
    unsigned running = wanted > 1 ? threads_start(pool, wanted) : 0;
    while (running < pool->workers ||
           pool->workers == 1) { /* one, and nobody to stand down for a guest, would be two */
        threads_stop(pool);
        uint64_t slots = load_relaxed(&pool->slots); /* Relaxed: no other thread knows the pool. */
        for (uint64_t i = 0; i < slots; i++)
            worker_destroy(pool->slot[i]);
        store_relaxed(&pool->slots, 0);
        store_relaxed(&pool->stopping, 0);
        store_relaxed(&pool->started, 0);
        pool->workers = 0;
        running = running > 1 ? threads_start(pool, running) : 0;
    }
    pool_display(pool, running);
}

/* Under the lock `making`. */
static struct scope_pool *pool_make(unsigned workers, const struct pool_hooks *hooks)
{
    struct instant begun = scopei_instant();
    struct scope_pool *pool = fork_watch() ? calloc(1, sizeof(*pool)) : NULL;
    struct topology *topology = pool ? scopei_topology_create(workers, POOL_WORKERS_MAX) : NULL;
    if (!topology) {
        free(pool);
        return NULL;
    }
    unsigned wanted = scopei_topology_workers(topology);
    scopei_seed_read(&pool->seed);
    pool->hooks = hooks;
    pool->topology = topology;
    pool->spinners = wanted / 4 ? wanted / 4 : 1;
    pool->spin_ns = scopei_topology_oversubscribed(topology) ? 0 : SPIN_NS;
    pool->process = load_relaxed(&registry.process); /* Relaxed: see scopei_pool_foreign. */
    pool->barrier = scopei_barrier_available();
    pool->tick_ns = scopei_tick_ns(begun);
    pool->tick_cost = scopei_tick_cost();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_mutex_init(&pool->idle.lock, NULL);
    pool_start(pool, wanted);
    registry_add(pool);
    return pool;
}

/* A pthread_cancel waits until it is made, as files are read meanwhile, which would end the thread with the lock. */
static int making_lock(void)
{
    int cancel_state = PTHREAD_CANCEL_ENABLE;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    (void)pthread_once(&process_once, process_prepare);
    pthread_mutex_lock(&registry.making);
    return cancel_state;
}

static void making_unlock(int cancel_state)
{
    pthread_mutex_unlock(&registry.making);
    (void)pthread_setcancelstate(cancel_state, NULL);
}

struct scope_pool *scopei_pool_create(unsigned workers, const struct pool_hooks *hooks)
{
    int cancel_state = making_lock();
    struct scope_pool *pool = pool_make(workers, hooks);
    making_unlock(cancel_state);
    return pool;
}

bool scopei_pool_destroy(struct scope_pool *pool)
{
    /* pairs with: scopei_guest_leave.  A guest that enters while the pool is being destroyed is the caller's mistake. */
    if ((worker_self() && worker_self()->pool == pool) || load_acquire(&pool->guests))
        return false;
    threads_stop(pool);
    registry_remove(pool);
    uint64_t slots = load_relaxed(&pool->slots); /* Relaxed: as in threads_stop. */
    for (uint64_t i = 0; i < slots; i++)
        worker_destroy(pool->slot[i]);
    scopei_topology_destroy(pool->topology);
    pthread_mutex_destroy(&pool->idle.lock);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    return true;
}

struct scope_pool *scopei_pool_default(const struct pool_hooks *hooks)
{
    struct scope_pool *pool = load_acquire_ptr(&registry.main_pool); /* pairs with: scopei_pool_default */
    if (pool)
        return pool;
    int cancel_state = making_lock();
    pool = load_relaxed_ptr(&registry.main_pool); /* Relaxed: under the lock. */
    if (!pool) {
        pool = pool_make(0, hooks);
        store_release_ptr(&registry.main_pool, pool); /* pairs with: scopei_pool_default */
    }
    making_unlock(cancel_state);
    return pool;
}

/* ----------------------------------------------------------------------------------------------------------- Guests */

/* A guest slot of the pool that nobody uses, a new one if need be.  NULL: out of memory or slots. */
static struct worker *guest_claim(struct scope_pool *pool)
{
    uint64_t slots = load_acquire(&pool->slots); /* pairs with: slot_add */
    for (uint64_t i = pool->workers; i < slots; i++)
        /* Relaxed: a glance that spares the exchange.  pairs with: scopei_guest_leave, whose memory we take over. */
        if (!load_relaxed(&pool->slot[i]->guest) && cas_acquire(&pool->slot[i]->guest, 0, 1))
            return pool->slot[i];
    pthread_mutex_lock(&pool->lock);
    struct worker *w = slot_add(pool);
    pthread_mutex_unlock(&pool->lock);
    return w;
}

struct worker *scopei_guest_enter(struct scope_pool *pool, struct worker *outer)
{
    (void)add_relaxed(&pool->guests, 1); /* Relaxed: who destroys the pool waits for the subtractions. */
    struct worker *w = guest_claim(pool);
    if (!w) {
        (void)sub_release(&pool->guests, 1); /* pairs with: scopei_pool_destroy */
        return NULL;
    }
    bool same = outer && outer->pool == pool;
    store_relaxed_ptr(&w->stay.up, same ? outer->node : NULL); /* Relaxed: thieves learn of it from a published task. */
    w->home = same ? outer->home : w;
    if (!same)
        scopei_idle_stand_in(w);
    thread_take(w);
    scopei_attend_next(w);
    return w;
}

void scopei_guest_leave(struct worker *w, struct worker *previous)
{
    struct scope_pool *pool = w->pool;
    worker_self_set(previous);
    if (w->home == w)
        scopei_idle_stand_out(w);
    store_release(&w->guest, 0);         /* pairs with: guest_claim */
    (void)sub_release(&pool->guests, 1); /* pairs with: scopei_pool_destroy */
}

/* A pool: its workers, its guests, and who is idle. */
#ifndef SCHED_POOL_H
#define SCHED_POOL_H

#include "sched/seed.h"
#include "sched/topology.h"
#include "sched/worker.h"

#define POOL_SLOTS_MAX 2048 /* workers, their spares, and guests */

/* How long a worker searches before it sleeps: about what a wake-up costs (33 us here until the sleeper runs). */
#define SPIN_NS 50000

/* What the scheduler asks of the layer above it. */
struct pool_hooks {
    size_t scopes_size;                                         /* bytes of one worker's stack of scopes */
    bool (*ready)(struct worker *w);                            /* has what it takes to run one more stolen task */
    void (*execute)(struct worker *w, const struct task *task); /* runs a stolen task and counts it */
    void (*fini)(struct worker *w);                             /* frees what the above allocated */
    void (*orphan)(struct worker *w); /* its thread ends while it runs tasks: does not return */
};

/* Who is idle.  The protocol and its proof are at the top of idle.c. */
struct idle {
    pthread_mutex_t lock;
    struct worker *parked;       /* L: newest first */
    struct atomic_u64 sleeping;  /* L writes: parked workers that would run any task */
    struct atomic_u64 waiting;   /* L writes: parked workers that wait for a scope */
    struct atomic_u64 searching; /* awake workers that look for any task, or have been woken to */
    struct atomic_u64 helping;   /* awake workers that wait for a scope and look for its tasks */
};

struct scope_pool {
    /* I, immutable after creation */
    const struct pool_hooks *hooks;
    struct topology *topology;
    struct seed seed;
    unsigned workers;   /* how many threads run tasks at once */
    unsigned spinners;  /* how many workers may search at once before sleeping */
    uint64_t spin_ns;   /* how long a worker searches before it sleeps */
    double tick_ns;     /* of os_ticks */
    uint64_t tick_cost; /* of a call of it, in ticks */
    uint64_t process;   /* which process of a line of forks made it */
    bool barrier;       /* scopei_barrier_all works */

    struct atomic_u64 stopping;
    struct atomic_u64 started; /* threads that have pinned themselves */
    struct atomic_u64 guests;  /* inside now */
    struct idle idle;

    /* L, under lock; slots only grows and may be read by anybody */
    pthread_mutex_t lock;
    struct atomic_u64 slots;
    struct worker *slot[POOL_SLOTS_MAX];
    int pin_error[POOL_WORKERS_MAX];

    struct atomic_ptr next; /* struct scope_pool *: written under the registry's lock, anybody reads */
};

/* The time from one reading of os_ticks to another. */
static inline double ticks_ns(const struct scope_pool *pool, uint64_t before, uint64_t now)
{
    return (double)(int64_t)(now - before) * pool->tick_ns;
}

/* Creates a pool of workers threads; 0: as the environment and the machine say.  NULL: out of memory. */
struct scope_pool *scopei_pool_create(unsigned workers, const struct pool_hooks *hooks);

/* Stops and frees it.  False, and nothing happens: guests are inside, or the caller is one of its workers. */
bool scopei_pool_destroy(struct scope_pool *pool);

/* The pool that is made at first use; NULL: out of memory. */
struct scope_pool *scopei_pool_default(const struct pool_hooks *hooks);

/* True if the pool was made by the process that the calling one was forked from: its threads are not here. */
bool scopei_pool_foreign(const struct scope_pool *pool);

/* Makes the calling thread a guest; its scopei_self is set, and must be put back by leave.  outer: the worker that it is
 * already, or NULL; if that is of the same pool, it is only given another deque.  NULL: out of memory. */
struct worker *scopei_guest_enter(struct scope_pool *pool, struct worker *outer);
void scopei_guest_leave(struct worker *w, struct worker *previous);

/* Starts a thread on home's core, stood down, to be its deputy.  NULL: out of memory or threads. */
struct worker *scopei_spare_start(struct worker *home);

/* For a thread that is no worker, around a step (a release) by which somebody learns that he may end a pool: the pool is not freed before
 * the thread lets go. */
void scopei_pools_hold(void);
void scopei_pools_let_go(void);

/* Passes a fence, then calls visit for every worker and guest of every pool.  Async-signal-safe; no pool is freed meanwhile. */
void scopei_workers_visit(void (*visit)(struct worker *w, void *arg), void *arg);

#endif

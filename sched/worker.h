/* A worker: what a thread needs to run tasks, whether it is the pool's own or a guest.  Its memory is mapped once and kept
 * until the pool ends, so that thieves may look at it at any time. */
#ifndef SCHED_WORKER_H
#define SCHED_WORKER_H

#include "deque/deque.h"
#include "sched/os.h"
#include "sched/task.h"

#include <pthread.h>

#define DEQUE_CAPACITY 4096
#define POOL_WORKERS_MAX 512
#define WORKER_GROUPS 128

struct scope_pool;
struct node;
struct proxy;
struct chunk;
struct overflow;
struct scope;
struct scope_errors;

/* A task that may not be pushed on the deque: its scope is not the innermost one of the spawning worker. */
struct parcel {
    struct parcel *next;
    struct task task;
};

/* What a task has told a scope by scope_fail. */
struct told {
    struct scope *scope; /* NULL: none, all is zero */
    int code;            /* what it gave scope_fail last */
    unsigned places;     /* a bit for each place in the scope's group that its calls of scope_fail took; and others */
};

/* What the running task has said of its failure so far; all zero: nothing. */
struct said {
    struct told own;            /* to the scope that it is a task, or the body, of */
    struct told outer;          /* to one around that, the last one */
    struct scope_errors *inner; /* errors of the inner scope that failed last in this task; NULL: none */
};

/* What the last loops of one body came to: scope/guess.h. */
#define WORKER_HISTORY_BITS 6
#define WORKER_HISTORIES (1 << WORKER_HISTORY_BITS)

struct history {
    uintptr_t body;    /* the user's function */
    double ns;         /* what the last of those that were worth it takes alone */
    unsigned worth;    /* so many in a row were asked for, and worth it */
    unsigned unlooked; /* so many more are not looked at when they end */
};

/* An offered task that a thief has seen, and not taken yet. */
struct early {
    struct atomic_u64 index;
    struct atomic_u64 since_ns;
};

/* The first lines are known to the inline functions of scope/taskscope.h, as struct scopei_worker. */
struct worker {
    /* O, owner only */
    struct deque deque;
    alignas(
        CACHE_LINE) struct scope *open; /* the innermost scope, if a plain spawn may push; NULL: inside typed calls */
    struct node *node;                  /* what counts those spawns; its scope is the innermost one */
    struct lineage *base;               /* the node of the current run */
    struct atomic_ptr top;              /* struct scope *: frames for scopes below it are open.  P: anybody reads */
    struct scope *fresh;                /* frames below it have been used before */
    uint64_t said_any;                  /* said is not empty */
    struct said said;                   /* scope/said.c: by the task that runs now */
    bool completing;                    /* scope/policy.c: its task has ended, and on_complete is asked */
    struct scope *scopes;               /* I: frames for open scopes, a stack */
    struct proxy *proxies;              /* scope/join.c: free ones */
    struct overflow *overflow;          /* scope/fork.c: forked tasks that found the deque full, newest first */
    unsigned overflow_level;            /* how many of them run inside each other now */
    uint64_t random;                    /* sched/seed.h: its generator; 0: none */
    uint64_t credit;                    /* how many publications are granted at once */
    uint64_t credit_ns;                 /* when credit was earned last */
    struct worker *victim;              /* whom we stole from last */
    unsigned rest_ns;                   /* sched/worker.c: its rest after the last stolen task, if that was tiny */
    uint64_t looked;                    /* scope/loop.c: when it looked at the clock last, in ticks */
    uint64_t guess_skip, guess_pause;   /* scope/guess.h: so many small loops wake nobody unless they prove worth it */
    int64_t vain;                       /* scope/guess.h: small loops offered in vain, less what others pay for */
    unsigned hedged_vain;               /* scope/guess.h: loops whose cheap beginning told the truth */
    unsigned hedges;                    /* scope/guess.h: so many were taken to, as those before did */
    uint64_t alone_since;               /* scope/guess.h: since then nobody has helped with its loops, in ticks */
    uint64_t alone_woke;                /* scope/guess.h: when somebody was woken for that last, in ticks */
    unsigned alone_wakes;               /* scope/guess.h: and how often, without help since */
    struct history history[WORKER_HISTORIES]; /* scope/guess.h: what its last loops came to */
    struct atomic_ptr running;                /* const struct scope_task *: scope/dump.c.  P: anybody reads */

    /* I, immutable after init */
    struct scope_pool *pool;
    unsigned id;                      /* slot in the pool */
    unsigned place;                   /* whose core it is pinned to; not for guests */
    struct worker *home;              /* O: the worker that the thread is, under those which scope/scope.c gives it */
    const void *runner;               /* O: the thread that runs it: where its scopei_self is */
    uint16_t order[POOL_WORKERS_MAX]; /* the pool's workers by distance */
    pthread_t thread;                 /* of a worker of the pool's own */
    bool threaded;                    /* it has one */
    bool starting;        /* which counts as searching, unless it was stood down since, but has not searched yet */
    struct lineage stay;  /* a guest's outermost run */
    struct chunk *chunks; /* O: scope/join.c: memory of proxies, to be freed with the pool */
    void *groups[WORKER_GROUPS]; /* O: scope/join.c: memory for errors, likewise */

    /* Anybody */
    alignas(CACHE_LINE) struct parker parker;
    struct atomic_ptr returned; /* scope/join.c: proxies that others have finished with */
    struct early early;         /* sched/victim.c: its offered task */
    struct atomic_u64 guest;    /* 0: free for a guest; 1: taken (always, for the pool's own) */
    struct atomic_u64 counted;  /* sched/idle.c: 1: it counts as searching */

    /* L, under the pool's idle lock */
    struct worker *park_next; /* list of parked workers */
    struct worker *park_prev;
    const struct goal *goal;      /* what it waits for; NULL: any task */
    bool parked;                  /* on the list */
    struct atomic_u64 stood_down; /* for how many reasons it may not run tasks; anybody reads */
    struct worker *deputy;        /* runs tasks on its core while it waits and sleeps; NULL: none (yet) */
    unsigned principals;          /* whose deputy it is: so many */
    bool handed_over;             /* the deputy may */
    bool spare_allowed;           /* a spare may be started for it, as its deputy */
    bool spare_wanted;            /* and it was woken for that */

    /* L, under inbox_lock */
    alignas(CACHE_LINE) pthread_mutex_t inbox_lock;
    struct parcel *inbox; /* oldest first */
    struct parcel **inbox_end;
    struct atomic_u64 inbox_count; /* anybody reads */

    struct slot slots[DEQUE_CAPACITY + 1]; /* the last is scope/fork.c's */
};

/* The calling thread's worker; NULL outside scope_run. */
struct scopei_worker; /* the part of it that scope/taskscope.h knows */
extern _Thread_local struct scopei_worker *scopei_self __attribute__((tls_model("initial-exec")));

static inline struct worker *worker_self(void)
{
    return (struct worker *)(void *)scopei_self;
}

static inline void worker_self_set(struct worker *w)
{
    scopei_self = (struct scopei_worker *)(void *)w;
}

/* ------------------------------------------------------------------------------------------- The owner's slow paths */

/* After deque_push returned NULL: a slot all the same, to be filled and followed by scopei_attend or scopei_offer; NULL: full.  mark: how far
 * back the deque may be reset if it is empty; NULL: not at all. */
struct slot *scopei_push_slow(struct worker *w, struct slot *mark);

/* After deque_pop returned NULL: the newest task left, private or published; NULL: none. */
struct slot *scopei_pop_slow(struct worker *w);

/* Answers a request: publishes if somebody is hungry, and wakes somebody who sleeps. */
void scopei_attend(struct worker *w);

/* Makes all private tasks stealable and tells nobody, for those who are awake.  early: the newest, a fork, is left alone until a
 * thief has seen it for a while. */
void scopei_offer(struct worker *w, bool early);

/* -------------------------------------------------------------------------------------------------------- Find work */

/* Finds a task that goal allows, in this worker's inbox and at the others, nearest first. */
bool scopei_find(struct worker *w, const struct goal *goal, struct task *task);

/* True if find might find something. */
bool scopei_findable(struct worker *w, const struct goal *goal);

/* Wakes takers for what w does not take of the tasks that might be found now; most: at most so many of them.  The caller has passed a
 * fence since it stopped to count as searching, or changed who may run. */
void scopei_pass_on(struct worker *w, unsigned most);

/* Asks every other worker to publish. */
void scopei_request_all(struct worker *w);

/* Runs tasks that goal allows until *pending is 0, then returns; sleeps when there are none.  The last to count pending
 * down unparks w. */
void scopei_wait(struct worker *w, const struct atomic_u64 *pending, const struct goal *goal);

/* The loop of a pool's own thread: runs any task until the pool stops. */
void scopei_work(struct worker *w);

/* Makes w's next push or pop come to scopei_attend, if there is anybody who could steal.  Call it when w has begun or ended a
 * run, as its tasks then descend from others than before, and those who wait may want them. */
void scopei_attend_next(struct worker *w);

#endif

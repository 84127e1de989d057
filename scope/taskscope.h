/* taskscope: structured, work-stealing parallelism for CPU-bound C.
 *
 *     #include <stdio.h>
 *     #include <taskscope.h>
 *
 *     static int square(struct scope *s, void *arg)
 *     {
 *         (void)s;
 *         long *n = arg;
 *         *n *= *n;
 *         return 0;
 *     }
 *
 *     static int squares(struct scope *s, void *arg)
 *     {
 *         long *n = arg;
 *         for (int i = 0; i < 8; i++)
 *             scope_spawn(s, square, &n[i]);
 *         return 0;
 *     }
 *
 *     int main(void)
 *     {
 *         long n[8] = {1, 2, 3, 4, 5, 6, 7, 8};
 *         if (scope_run(squares, n) != SCOPE_OK)
 *             return 1;
 *         printf("%ld\n", n[7]);
 *     }
 *
 * scope_run runs a body.  The body and the tasks that it spawns may spawn more.  When scope_run returns, every one of
 * them has finished, or was cancelled before it started; no task outlives the block and no error is lost.
 *
 * Words used throughout:
 *   task     a function and its argument, run once, on some thread of the pool
 *   scope    the block that tasks are spawned into, and that waits for them
 *   worker   a thread that runs tasks: a pool's own, or a guest (a thread of yours while it is inside scope_run)
 *   pool     the workers.  A default pool appears at the first scope_run and takes one worker a core
 *
 * Tasks are for computing: a task that blocks (on I/O, on a lock) keeps a core idle.
 * With one worker, spawned tasks run when the scope waits, the newest first; a spawn that finds the worker's queue full
 * (4096 tasks) runs its task at once.
 *
 * Link with `pkg-config --static --libs taskscope`. */
#ifndef TASKSCOPE_H
#define TASKSCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCOPE_VERSION_MAJOR 0
#define SCOPE_VERSION_MINOR 1
#define SCOPE_VERSION_PATCH 0

/* ------------------------------------------------------------------------------------------------- Types and codes */

struct scope;       /* an open scope; valid inside its scope_run only */
struct scope_pool;  /* a set of workers */
struct scope_token; /* a cancellation that many scopes share */

/* A task, or the body of a scope.  Returns 0 when done, SCOPE_ECANCELED when it stopped because scope_cancelled(s) was
 * true, and anything else as an error code of the caller's choice. */
typedef int scope_fn(struct scope *s, void *arg);

/* What the calls return.  The numbers are far from those that programs use for their own codes. */
enum scope_status {
    SCOPE_OK = 0,
    SCOPE_ERROR = -7001,     /* outcome: a task or the body failed; the report holds the errors */
    SCOPE_TIMEOUT = -7002,   /* outcome: a deadline passed (deadlines are not there yet) */
    SCOPE_ECANCELED = -7003, /* outcome: cancelled.  From a spawn: refused, since the scope is cancelled */
    SCOPE_EINVAL = -7004,    /* a NULL, a size or a flag that makes no sense; nothing was done */
    SCOPE_ENOMEM = -7005,    /* out of memory; nothing was done */
    SCOPE_EDEPTH = -7006,    /* more scopes open inside each other than a worker holds (8192); nothing was done */
    SCOPE_EPERM = -7007,     /* not allowed from this thread: it is not inside the scope; nothing was done */
    SCOPE_EBUSY = -7008,     /* the pool still has open scopes; nothing was done */
    SCOPE_EAGAIN = -7009,    /* the system refused a thread; nothing was done */
    SCOPE_EFORK = -7010,     /* the pool belongs to the process that this one was forked from; nothing was done */
};

/* A one-line description of a code of enum scope_status; "task error" for any other.  Static memory, any thread. */
const char *scope_strerror(int code);

/* Why a scope was cancelled.  The first reason stays. */
enum scope_reason {
    SCOPE_REASON_NONE = 0,
    SCOPE_REASON_EXPLICIT, /* scope_cancel */
    SCOPE_REASON_SIBLING,  /* a task of the scope failed, or scope_fail was called */
    SCOPE_REASON_BODY,     /* the body failed */
    SCOPE_REASON_PARENT,   /* an enclosing scope was cancelled */
    SCOPE_REASON_TOKEN,    /* the scope's token was cancelled */
};

/* What a failing task does to its siblings. */
enum scope_policy {
    SCOPE_FAIL_FAST = 0, /* the first failure cancels the rest */
    SCOPE_COLLECT = 1,   /* failures of tasks are independent; only the body's own failure cancels */
};

/* Options of one scope.  Set size to sizeof(struct scope_options); zero in any other field is its default. */
struct scope_options {
    size_t size;
    struct scope_pool *pool;   /* NULL: the pool whose worker calls, else the default pool */
    struct scope_token *token; /* NULL: none.  Held by the scope until it ends */
    const char *name;          /* for reports; NULL: unnamed.  Must outlive the scope */
    enum scope_policy policy;
    uint32_t flags; /* none yet: must be 0 */
};

/* The number of errors that a report keeps in full. */
#define SCOPE_ERRORS_KEPT 8
/* Bytes of a message that are kept, the closing NUL included. */
#define SCOPE_MESSAGE_MAX 120
/* The index of an error that came from a scope's body, or from scope_fail by a thread outside any task of the scope. */
#define SCOPE_INDEX_BODY UINT64_MAX

struct scope_errors;

/* One error. */
struct scope_error {
    int code;                        /* what the task returned, or the code given to scope_fail */
    uint64_t index;                  /* the how-manyeth spawn by its spawner, from 0; SCOPE_INDEX_BODY */
    struct scope_errors *nested;     /* the errors of an inner scope whose SCOPE_ERROR was returned; else NULL */
    char message[SCOPE_MESSAGE_MAX]; /* from scope_fail, cut to fit; "" */
};

/* A group of errors: exact total, and the first SCOPE_ERRORS_KEPT in the order in which they were recorded. */
struct scope_errors {
    const char *scope_name; /* from the options; NULL */
    uint64_t total;
    uint64_t kept; /* min(total, SCOPE_ERRORS_KEPT); 0 if an inner group could not be kept for want of memory */
    struct scope_error errors[SCOPE_ERRORS_KEPT];
};

/* What happened in a scope.  Caller's memory; set size to sizeof(struct scope_report) before the call.
 * Always: spawned = ok + failed + cancelled + skipped. */
struct scope_report {
    size_t size;
    int status;               /* the same as was returned */
    enum scope_reason reason; /* SCOPE_REASON_NONE: the scope was not cancelled */
    uint64_t spawned;         /* tasks accepted by spawn calls; the body is not counted */
    uint64_t ok;              /* returned 0 */
    uint64_t failed;          /* returned an error */
    uint64_t cancelled;       /* returned SCOPE_ECANCELED */
    uint64_t skipped;         /* never started, since the scope was cancelled */
    struct scope_errors group;
};

/* Options and report with size set and every other field zero. */
static inline struct scope_options scope_options_init(void);
static inline struct scope_report scope_report_init(void);

/* Frees the nested groups of a report (nothing else is on the heap) and clears the group.  NULL and a report that was
 * never filled are fine.  Any thread. */
void scope_report_fini(struct scope_report *report);

/* Writes a report as a tree of lines that a person can read into text (at most size bytes, NUL included); returns the
 * length that the whole has, as snprintf does. */
size_t scope_report_print(const struct scope_report *report, char *text, size_t size);

/* ------------------------------------------------------------------------------------------ Run, spawn, cancel, fail */

/* Runs body(s, arg) in a new scope on the calling thread, then waits until every task spawned into the scope has ended,
 * running tasks of this scope (and of the scopes inside it, never any other) meanwhile.
 *   Caller   any thread: a worker, or any other, which is a guest worker of the pool until the call returns.
 *   Returns  SCOPE_OK: the body and every task returned 0 and nobody cancelled.  SCOPE_ERROR: something failed.
 *            SCOPE_ECANCELED: no error, but the scope was cancelled (possibly after its last task had ended), or a
 *            task returned SCOPE_ECANCELED.  Negative SCOPE_E... : the body was not run.
 *   Cancel   if the enclosing scope is cancelled already, the body still runs and is told at its first poll.
 *   Memory   what the tasks wrote is visible to the caller. */
int scope_run(scope_fn *body, void *arg);

/* The same with options and a report, either of which may be NULL.  On SCOPE_EINVAL the report is not touched. */
int scope_run_with(const struct scope_options *options, struct scope_report *report, scope_fn *body, void *arg);

/* Spawns fn(s, arg) into s: it runs once, at some time before the scope's scope_run returns, on any worker of the pool.
 *   s        the scope of the calling task or body, or one that encloses it.
 *   arg      not looked at; must live until the scope ends.
 *   Returns  SCOPE_OK; SCOPE_ECANCELED: s is cancelled, the task will not run; SCOPE_EINVAL: NULL; SCOPE_EPERM: the
 *            calling thread is not inside s; SCOPE_ENOMEM: only for an s that is not the innermost open one.
 *   Cost     a few nanoseconds for the innermost scope; never a system call unless a worker sleeps.
 * What was written before the spawn is visible to the task. */
int scope_spawn(struct scope *s, scope_fn *fn, void *arg);

/* The largest argument that scope_spawn_copy takes, in bytes. */
#define SCOPE_COPY_MAX 65536

/* The same with the size bytes at arg copied into the task: fn gets a pointer, aligned to 16, to a copy that lives until
 * fn returns.  Up to 32 bytes no memory is allocated.  SCOPE_EINVAL if size is 0 or above SCOPE_COPY_MAX; SCOPE_ENOMEM. */
int scope_spawn_copy(struct scope *s, scope_fn *fn, const void *arg, size_t size);

/* Cancels s and every scope inside it: scope_cancelled turns true in them and stays so, their tasks that have not
 * started never will, later spawns are refused.  Tasks that run are not stopped: they poll.
 * Any thread that is inside s.  Returns 1 to the caller that was first, 0 if s was cancelled already, SCOPE_EINVAL. */
int scope_cancel(struct scope *s);

/* True once s is cancelled, from then on.  One load; poll it as often as you like.  Any thread that is inside s. */
static inline bool scope_cancelled(const struct scope *s);

/* Why s was cancelled; SCOPE_REASON_NONE if it was not. */
static inline enum scope_reason scope_reason(const struct scope *s);

/* Records an error with a printf-style message for s, cancels s if its policy says so, and returns code, to be used as
 * `return scope_fail(s, code, "...", ...)`: a task that returns the code is not recorded a second time.  A code of 0 is
 * recorded as SCOPE_EINVAL. */
int scope_fail(struct scope *s, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ------------------------------------------------------------------------------------------------------------ Tokens */

/* A token cancels every scope that was given it in its options, those opened later too.  Reference-counted: create gives
 * one reference; each open scope holds one of its own.  NULL: out of memory.  Any thread. */
struct scope_token *scope_token_create(void);
struct scope_token *scope_token_retain(struct scope_token *token);
void scope_token_release(struct scope_token *token);

/* Returns 1 to the first caller, 0 to later ones, SCOPE_EINVAL for NULL.  Any thread; async-signal-safe. */
int scope_token_cancel(struct scope_token *token);
bool scope_token_cancelled(const struct scope_token *token);

/* ------------------------------------------------------------------------------------------------------------- Pools */

/* Options of a pool.  Set size to sizeof(struct scope_pool_options); zero in any other field is its default. */
struct scope_pool_options {
    size_t size;
    unsigned workers; /* at most SCOPE_WORKERS_MAX; 0: SCOPE_NUM_WORKERS, else OMP_NUM_THREADS, else the cores that the
                       * process may use (its affinity mask and cgroup CPU quota), from the environment */
    uint32_t flags;   /* none yet: must be 0 */
};

#define SCOPE_WORKERS_MAX 512

/* Creates a pool.  A pool of n workers starts n threads if n > 1 (one is stood down for each guest) and none if n = 1.
 * If the system refuses threads the pool has fewer, down to guests only, and scope_pool_workers tells.
 * Returns SCOPE_OK, SCOPE_EINVAL, SCOPE_ENOMEM; *pool is set only on SCOPE_OK. */
int scope_pool_create(struct scope_pool **pool, const struct scope_pool_options *options);

/* Stops and joins the threads, frees the pool.  NULL is fine.  SCOPE_EBUSY while any scope is open in it, or when called
 * by one of its workers. */
int scope_pool_destroy(struct scope_pool *pool);

/* The number of threads that run tasks at once, guests included.  NULL: the default pool, which is created if need be
 * (0 if it can't be). */
unsigned scope_pool_workers(const struct scope_pool *pool);

/* --------------------------------------------------------------------------- Private: what the inline functions need */

/* The first word of a scope: the low byte is the reason, the rest a generation (scope/cancel.c). */
#define SCOPEI_REASON_MASK 0xffu

static inline enum scope_reason scope_reason(const struct scope *s)
{
    const uint64_t *word = (const uint64_t *)(const void *)s;
    return (enum scope_reason)(__atomic_load_n(word, __ATOMIC_RELAXED) & SCOPEI_REASON_MASK);
}

static inline bool scope_cancelled(const struct scope *s)
{
    return scope_reason(s) != SCOPE_REASON_NONE;
}

static inline struct scope_options scope_options_init(void)
{
    struct scope_options options;
    __builtin_memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    return options;
}

static inline struct scope_report scope_report_init(void)
{
    struct scope_report report;
    __builtin_memset(&report, 0, sizeof(report));
    report.size = sizeof(report);
    return report;
}

#ifdef __cplusplus
}
#endif

#endif

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
 * (4096 tasks) first runs the newest 256 of them, inside itself.
 *
 * Compile with `cc program.c $(pkg-config --cflags --libs taskscope)`.
 *
 * Code compiled with -DSCOPE_DEBUG, against the same archive, is checked as it runs, at some cost: a spawn into a scope that has
 * ended, and scope_fail for one, abort the program (unless a later scope is in the same memory), an argument in a stack frame
 * that may end before the scope is warned of, once a place, and SCOPE_EINVAL and SCOPE_EPERM of calls that run scopes, spawn
 * or cancel are told: on stderr, with the places of the call and of the scope's opening.
 *
 * SCOPE_SEED=n in the environment, a positive number, perturbs the schedule of any program, for tests: what is usually decided
 * for speed is drawn.  With one worker the same seed gives the same schedule. */
#ifndef TASKSCOPE_H
#define TASKSCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCOPE_VERSION_MAJOR 0
#define SCOPE_VERSION_MINOR 4
#define SCOPE_VERSION_PATCH 0

/* A function that is compiled into its callers; the archive has it, too, for those who want its address. */
#define SCOPEI_INLINE inline __attribute__((always_inline))

/* ------------------------------------------------------------------------------------------------- Types and codes */

struct scope;          /* an open scope; valid inside its scope_run only */
struct scope_pool;     /* a set of workers */
struct scope_token;    /* a cancellation that many scopes share */
struct scope_callback; /* what a token calls */
struct scope_permit;   /* to spawn into a scope from outside */

/* A task, or the body of a scope.  Returns 0 when done, SCOPE_ECANCELED when it stopped because scope_cancelled(s) was
 * true, and anything else as an error code of the caller's choice. */
typedef int scope_fn(struct scope *s, void *arg);

/* What the calls return.  The numbers are far from those that programs use for their own codes. */
enum scope_status {
    SCOPE_OK = 0,
    SCOPE_ERROR = -7001,     /* outcome: a task or the body failed; the report holds the errors */
    SCOPE_TIMEOUT = -7002,   /* outcome: no error, but the scope's own deadline passed before all was done */
    SCOPE_ECANCELED = -7003, /* outcome: cancelled.  From a spawn: refused, since the scope is cancelled */
    SCOPE_EINVAL = -7004,    /* a NULL, a size or a flag that makes no sense; nothing was done */
    SCOPE_ENOMEM = -7005,    /* out of memory; nothing was done */
    SCOPE_EDEPTH = -7006,    /* more scopes open inside each other than a worker holds (8192); nothing was done */
    SCOPE_EPERM = -7007,     /* not allowed from this thread: it is not inside the scope; nothing was done */
    SCOPE_EBUSY = -7008,     /* the pool still has open scopes, or the task has not ended; nothing was done */
    SCOPE_EAGAIN = -7009,    /* the limit is reached, or the system refused a thread or the time; nothing was done */
    SCOPE_EFORK = -7010,     /* the pool belongs to the process that this one was forked from; nothing was done */
    SCOPE_ENOWINNER = -7011, /* outcome of SCOPE_RACE: nobody took part */
};

/* A one-line description of a code of enum scope_status; "task error" for any other.  Static memory, any thread. */
const char *scope_strerror(int code);

/* Why a scope was cancelled.  The first reason stays. */
enum scope_reason {
    SCOPE_REASON_NONE = 0,
    SCOPE_REASON_EXPLICIT, /* scope_cancel */
    SCOPE_REASON_SIBLING,  /* a task of the scope failed, or scope_fail was called, by whomever */
    SCOPE_REASON_BODY,     /* the body failed, or an exception left it */
    SCOPE_REASON_PARENT,   /* an enclosing scope was cancelled */
    SCOPE_REASON_TOKEN,    /* the scope's token was cancelled */
    SCOPE_REASON_DEADLINE, /* the scope's deadline passed */
    SCOPE_REASON_WON,      /* SCOPE_RACE: a task succeeded */
    SCOPE_REASON_COMPLETE, /* on_complete asked for it, or failed */
};

/* What the end of a task does to its siblings. */
enum scope_policy {
    SCOPE_FAIL_FAST = 0, /* the first failure cancels the rest */
    SCOPE_COLLECT = 1,   /* failures of tasks are independent; only the body's own failure cancels */
    SCOPE_RACE = 2, /* the first task that returns 0 wins and cancels the rest; failures do not cancel.  The outcome is
                          * SCOPE_OK if a task won, whatever failed beside it; SCOPE_ERROR if all failed; SCOPE_ENOWINNER if none was
                          * spawned */
};

/* A task described in full.  Usually static const: it must live until the scope has ended, and reports point to its strings
 * for as long as you keep them. */
struct scope_task {
    const char *name; /* for errors and reports; NULL */
    const char *file; /* where it is described; NULL */
    int line;
    scope_fn *fn;
    void (*dispose)(
        void *arg); /* called once for each spawn, when the task has ended, was skipped, or was refused; NULL */
    size_t copy;    /* this many bytes, from the argument, are copied into the task; 0: it gets the pointer */
    uint32_t flags; /* SCOPE_RUN_ANYWAY or 0 */
};

/* The task is accepted, and run, though the scope is cancelled: clean-up.  It may run while other tasks still do; what must come
 * last belongs after scope_run.  Scopes that it opens are cancelled with that one, unless they have a shield, and what it
 * spawns is refused, unless it has this flag, too. */
#define SCOPE_RUN_ANYWAY 1u

/* Describes a task, with its name and the place where this stands:
 *     static const SCOPE_DESCRIBE(parsing, .fn = parse, .dispose = free);        scope_spawn_task(s, &parsing, text);
 * In C++ the fields from fn on, in their order: SCOPE_DESCRIBE(parsing, parse, free, 0, 0). */
#define SCOPE_DESCRIBE(identifier, ...) struct scope_task identifier = {#identifier, __FILE__, __LINE__, __VA_ARGS__}

/* What an on_complete function is told of a task that has run. */
struct scope_completion {
    int code;                      /* what it returned */
    uint64_t index;                /* its number among the spawns of the task, or body, that spawned it */
    const struct scope_task *task; /* NULL: not described */
    uint64_t ok, failed;           /* how many tasks of the scope have returned 0, and an error, with this one */
};

/* Called after each task of the scope that has run (not: skipped), by one worker at a time, before the argument is disposed.
 * It may spawn, cancel and open scopes; it may call neither scope_fork2, nor what is made of forks (loops, sorts) in s, which
 * return SCOPE_EPERM, nor name_call of a typed task.  Returns 0: go on.  SCOPE_ECANCELED: cancel the rest.  Anything else: an
 * error, recorded as the body's, which cancels. */
typedef int scope_complete_fn(struct scope *s, const struct scope_completion *completion, void *arg);

/* A value that is set for a scope and all that is inside it. */
struct scope_local {
    const void *key; /* the address of something of yours */
    void *value;
    const struct scope_local *next; /* more of them; NULL */
};

/* Options of one scope.  Set size to sizeof(struct scope_options); zero in any other field is its default. */
struct scope_options {
    size_t size;
    struct scope_pool *pool;   /* NULL: the pool whose worker calls, else the default pool */
    struct scope_token *token; /* NULL: none.  Held by the scope until it ends */
    const char *name;          /* for reports, which point to it for as long as you keep them; NULL: unnamed */
    enum scope_policy policy;
    uint32_t flags;       /* SCOPE_SHIELD or 0 */
    unsigned limit;       /* at most so many tasks of the scope run at once, the others wait on the heap; 0: no limit */
    uint64_t timeout_ns;  /* the scope is cancelled so long after it has begun; 0: never */
    uint64_t deadline_ns; /* the scope is cancelled at this time, as scope_now_ns has it; 0: never */
    scope_complete_fn *on_complete; /* NULL: none */
    void *on_complete_arg;
    const struct scope_local *locals; /* NULL: none.  Must live until the scope has ended */
};

/* The scope is not cancelled with its enclosing one.  Its own deadline, token and scope_cancel work. */
#define SCOPE_SHIELD 1u

/* The number of errors that a report keeps in full. */
#define SCOPE_ERRORS_KEPT 8
/* The number of different codes that are counted one by one. */
#define SCOPE_CODES_KEPT 8
/* How deeply nested groups are printed, walked over and split; one that lies deeper is taken as a whole. */
#define SCOPE_HEIGHT_MAX 64
/* Bytes of a message that are kept, the closing NUL included. */
#define SCOPE_MESSAGE_MAX 120
/* The index of an error that came from a scope's body, or from scope_fail by a thread outside any task of the scope. */
#define SCOPE_INDEX_BODY UINT64_MAX

struct scope_errors;

/* One error. */
struct scope_error {
    int code;         /* what the task returned, or the code given to scope_fail */
    int line;         /* in file */
    const char *file; /* where scope_fail was called, else where the task was described; NULL */
    const char *name; /* of the task, if it was described; NULL */
    uint64_t index;   /* its number among the spawns of the task, or body, that spawned it, from 0; SCOPE_INDEX_BODY */
    struct scope_errors *nested;     /* the errors of an inner scope whose SCOPE_ERROR was returned; else NULL */
    char message[SCOPE_MESSAGE_MAX]; /* from scope_fail, cut to fit; "" */
};

/* How often a code was recorded. */
struct scope_code {
    int code;
    uint64_t count;
};

/* A group of errors: exact totals, and the first SCOPE_ERRORS_KEPT in the order in which they were recorded. */
struct scope_errors {
    const char *scope_name; /* from the options; NULL */
    const char *scope_file; /* where the scope was opened; NULL: not known */
    int scope_line;
    uint64_t total;
    uint64_t kept;                             /* min(total, SCOPE_ERRORS_KEPT) */
    unsigned height;                           /* how many groups lie inside each other, this one included */
    struct scope_code codes[SCOPE_CODES_KEPT]; /* the first codes that were seen; unused ones: all zero */
    uint64_t other_codes;                      /* the rest of the total */
    struct scope_error errors[SCOPE_ERRORS_KEPT];
};

/* A described task that returned 0 after its scope was asked to cancel, and has not made the request: it may never have polled.
 * Of several with the same description the one that ended last. */
#define SCOPE_STRAGGLERS_KEPT 3
struct scope_straggler {
    const char *name; /* these three: of the description */
    const char *file;
    int line;
    uint64_t late_ns; /* from the request until it ended */
};

/* What happened in a scope.  Caller's memory; set size to sizeof(struct scope_report) before the call.
 * Always: spawned = ok + failed + cancelled + skipped. */
struct scope_report {
    size_t size;
    int status;               /* the same as was returned */
    enum scope_policy policy; /* of the scope */
    enum scope_reason reason; /* SCOPE_REASON_NONE: the scope was not cancelled */
    uint64_t spawned;         /* tasks accepted by spawn calls; the body is not counted */
    uint64_t ok;              /* returned 0 */
    uint64_t failed;          /* returned an error */
    uint64_t cancelled;       /* returned SCOPE_ECANCELED */
    uint64_t skipped;         /* never started, since the scope was cancelled */
    struct scope_error
        cause;         /* code, index, name and place of the task, or body, that cancelled the scope, by its failure or
                               * its success in a race; all zero if none did */
    uint64_t quiet_ns; /* from the request to cancel until every task had ended; 0: not cancelled */
    struct scope_straggler stragglers[SCOPE_STRAGGLERS_KEPT]; /* who ended last comes first; late_ns is 0: no more */
    struct scope_errors group;
};

/* Options and report with size set and every other field zero. */
SCOPEI_INLINE struct scope_options scope_options_init(void);
SCOPEI_INLINE struct scope_report scope_report_init(void);

/* Frees the nested groups of a report (nothing else is on the heap) and clears the group: do it before a report that may hold
 * some is filled again.  NULL and a report that was never filled are fine.  Any thread. */
void scope_report_fini(struct scope_report *report);

/* Writes a report as a tree of lines that a person can read into text (at most size bytes, NUL included); returns the
 * length that the whole has, as snprintf does. */
size_t scope_report_print(const struct scope_report *report, char *text, size_t size);

/* A walk over the errors of a group and of those nested in it, without the errors that stand for a nested group (unless that
 * lies deeper than SCOPE_HEIGHT_MAX: then the walk can be continued with the error's nested group):
 *     struct scope_leaves leaves = scope_leaves_begin(&report.group);
 *     for (const struct scope_error *error; (error = scope_leaves_next(&leaves));)
 * No memory is allocated; the group must not change meanwhile. */
struct scope_leaves {
    const struct scope_errors *group[SCOPE_HEIGHT_MAX];
    uint64_t next[SCOPE_HEIGHT_MAX];
    unsigned depth;
};
struct scope_leaves scope_leaves_begin(const struct scope_errors *errors);
const struct scope_error *scope_leaves_next(struct scope_leaves *leaves);

/* Splits the errors that a group keeps: copies with the same shape, of those leaves for which match(error, arg) is true and of
 * the rest.  Each leaf is in one of them; a group without any is left out, and NULL if that is all.  Free both with
 * scope_errors_free.  Any thread.  Returns SCOPE_OK, SCOPE_EINVAL, SCOPE_ENOMEM; nothing is set then. */
typedef bool scope_match_fn(const struct scope_error *error, void *arg);
int scope_errors_split(const struct scope_errors *errors, scope_match_fn *match, void *arg,
                       struct scope_errors **matched, struct scope_errors **rest);
void scope_errors_free(struct scope_errors *errors);

/* A match by code: arg points to an int. */
bool scope_error_has_code(const struct scope_error *error, void *arg);

/* ------------------------------------------------------------------------------------------ Run, spawn, cancel, fail */

/* Runs body(s, arg) in a new scope on the calling thread, then waits until every task spawned into the scope has ended,
 * running tasks of this scope (and of the scopes inside it, never any other) meanwhile.
 *   Caller   any thread: a worker, or any other, which is a guest worker of the pool until the call returns.
 *   Returns  SCOPE_OK: the body and every task returned 0 and nobody cancelled.  SCOPE_ERROR: something failed.
 *            SCOPE_ECANCELED: no error, but the scope was cancelled (possibly after its last task had ended), or a
 *            task returned SCOPE_ECANCELED.  SCOPE_EINVAL, SCOPE_ENOMEM, SCOPE_EDEPTH, SCOPE_EFORK: the body was not run.
 *   Cancel   if the enclosing scope is cancelled already, the body still runs and is told at its first poll.
 *   Memory   what the tasks wrote is visible to the caller.
 *   Leaving  a C++ exception that leaves the body cancels the scope and goes on when every task has ended; so do pthread_exit and
 *            pthread_cancel, if all code on the way to the thread's beginning is compiled with -fexceptions, or if this is
 *            the thread's only open scope.  Else, and whenever they leave a task, a typed task or scope_fork2, the program
 *            is aborted with a message (an exception that nobody catches ends the program before that). */
SCOPEI_INLINE int scope_run(scope_fn *body, void *arg);

/* The same with options and a report, either of which may be NULL.  On SCOPE_EINVAL the report is not touched: test what is
 * returned.  Also returns SCOPE_TIMEOUT; SCOPE_ENOWINNER; SCOPE_EAGAIN: the system refused the thread that watches deadlines, or
 * the time, and the body was not run.  The report, and scope_dump, say where the call stands. */
int scope_run_with(const struct scope_options *options, struct scope_report *report, scope_fn *body, void *arg);
int scope_run_at(const char *file, int line, const struct scope_options *options, struct scope_report *report,
                 scope_fn *body, void *arg);
#define scope_run_with(...) scope_run_at(__FILE__, __LINE__, __VA_ARGS__)

/* A scope as a block of the calling function:
 *
 *     int status;
 *     SCOPE (s, NULL, &status) {
 *         scope_spawn(s, task, arg);
 *         if (enough)
 *             break;         // or return, goto, continue: the scope is joined first; in C++ an exception, too
 *     }
 *
 * SCOPE (name, options, status): name: the struct scope * inside the block; options: as for scope_run_with; status: int *, told at
 * the end what scope_run would return, or before it if the block is not run; NULL.  The block has no return code: scope_fail
 * records its errors.  Without a status nobody learns that the block was not run, or failed.  It must be left in the thread and
 * the order in which it was entered (else the program is aborted); longjmp out of it is undefined.  A C++ exception joins it
 * without cancelling it, and so does the end of the thread in code that is compiled with -fexceptions; without, that aborts. */
#define SCOPE(identifier, options, status)                                                                       \
    for (struct scope_block scopei_##identifier                                                                  \
         __attribute__((cleanup(scope_block_end))) = scope_block_begin(__FILE__, __LINE__, (options), (status)); \
         scopei_##identifier.scope; scopei_##identifier.scope = NULL)                                            \
        for (struct scope *identifier = scopei_##identifier.scope; identifier; identifier = NULL)

/* What SCOPE is made of.  Private fields. */
struct scope_block {
    struct scope *scope;
    int *status;
    void *saved[10];
};
struct scope_block scope_block_begin(const char *file, int line, const struct scope_options *options, int *status);
void scope_block_end(struct scope_block *block);

/* Spawns fn(s, arg) into s: it runs once, at some time before the scope's scope_run returns, on any worker of the pool.
 *   s        the scope of the calling task or body, or one that encloses it.
 *   arg      not looked at; must live until the scope ends: not a local variable of the body or of a SCOPE block, as tasks may run
 *            when it is gone.  scope_spawn_copy needs no such care.
 *   Returns  SCOPE_OK; SCOPE_ECANCELED: s is cancelled, the task will not run; SCOPE_EINVAL: NULL; SCOPE_EPERM: the
 *            calling thread is not inside s; SCOPE_ENOMEM: only for an s that is not the innermost open one or has a
 *            limit, or inside a typed task or on_complete.  Otherwise the code may be ignored: if a task is refused, scope_run says why.
 *   Cost     a few nanoseconds for the innermost scope; never a system call unless a worker sleeps.
 * What was written before the spawn is visible to the task.  Hold no lock across it that a task of s takes: a spawn that finds the
 * queue full runs some of them. */
SCOPEI_INLINE int scope_spawn(struct scope *s, scope_fn *fn, void *arg);

/* The largest argument that scope_spawn_copy takes, in bytes. */
#define SCOPE_COPY_MAX 65536

/* The same with the size bytes at arg copied into the task: fn gets a pointer, aligned to 16, to a copy that lives until
 * fn returns.  Up to 32 bytes no memory is allocated.  SCOPE_EINVAL if size is 0 or above SCOPE_COPY_MAX; SCOPE_ENOMEM. */
SCOPEI_INLINE int scope_spawn_copy(struct scope *s, scope_fn *fn, const void *arg, size_t size);

/* Spawns a task that is described in full.  As scope_spawn, but: the argument is copied if the description says so; it is
 * disposed of when the task has ended, was skipped, or was refused with whatever error (unless task or task->fn is NULL).
 * SCOPE_ENOMEM as for scope_spawn, for a copy of more than 32 bytes, and in a scope with a limit. */
int scope_spawn_task(struct scope *s, const struct scope_task *task, void *arg);

/* The same in a scope with a limit: SCOPE_EAGAIN, and the argument is not disposed of, if the task would have to wait.  Do not
 * wait for a place in a loop: with one worker the tasks that hold them may be yours to run. */
int scope_try_spawn(struct scope *s, const struct scope_task *task, void *arg);

/* Cancels s and every scope inside it: scope_cancelled turns true in them and stays so, their tasks that have not
 * started never will, later spawns are refused.  Tasks that run are not stopped: they poll.
 * Returns 1 to the caller that was first, 0 if s was cancelled already; SCOPE_EINVAL: NULL; SCOPE_EPERM: the calling thread is not
 * inside s (there use a token or a permit). */
int scope_cancel(struct scope *s);

/* True once s is cancelled, from then on.  One load; poll it as often as you like.  Any thread that is inside s. */
SCOPEI_INLINE bool scope_cancelled(const struct scope *s);

/* Why s was cancelled; SCOPE_REASON_NONE if it was not. */
SCOPEI_INLINE enum scope_reason scope_reason(const struct scope *s);

/* Writes the tree of open scopes of the process to a file descriptor, in words: names, places where they were opened (if known),
 * policies, why they are cancelled, counts, deadlines, and which described task each worker runs.  For a program that seems to
 * hang; other threads go on meanwhile, so names should be string literals.  Any thread; async-signal-safe.  Returns SCOPE_OK, or
 * SCOPE_EINVAL: fd cannot be written to. */
int scope_dump(int fd);

/* Has scope_dump(2) called on each signal of that number, say SIGUSR1.  Returns SCOPE_OK or SCOPE_EINVAL. */
int scope_dump_on_signal(int signal_number);

/* Nanoseconds of the monotonic clock; 1 if the system refuses the time.  Any thread. */
uint64_t scope_now_ns(void);

/* When s will be cancelled if nothing else happens: the earliest deadline of s and of the scopes around it, up to the first
 * with a shield; 0: never.  Any thread inside s. */
uint64_t scope_deadline(const struct scope *s);

/* Moves the own deadline of s, which must be the innermost scope of the caller and opened by the calling task, to deadline_ns;
 * 0: never.  A cancelled scope stays so.  SCOPE_EINVAL; SCOPE_EPERM: it is another scope, or a task of s calls (which is not
 * always noticed); SCOPE_EAGAIN: the system refused the thread that watches deadlines, and s has none now. */
int scope_set_deadline(struct scope *s, uint64_t deadline_ns);

/* Takes the shield off s, at once cancelling it if the scope around it is.  Any thread inside s.  SCOPE_EINVAL. */
int scope_unshield(struct scope *s);

/* The value of key in the innermost of s and the scopes around it that sets one; NULL: none does.  Any thread inside s. */
void *scope_local_value(const struct scope *s, const void *key);

/* Records an error with a printf-style message for s, cancels s if its policy is SCOPE_FAIL_FAST, and returns code, to be used as
 * `return scope_fail(s, code, "...", ...)`: a task that returns the code is not recorded a second time, also if s is a scope
 * around the innermost one and the code, or the inner scope's failure by it, is returned up to s; nor one that on_complete
 * returns.  SCOPE_ECANCELED is no error: it is only returned.  A code of 0 is recorded as SCOPE_EINVAL.  The error says where the
 * call stands.  Any thread that is inside s, or holds a permit for it; that is not checked.  SCOPE_EINVAL: s is NULL. */
int scope_fail(struct scope *s, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int scope_fail_at(struct scope *s, const char *file, int line, int code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
#define scope_fail(s, ...) scope_fail_at((s), __FILE__, __LINE__, __VA_ARGS__)

/* ------------------------------------------------------------------------------------------------------------- Forks */

/* Calls f(s, a) and g(s, b), perhaps at the same time, and returns when both have returned: f as a task that others may
 * steal, g at once.  s: the innermost scope of the caller.  The two are as function calls: they are not counted as tasks of s,
 * and their codes are returned, not recorded.  What they spawn into s is joined when s ends, but may also be run, or waited
 * for, by this call: hold no lock across it that such a task takes.
 *   Returns  g's code, if it is not 0, else f's.  f is not called if s was cancelled before it started; its code is then
 *            SCOPE_ECANCELED.  SCOPE_EINVAL: NULL; SCOPE_EPERM: s is not the innermost scope of the caller, or the caller
 *            runs inside a typed task; nothing was called. */
SCOPEI_INLINE int scope_fork2(struct scope *s, scope_fn *f, void *a, scope_fn *g, void *b);

/* Typed tasks: recursion at the cost of a function call.
 *
 *     SCOPE_TASK(long, fib, int);
 *
 *     static inline long fib(struct scope_strand strand, int n)
 *     {
 *         if (n < 2)
 *             return n;
 *         fib_fork(&strand, n - 1);
 *         long b = fib(strand, n - 2);
 *         long a = fib_join(&strand);
 *         return a + b;
 *     }
 *
 *     ... in the body of a scope or in a task of it:   long r = fib_call(s, 40);
 *
 * SCOPE_TASK(result, name, argument) declares four functions.  result and argument are types of at most 32 bytes; pass more
 * by a pointer, to a local variable of the function that forks, say.  Fastest is an argument of at most 16 bytes without
 * padding, as it goes in registers.  If there is no argument, declare an int that nobody reads.
 *   result name(struct scope_strand strand, argument a)       what you write: the task.  static inline lets compilers unroll it
 *   void name_fork(struct scope_strand *strand, argument a)   from here on, others may run name(..., a)
 *   result name_join(struct scope_strand *strand)             the result of the fork that was joined by nobody yet and is the
 *                                                             newest: runs it here, if nobody else does
 *   result name_call(struct scope *s, argument a)             name(a) from a body or a task, where there is no strand yet; s is
 *                                                             the innermost scope of the caller (else the program is aborted)
 * A strand is a place in the worker's deque.  fork advances it and join takes it back, so a call in between gets the strand as
 * it is then.  Every fork is joined by the function that made it, before it returns, newest first; that is not checked.
 * Both are inline, and come to this; w is the strand's worker, and no other thread's memory is touched:
 *
 *     fib_fork(&strand, n - 1)     slot = strand.at++;
 *                                  if (slot >= w->limit) fib_fork_slow(...);       somebody asks for tasks, or the deque is full
 *                                  else slot->function = fib_run, slot->arg = n - 1;
 *     fib_join(&strand)            slot = --strand.at;
 *                                  if (slot < w->floor) fib_join_slow(...);        somebody asks, or others may have it
 *                                  else fib(strand, slot->arg);
 *
 * Cancellation: when the scope has been cancelled, a join whose task nobody has started gives a result of all zero bytes.  Poll
 * scope_cancelled(scope_of(strand)) in long leaves.  Errors: scope_fail(scope_of(strand), ...) records one, with the index
 * SCOPE_INDEX_BODY, and cancels as the scope's policy says; a code that the enclosing task returns later is another error.
 * Typed tasks are not counted as tasks of the scope, since they are joined as calls are.  They may spawn into it, and run scopes
 * of their own: that costs some tens of nanoseconds more than elsewhere, and at most 1000 or so of such scopes inside each
 * other are possible in a pool.
 * More than 4096 forks that wait to be joined: the next ones run at once; if there is no memory for the result of one, the scope
 * fails with SCOPE_ENOMEM. */
struct scope_strand {
    struct scopei_slot *at; /* where the next fork goes */
    uintptr_t worker; /* whose deque it is; no pointer, as gcc moves two of these as one vector, and waits likewise */
};

/* The innermost scope of a typed task. */
SCOPEI_INLINE struct scope *scope_of(struct scope_strand strand);

/* ----------------------------------------------------------------------------------------------------------- Results */

/* Tasks whose results can be read when they are there, and not before:
 *
 *     SCOPE_RESULT(double, area, const struct shape *);
 *
 *     static int area(struct scope *s, const struct shape *shape, double *result) { ... return 0; }
 *
 *     ... struct area_result r[2];
 *         area_start(s, &r[0], &shape[0]);            and later, at any time (r must outlive the scope):
 *         double value;
 *         if (area_get(&r[0], &value) == SCOPE_OK) ...
 *
 * SCOPE_RESULT(result, name, argument) declares
 *   int name(struct scope *s, argument a, result *r)                  what you write: the task, which returns a code as any task does
 *   struct name_result                                                where the result will be; must live until the scope has ended,
 *                                                                     and serves one task in it
 *   int name_start(struct scope *s, struct name_result *r, argument)  spawns it; returns what scope_spawn_task does
 *   int name_get(const struct name_result *r, result *value)          SCOPE_OK, and *value is set; SCOPE_EBUSY: it has not ended;
 *                                                                     SCOPE_ECANCELED: it was skipped, refused, or stopped;
 *                                                                     SCOPE_EINVAL: it was never started (*r zeroed); or its code */

/* ------------------------------------------------------------------------------------------------------------ Tokens */

/* A token cancels every scope that was given it in its options, those opened later too.  Reference-counted: create gives
 * one reference; each open scope holds one of its own.  NULL: out of memory.  Any thread. */
struct scope_token *scope_token_create(void);
struct scope_token *scope_token_retain(struct scope_token *token);
void scope_token_release(struct scope_token *token);

/* Returns 1 to the first caller, 0 to later ones, SCOPE_EINVAL for NULL.  Any thread; async-signal-safe, if the callbacks are. */
int scope_token_cancel(struct scope_token *token);
bool scope_token_cancelled(const struct scope_token *token);

/* Has fn(arg) called once, by the thread that cancels the token, when its scopes have been told; at once if it is cancelled
 * already; never, if the token ends without that or it was taken back.  The token owns what is returned.  Any thread that holds
 * the token.  NULL: out of memory, or token or fn is NULL. */
struct scope_callback *scope_token_on_cancel(struct scope_token *token, void (*fn)(void *arg), void *arg);

/* Takes it back, once, while the token is held; afterwards fn does not run any more.  True: it was not called.  If you do not,
 * the token's end does.  Any thread, but not from fn. */
bool scope_callback_forget(struct scope_callback *callback);

/* ----------------------------------------------------------------------------------------------------------- Permits */

/* A permit lets a thread that is not inside a scope spawn into it, and holds the scope open until it is released: give it to a
 * thread of yours, to a callback.  Created by a thread inside s.  NULL: s is NULL, cancelled, or not the caller's, or out of
 * memory. */
struct scope_permit *scope_permit_create(struct scope *s);

/* As scope_spawn and scope_spawn_task; SCOPE_ENOMEM in any scope.  Any thread that holds the permit. */
int scope_permit_spawn(struct scope_permit *permit, scope_fn *fn, void *arg);
int scope_permit_spawn_task(struct scope_permit *permit, const struct scope_task *task, void *arg);

/* As scope_cancel and scope_cancelled. */
int scope_permit_cancel(struct scope_permit *permit);
bool scope_permit_cancelled(const struct scope_permit *permit);

/* Gives it back and frees it; the scope may end from then on, and not before, though it be cancelled: poll, and release.  Do not
 * wait inside the scope for a thread that holds one.  NULL is fine. */
void scope_permit_release(struct scope_permit *permit);

/* ------------------------------------------------------------------------------------------------------------- Pools */

/* Options of a pool.  Set size to sizeof(struct scope_pool_options); zero in any other field is its default. */
struct scope_pool_options {
    size_t size;
    unsigned workers; /* at most SCOPE_WORKERS_MAX; 0: SCOPE_NUM_WORKERS, else OMP_NUM_THREADS, else the cores that the
                       * process may use (its affinity mask and cgroup CPU quota) */
    uint32_t flags;   /* none yet: must be 0 */
};

#define SCOPE_WORKERS_MAX 512

/* Creates a pool.  A pool of n workers starts n threads if n > 1 (one is stood down for each guest) and none if n = 1.  At
 * most n more are started when they are first of use: one runs tasks on the core of a worker that sleeps in a scope_run, until
 * that one wakes.
 * They block all signals but those that a task's own instructions raise, as SIGSEGV.
 * If the system refuses threads the pool has fewer, down to guests only, and scope_pool_workers tells.
 * Returns SCOPE_OK, SCOPE_EINVAL, SCOPE_ENOMEM; *pool is set only on SCOPE_OK. */
int scope_pool_create(struct scope_pool **pool, const struct scope_pool_options *options);

/* Stops and joins the threads, frees the pool.  NULL is fine.  SCOPE_EBUSY while any scope is open in it, or when called
 * by one of its workers; SCOPE_EFORK. */
int scope_pool_destroy(struct scope_pool *pool);

/* The number of threads that run tasks at once, guests included.  NULL: the default pool, which is created if need be
 * (0 if it can't be). */
unsigned scope_pool_workers(const struct scope_pool *pool);

/* --------------------------------------------------------------------------- Private: what the inline functions need
 *
 * Nothing below is for users: it changes with every version.  These structs are the beginnings of what deque/, sched/ and
 * scope/ declare, where their fields are explained; scope.c asserts that they agree. */

#define SCOPEI_REASON_MASK 0x3fu /* in the first word of a scope: why it was cancelled */
#define SCOPEI_SPECIAL 0x40u     /* spawns into it are not the usual ones */
#define SCOPEI_EVENT 0x80u       /* something for its end to look at */
#define SCOPEI_EVENTFUL 0xffu    /* any of these */
#define SCOPEI_SCOPE_SIZE 768u
#define SCOPEI_BIAS ((uint64_t)1 << 62)
#define SCOPEI_SPAWNED ((uint64_t)1 << 63) /* in the word function */
#define SCOPEI_FORK2 1u                    /* in place of a function: scope_fork2 */
#define SCOPEI_COPIED 2u                   /* in the word meta: the argument is in the slot */
#define SCOPEI_FLAGS 0xffu                 /* of the word meta; above them is the spawn's index */
#define SCOPEI_INDEX_SHIFT 8u
#define SCOPEI_SIZE_MAX 32u
#define SCOPEI_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define SCOPEI_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

struct __attribute__((may_alias, aligned(64))) scopei_slot {
    uint64_t function, lineage, meta, thief, arg[4];
};

struct __attribute__((may_alias, aligned(64))) scopei_node {
    uint64_t base, up, depth, pending;
    struct scope *scope;
    uint64_t more[3];
    uint64_t spawned, taken;
    struct scopei_slot *mark;
};

struct __attribute__((may_alias)) scopei_scope {
    uint64_t cancel;
    struct scope *parent;
    uint64_t more[6];
    struct scopei_node root;
};

struct __attribute__((may_alias)) scopei_worker {
    uint64_t limit, floor;
    uint64_t more[6];
    struct scopei_slot *bottom;
    uint64_t thieves[23];
    struct scope *open;
    struct scopei_node *node;
    uint64_t base;
    struct scopei_scope *top, *fresh;
    uint64_t said_any;
};

extern __thread struct scopei_worker *scopei_self __attribute__((tls_model("initial-exec")));

/* The same calls when something is not as usual. */
int scopei_spawn_slow(struct scope *s, scope_fn *fn, void *arg);
int scopei_spawn_copy_slow(struct scope *s, scope_fn *fn, const void *arg, size_t size);
void scopei_task_ended(struct scopei_worker *w, struct scope *s, int code, uint64_t index);
void scopei_drain_slow(struct scopei_worker *w);
int scopei_end_slow(struct scopei_worker *w, struct scope *s, int code);
int scopei_close_slow(struct scopei_worker *w, struct scope *s, int code);
struct scopei_slot *scopei_join_slow(struct scopei_worker *w, struct scopei_slot *at);
int scopei_fork2_slow(struct scope *s, scope_fn *f, void *a, scope_fn *g, void *b);
int scopei_join2_slow(struct scopei_worker *w, struct scopei_slot *at, int second);
struct scope_strand scopei_call_begin(struct scope *s, const char *name);
void scopei_call_end(struct scopei_worker *w, struct scope *s, struct scopei_slot *at);
void scopei_body_left(struct scopei_worker *w, struct scope *s, struct scope *outer, struct scopei_node *outer_node);
void scopei_task_left(void) __attribute__((noreturn, cold));

typedef void scopei_forked_fn(struct scopei_worker *w, struct scopei_slot *slot);
void scopei_fork_slow(struct scopei_worker *w, struct scopei_slot *at, scopei_forked_fn *run, const void *arg,
                      size_t size);

SCOPEI_INLINE enum scope_reason scope_reason(const struct scope *s)
{
    const struct scopei_scope *scope = (const struct scopei_scope *)(const void *)s;
    return (enum scope_reason)(__atomic_load_n(&scope->cancel, __ATOMIC_RELAXED) & SCOPEI_REASON_MASK);
}

SCOPEI_INLINE bool scope_cancelled(const struct scope *s)
{
    return scope_reason(s) != SCOPE_REASON_NONE;
}

/* True if a spawn into s is not a usual one: it is cancelled, or special. */
SCOPEI_INLINE bool scopei_attends(const struct scope *s)
{
    const struct scopei_scope *scope = (const struct scopei_scope *)(const void *)s;
    return (__atomic_load_n(&scope->cancel, __ATOMIC_RELAXED) & (SCOPEI_REASON_MASK | SCOPEI_SPECIAL)) != 0;
}

/* Stores one word of a slot.  Relaxed: published by a release of pub, in scopei_deque_publish. */
SCOPEI_INLINE void scopei_put(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

SCOPEI_INLINE uint64_t scopei_get(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* True if a plain push, or a plain pop, is allowed: there is room, or a private task, and no request. */
SCOPEI_INLINE bool scopei_may_push(const struct scopei_worker *w, const struct scopei_slot *at)
{
    return (uint64_t)(uintptr_t)at < scopei_get(&w->limit);
}

SCOPEI_INLINE bool scopei_may_pop(const struct scopei_worker *w, const struct scopei_slot *at)
{
    return (uint64_t)(uintptr_t)at >= scopei_get(&w->floor);
}

/* Cleanups of functions that call the user's.  On the usual way out they find nothing to do, which compilers know; an exception,
 * or the end of the thread, finds what is left. */
struct scopei_inside {
    struct scopei_worker *w; /* NULL: the body has returned */
    struct scope *s, *outer;
    struct scopei_node *outer_node;
};

SCOPEI_INLINE void scopei_inside_end(const struct scopei_inside *inside)
{
    if (SCOPEI_UNLIKELY(inside->w != NULL))
        scopei_body_left(inside->w, inside->s, inside->outer, inside->outer_node);
}

SCOPEI_INLINE void scopei_must_return(const bool *called)
{
    if (SCOPEI_UNLIKELY(*called))
        scopei_task_left();
}

/* The i-th word of the size bytes at from. */
SCOPEI_INLINE uint64_t scopei_word(const void *from, size_t size, size_t i)
{
    uint64_t word = 0;
    size_t at = 8 * i, left = size > at ? size - at : 0;
    __builtin_memcpy(&word, (const char *)from + (left ? at : 0), left < 8 ? left : 8);
    return word;
}

SCOPEI_INLINE void scopei_words_put(struct scopei_slot *slot, const void *from, size_t size)
{
    scopei_put(&slot->arg[0], scopei_word(from, size, 0));
    if (size > 8)
        scopei_put(&slot->arg[1], scopei_word(from, size, 1));
    if (size > 16)
        scopei_put(&slot->arg[2], scopei_word(from, size, 2));
    if (size > 24)
        scopei_put(&slot->arg[3], scopei_word(from, size, 3));
}

/* Counts a task of s and begins its slot, which lacks the argument.  False: something is to be looked at first. */
SCOPEI_INLINE bool scopei_spawn_begin(struct scope *s, scope_fn *fn, uint64_t flags, struct scopei_slot **begun)
{
    struct scopei_worker *w = scopei_self;
    if (SCOPEI_UNLIKELY(!fn || !w || w->open != s || !s || scopei_attends(s)))
        return false;
    struct scopei_slot *slot = w->bottom;
    if (SCOPEI_UNLIKELY(!scopei_may_push(w, slot)))
        return false;
    struct scopei_node *node = w->node;
    scopei_put(&slot->function, (uint64_t)(uintptr_t)fn | SCOPEI_SPAWNED);
    scopei_put(&slot->lineage, (uint64_t)(uintptr_t)node);
    uint64_t index = node->spawned;
    scopei_put(&node->spawned, index + 1); /* scope_dump looks at it */
    scopei_put(&slot->meta, index << SCOPEI_INDEX_SHIFT | flags);
    w->bottom = slot + 1;
    *begun = slot;
    return true;
}

SCOPEI_INLINE int scope_spawn(struct scope *s, scope_fn *fn, void *arg)
{
    struct scopei_slot *slot = NULL;
    if (SCOPEI_UNLIKELY(!scopei_spawn_begin(s, fn, 0, &slot)))
        return scopei_spawn_slow(s, fn, arg);
    scopei_put(&slot->arg[0], (uint64_t)(uintptr_t)arg);
    return SCOPE_OK;
}

SCOPEI_INLINE int scope_spawn_copy(struct scope *s, scope_fn *fn, const void *arg, size_t size)
{
    struct scopei_slot *slot = NULL;
    bool small = __builtin_constant_p(size) && size > 0 && size <= SCOPEI_SIZE_MAX;
    if (SCOPEI_UNLIKELY(!small || !arg || !scopei_spawn_begin(s, fn, SCOPEI_COPIED, &slot)))
        return scopei_spawn_copy_slow(s, fn, arg, size);
    scopei_words_put(slot, arg, size);
    return SCOPE_OK;
}

SCOPEI_INLINE void scopei_innermost(struct scopei_worker *w, struct scope *open, struct scopei_node *node)
{
    __atomic_store_n(&w->open, open, __ATOMIC_RELAXED); /* atomic only to keep compilers from pairing them in vectors */
    __atomic_store_n(&w->node, node, __ATOMIC_RELAXED);
}

/* Opens the next frame of w.  The caller has seen that it has been used before, and that the system has a barrier. */
SCOPEI_INLINE struct scopei_scope *scopei_scope_open(struct scopei_worker *w)
{
    struct scopei_scope *s = w->top;
    struct scope *parent = w->open;
    scopei_put(&s->root.base, w->base);
    scopei_put(&s->root.spawned, 0);
    s->root.taken = 0;
    s->root.mark = w->bottom;
    __atomic_store_n(&s->parent, parent, __ATOMIC_RELAXED);
    /* Release, both: pairs with worker_visit, scope_visit in cancel.c, where this is explained. */
    __atomic_store_n(&s->cancel, (scopei_get(&s->cancel) | SCOPEI_EVENTFUL) + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&w->top, (struct scopei_scope *)(void *)((char *)s + SCOPEI_SCOPE_SIZE), __ATOMIC_RELEASE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (SCOPEI_UNLIKELY(scope_cancelled(parent)))
        (void)__atomic_fetch_or(&s->cancel, SCOPE_REASON_PARENT, __ATOMIC_RELAXED);
    return s;
}

/* Runs the tasks that the innermost scope, s of w's own, still has in the deque. */
SCOPEI_INLINE void scopei_scope_drain(struct scopei_worker *w, struct scopei_scope *s)
{
    struct scopei_slot *mark = s->root.mark, *slot;
    bool called __attribute__((cleanup(scopei_must_return))) = false;
    while ((slot = w->bottom - 1) >= mark) {
        uint64_t meta = scopei_get(&slot->meta);
        /* A request or a published task, a cancelled scope, a task with a copied argument. */
        if (SCOPEI_UNLIKELY(!scopei_may_pop(w, slot) ||
                            ((scopei_get(&s->cancel) & SCOPEI_REASON_MASK) | (meta & SCOPEI_FLAGS)))) {
            scopei_drain_slow(w);
            return;
        }
        w->bottom = slot;
        s->root.taken++;
        scope_fn *fn = (scope_fn *)(uintptr_t)(scopei_get(&slot->function) & ~SCOPEI_SPAWNED);
        called = true;
        int code = fn((struct scope *)s, (void *)(uintptr_t)scopei_get(&slot->arg[0]));
        called = false;
        if (SCOPEI_UNLIKELY((uint64_t)(unsigned)code | w->said_any))
            scopei_task_ended(w, (struct scope *)s, code, meta >> SCOPEI_INDEX_SHIFT);
    }
}

/* True if a scope that is drained has nothing to wait for or to look at. */
SCOPEI_INLINE bool scopei_scope_quiet(const struct scopei_scope *s)
{
    /* Acquire: pairs with scopei_node_done in join.c; before the events, which others set before they are done. */
    return __atomic_load_n(&s->root.pending, __ATOMIC_ACQUIRE) == SCOPEI_BIAS && s->root.spawned == s->root.taken &&
           !(scopei_get(&s->cancel) & SCOPEI_EVENTFUL);
}

SCOPEI_INLINE int scope_run(scope_fn *body, void *arg)
{
    struct scopei_worker *w = scopei_self;
    if (SCOPEI_UNLIKELY(!body || !w || !w->open || w->said_any || w->top >= w->fresh))
        return (scope_run_with)(NULL, NULL, body, arg);
    struct scope *outer = w->open;
    struct scopei_node *outer_node = w->node;
    struct scopei_scope *s = scopei_scope_open(w);
    int status = SCOPE_OK;
    scopei_innermost(w, (struct scope *)s, &s->root);
    struct scopei_inside inside __attribute__((cleanup(scopei_inside_end))) = {w, (struct scope *)s, outer, outer_node};
    int code = body((struct scope *)s, arg);
    inside.w = NULL;
    if (SCOPEI_UNLIKELY((uint64_t)(unsigned)code | w->said_any)) {
        status = scopei_end_slow(w, (struct scope *)s, code);
    } else {
        scopei_scope_drain(w, s);
        if (SCOPEI_UNLIKELY(!scopei_scope_quiet(s)))
            status = scopei_close_slow(w, (struct scope *)s, 0);
    }
    scopei_innermost(w, outer, outer_node);
    __atomic_store_n(&w->top, s, __ATOMIC_RELEASE); /* pairs with worker_visit in cancel.c */
    return status;
}

/* Forks: the words of a slot that a fork writes, and how its task is called. */

SCOPEI_INLINE struct scopei_worker *scopei_strand_worker(struct scope_strand strand)
{
    return (struct scopei_worker *)strand.worker;
}

SCOPEI_INLINE struct scope *scope_of(struct scope_strand strand)
{
    return scopei_strand_worker(strand)->node->scope;
}

SCOPEI_INLINE void scopei_words_get(const struct scopei_slot *slot, void *to, size_t size)
{
    uint64_t word[4];
    word[0] = scopei_get(&slot->arg[0]);
    if (size > 8)
        word[1] = scopei_get(&slot->arg[1]);
    if (size > 16)
        word[2] = scopei_get(&slot->arg[2]);
    if (size > 24)
        word[3] = scopei_get(&slot->arg[3]);
    __builtin_memcpy(to, word, size);
}

#ifdef __cplusplus
#define SCOPEI_ASSERT(condition, text) static_assert(condition, text)
#else
#define SCOPEI_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* What SCOPE_TASK declares besides the functions that its users know:
 *   name_slot        a slot, with the argument as what it is.  A join that copied it would often load more at once than was stored
 *                    at once, which processors do only when the stores have reached the cache
 *   name_run         what a thief calls: argument from the slot, result to the slot
 *   name_fork_slow   a request, or the deque is full
 *   name_join_slow   a request, or the task was published: it is run here, or its result is waited for */
#define SCOPE_TASK(result, name, argument)                                                              \
    struct __attribute__((may_alias)) name##_slot {                                                     \
        uint64_t words[4];                                                                              \
        argument arg;                                                                                   \
    };                                                                                                  \
    SCOPEI_WARM result name(struct scope_strand scopei_strand, argument scopei_arg);                    \
    SCOPEI_WARM void name##_run(struct scopei_worker *scopei_w, struct scopei_slot *scopei_at)          \
    {                                                                                                   \
        struct scope_strand scopei_strand = {scopei_w->bottom, (uintptr_t)scopei_w};                    \
        struct scope *scopei_open = scopei_w->open;                                                     \
        argument scopei_arg;                                                                            \
        scopei_words_get(scopei_at, &scopei_arg, sizeof(scopei_arg));                                   \
        scopei_w->open = NULL;                                                                          \
        result scopei_result = name(scopei_strand, scopei_arg);                                         \
        scopei_call_end(scopei_w, scopei_open, scopei_strand.at);                                       \
        scopei_words_put(scopei_at, &scopei_result, sizeof(scopei_result));                             \
    }                                                                                                   \
    SCOPEI_COLD void name##_fork_slow(struct scopei_slot *scopei_at, struct scopei_worker *scopei_w,    \
                                      argument scopei_arg)                                              \
    {                                                                                                   \
        scopei_fork_slow(scopei_w, scopei_at, name##_run, &scopei_arg, sizeof(scopei_arg));             \
    }                                                                                                   \
    SCOPEI_COLD result name##_join_slow(struct scopei_slot *scopei_at, struct scopei_worker *scopei_w)  \
    {                                                                                                   \
        struct scope_strand scopei_strand = {scopei_at, (uintptr_t)scopei_w};                           \
        struct scopei_slot *scopei_done = scopei_join_slow(scopei_w, scopei_at);                        \
        argument scopei_arg;                                                                            \
        if (scopei_done) {                                                                              \
            result scopei_result;                                                                       \
            scopei_words_get(scopei_done, &scopei_result, sizeof(scopei_result));                       \
            return scopei_result;                                                                       \
        }                                                                                               \
        scopei_words_get(scopei_at, &scopei_arg, sizeof(scopei_arg));                                   \
        return name(scopei_strand, scopei_arg);                                                         \
    }                                                                                                   \
    SCOPEI_HOT void name##_fork(struct scope_strand *scopei_strand, argument scopei_arg)                \
    {                                                                                                   \
        struct scopei_slot *scopei_at = scopei_strand->at;                                              \
        scopei_strand->at = scopei_at + 1;                                                              \
        if (SCOPEI_UNLIKELY(!scopei_may_push(scopei_strand_worker(*scopei_strand), scopei_at))) {       \
            name##_fork_slow(scopei_at, scopei_strand_worker(*scopei_strand), scopei_arg);              \
            return;                                                                                     \
        }                                                                                               \
        scopei_put(&scopei_at->function, (uint64_t)(uintptr_t)name##_run);                              \
        scopei_words_put(scopei_at, &scopei_arg, sizeof(scopei_arg));                                   \
    }                                                                                                   \
    SCOPEI_HOT result name##_join(struct scope_strand *scopei_strand)                                   \
    {                                                                                                   \
        struct scopei_slot *scopei_at = --scopei_strand->at;                                            \
        if (SCOPEI_UNLIKELY(!scopei_may_pop(scopei_strand_worker(*scopei_strand), scopei_at)))          \
            return name##_join_slow(scopei_at, scopei_strand_worker(*scopei_strand));                   \
        return name(*scopei_strand, ((const struct name##_slot *)(const void *)scopei_at)->arg);        \
    }                                                                                                   \
    SCOPEI_WARM result name##_call(struct scope *scopei_scope, argument scopei_arg)                     \
    {                                                                                                   \
        struct scope_strand scopei_strand = scopei_call_begin(scopei_scope, #name);                     \
        bool scopei_called __attribute__((cleanup(scopei_must_return))) = true;                         \
        result scopei_result = name(scopei_strand, scopei_arg);                                         \
        scopei_called = false;                                                                          \
        scopei_call_end(scopei_strand_worker(scopei_strand), scopei_scope, scopei_strand.at);           \
        return scopei_result;                                                                           \
    }                                                                                                   \
    SCOPEI_ASSERT(sizeof(result) <= SCOPEI_SIZE_MAX, "the result of " #name " has more than 32 bytes"); \
    SCOPEI_ASSERT(sizeof(argument) <= SCOPEI_SIZE_MAX, "the argument of " #name " has more than 32 bytes")
#define SCOPEI_HOT static inline __attribute__((always_inline, unused))
#define SCOPEI_WARM static inline __attribute__((unused))
#if defined(__clang__) && defined(__x86_64__)
#define SCOPEI_COLD \
    static __attribute__((noinline, cold, unused, preserve_most)) /* what stays in registers is not saved for it */
#else
#define SCOPEI_COLD static __attribute__((noinline, cold, unused))
#endif

#define SCOPE_RESULT(result, name, argument)                                                                        \
    struct name##_result {                                                                                          \
        uint64_t state;                                                                                             \
        argument arg;                                                                                               \
        result value;                                                                                               \
    };                                                                                                              \
    static int name(struct scope *s, argument a, result *r);                                                        \
    SCOPEI_WARM int name##_run(struct scope *scopei_s, void *scopei_arg)                                            \
    {                                                                                                               \
        struct name##_result *scopei_r = (struct name##_result *)scopei_arg;                                        \
        int scopei_code = name(scopei_s, scopei_r->arg, &scopei_r->value);                                          \
        scopei_result_end(&scopei_r->state, scopei_code);                                                           \
        return scopei_code;                                                                                         \
    }                                                                                                               \
    SCOPEI_WARM void name##_dispose(void *scopei_arg)                                                               \
    {                                                                                                               \
        scopei_result_skip(&((struct name##_result *)scopei_arg)->state);                                           \
    }                                                                                                               \
    SCOPEI_WARM int name##_start(struct scope *scopei_s, struct name##_result *scopei_r, argument scopei_arg)       \
    {                                                                                                               \
        static const struct scope_task scopei_task = {#name, __FILE__, __LINE__, name##_run, name##_dispose, 0, 0}; \
        scopei_r->arg = scopei_arg;                                                                                 \
        __atomic_store_n(&scopei_r->state, SCOPEI_RESULT_WAITS, __ATOMIC_RELAXED);                                  \
        return scope_spawn_task(scopei_s, &scopei_task, scopei_r);                                                  \
    }                                                                                                               \
    SCOPEI_WARM int name##_get(const struct name##_result *scopei_r, result *scopei_value)                          \
    {                                                                                                               \
        int scopei_code = scopei_result_code(&scopei_r->state);                                                     \
        if (scopei_code == SCOPE_OK)                                                                                \
            *scopei_value = scopei_r->value;                                                                        \
        return scopei_code;                                                                                         \
    }                                                                                                               \
    SCOPEI_ASSERT(1, "")

/* The state of a result: 0, or one of these, or with its task's code in the upper half. */
#define SCOPEI_RESULT_WAITS 1u
#define SCOPEI_RESULT_SKIPPED 2u
#define SCOPEI_RESULT_ENDED 3u

SCOPEI_INLINE void scopei_result_end(uint64_t *state, int code)
{
    /* Release: pairs with scopei_result_code. */
    __atomic_store_n(state, (uint64_t)(uint32_t)code << 32 | SCOPEI_RESULT_ENDED, __ATOMIC_RELEASE);
}

SCOPEI_INLINE void scopei_result_skip(uint64_t *state)
{
    if (__atomic_load_n(state, __ATOMIC_RELAXED) == SCOPEI_RESULT_WAITS)
        __atomic_store_n(state, SCOPEI_RESULT_SKIPPED, __ATOMIC_RELEASE); /* pairs with scopei_result_code */
}

SCOPEI_INLINE int scopei_result_code(const uint64_t *state)
{
    uint64_t word = __atomic_load_n(state, __ATOMIC_ACQUIRE); /* pairs with scopei_result_end */
    if ((uint32_t)word == SCOPEI_RESULT_ENDED)
        return (int)(uint32_t)(word >> 32);
    return word == 0 ? SCOPE_EINVAL : word == SCOPEI_RESULT_WAITS ? SCOPE_EBUSY : SCOPE_ECANCELED;
}

SCOPEI_INLINE int scope_fork2(struct scope *s, scope_fn *f, void *a, scope_fn *g, void *b)
{
    struct scopei_worker *w = scopei_self;
    if (SCOPEI_UNLIKELY(!s || !f || !g || !w || w->open != s))
        return scopei_fork2_slow(s, f, a, g, b);
    struct scopei_slot *slot = w->bottom;
    if (SCOPEI_UNLIKELY(!scopei_may_push(w, slot)))
        return scopei_fork2_slow(s, f, a, g, b);
    scopei_put(&slot->function, SCOPEI_FORK2);
    scopei_put(&slot->lineage, (uint64_t)(uintptr_t)w->node);
    scopei_put(&slot->arg[0], (uint64_t)(uintptr_t)f);
    scopei_put(&slot->arg[1], (uint64_t)(uintptr_t)a);
    w->bottom = slot + 1;
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    int second = g(s, b);
    called = false;
    if (SCOPEI_UNLIKELY(w->bottom != slot + 1 || !scopei_may_pop(w, slot) || scope_cancelled(s)))
        return scopei_join2_slow(w, slot, second);
    w->bottom = slot;
    called = true;
    int first = f(s, a);
    called = false;
    return second ? second : first;
}

SCOPEI_INLINE struct scope_options scope_options_init(void)
{
    struct scope_options options;
    __builtin_memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    return options;
}

SCOPEI_INLINE struct scope_report scope_report_init(void)
{
    struct scope_report report;
    __builtin_memset(&report, 0, sizeof(report));
    report.size = sizeof(report);
    return report;
}

/* What code compiled with -DSCOPE_DEBUG calls instead: the same, checked, and told where it stands. */
int scopei_debug_run(const char *file, int line, const struct scope_options *options, struct scope_report *report,
                     scope_fn *body, void *arg);
struct scope_block scopei_debug_block(const char *file, int line, const struct scope_options *options, int *status);
int scopei_debug_spawn(const char *file, int line, struct scope *s, scope_fn *fn, void *arg);
int scopei_debug_spawn_copy(const char *file, int line, struct scope *s, scope_fn *fn, const void *arg, size_t size);
int scopei_debug_spawn_task(const char *file, int line, struct scope *s, const struct scope_task *task, void *arg);
int scopei_debug_try_spawn(const char *file, int line, struct scope *s, const struct scope_task *task, void *arg);
int scopei_debug_cancel(const char *file, int line, struct scope *s);
struct scope *scopei_debug_failing(const char *file, int line, struct scope *s); /* s */

#ifdef __cplusplus
}
#endif

#include "taskscope_loop.h"
#include "taskscope_pipeline.h"
#include "taskscope_sort.h"

#ifdef SCOPE_DEBUG
#undef scope_run_with
#undef scope_fail
#define scope_run(...) scopei_debug_run(__FILE__, __LINE__, NULL, NULL, __VA_ARGS__)
#define scope_run_with(...) scopei_debug_run(__FILE__, __LINE__, __VA_ARGS__)
#define scope_block_begin(...) scopei_debug_block(__VA_ARGS__)
#define scope_spawn(...) scopei_debug_spawn(__FILE__, __LINE__, __VA_ARGS__)
#define scope_spawn_copy(...) scopei_debug_spawn_copy(__FILE__, __LINE__, __VA_ARGS__)
#define scope_spawn_task(...) scopei_debug_spawn_task(__FILE__, __LINE__, __VA_ARGS__)
#define scope_try_spawn(...) scopei_debug_try_spawn(__FILE__, __LINE__, __VA_ARGS__)
#define scope_cancel(...) scopei_debug_cancel(__FILE__, __LINE__, __VA_ARGS__)
#define scope_fail(s, ...) scope_fail_at(scopei_debug_failing(__FILE__, __LINE__, (s)), __FILE__, __LINE__, __VA_ARGS__)
#endif

#endif

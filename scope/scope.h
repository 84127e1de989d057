/* An open scope, and the join nodes that count its tasks.
 *
 * Counting.  A node counts the tasks that one run spawns into one scope.  The run's worker counts its spawns and the tasks it
 * pops again in plain integers; only those that were stolen are left over.  pending starts at BIAS.  Whoever completes a
 * stolen task subtracts one.  When the worker has nothing of the node in its deque any more, it adds (left over - BIAS), if
 * anything was stolen at all: from then on pending is the number of stolen tasks still running, and whoever takes it to 0
 * has completed the node.
 *
 * A scope's root node is that of its owner.  A stolen task that spawns into the same scope from another worker gets a proxy:
 * a node whose completion counts as the completion of the stolen task in the node that it was stolen from.  A proxy does not
 * hold its worker: it is completed by whoever finishes its last task.
 *
 * A spawn into an enclosing scope adds one to the root's pending directly.  That cannot come too late: it is made from
 * inside the scope, by a task that is still counted. */
#ifndef SCOPE_SCOPE_H
#define SCOPE_SCOPE_H

#include "sched/pool.h"
#include "sched/timer.h"
#include "scope/taskscope.h"

#include <assert.h>

#define BIAS ((uint64_t)1 << 62)

/* As many scopes as can be open on one worker's stack at once: with any real body an 8 MiB stack holds about as many. */
#define SCOPES_MAX 8192

#define GROUPS_AT_ONCE (SCOPES_MAX / WORKER_GROUPS)

/* What thieves look at and what only the owner does are on different lines.  All but the last fields are known to the inline
 * functions of taskscope.h, as struct scopei_node. */
struct node {
    alignas(CACHE_LINE) struct lineage line; /* first: a node is found by its lineage.  O writes, anybody reads */
    /* Anybody */
    struct atomic_u64 pending;
    /* I, while open */
    struct scope *scope;
    struct node *up; /* told when the node completes: that of the stolen task; NULL: the owner waits and is unparked */
    struct worker *owner;
    unsigned hops; /* a proxy's: how many proxies lie between it and a root; 0 for a root */
    /* O, owner only */
    alignas(CACHE_LINE) uint64_t spawned;
    uint64_t taken;    /* of them, popped again by the owner */
    struct slot *mark; /* where in the owner's deque the node's tasks begin */
    uint64_t skipped;  /* of those taken, not run since the scope was cancelled */
    unsigned inlined;  /* spawns inside each other that found the deque full */
};

/* The node of a stolen task. */
struct proxy {
    struct node node;   /* first: a proxy is found by its node */
    struct proxy *next; /* in a list of free ones */
};

/* A task that had its part in the cancellation of its scope. */
struct culprit {
    const struct scope_task *task; /* NULL: not described */
    uint64_t index;
    int code;
    bool known;
};

/* A task, and when it has ended, since its scope was asked to cancel. */
struct late {
    const struct scope_task *task; /* NULL: none */
    uint64_t ns;
};

/* What only a scope with options has.  policy.c */
struct special {
    /* I, while open */
    scope_complete_fn *on_complete;
    void *on_complete_arg;
    const struct scope_local *locals;
    unsigned limit;                /* 0: none */
    struct atomic_u64 shield;      /* O or any task of it; anybody reads */
    struct timer timer;            /* O */
    struct atomic_u64 deadline_ns; /* O; anybody reads; 0: none */
    /* L, under lock, which is made with the frame */
    pthread_mutex_t lock;
    unsigned active;        /* tasks that run, or lie in deques, of at most limit */
    struct parcel *waiting; /* those that may not yet, the oldest first */
    struct parcel **waiting_end;
    struct late late[SCOPE_STRAGGLERS_KEPT]; /* the latest first */
    /* L, under complete_lock, which is held while on_complete runs */
    pthread_mutex_t complete_lock;
    uint64_t ok, failed; /* how many tasks have returned 0, and a code that is an error */
};

/* A line of the user's. */
struct site {
    const char *file; /* a string literal; NULL: not known */
    int line;
};

/* Where a scope was opened.  O writes, anybody reads.  An inline scope_run does not know, and leaves that of the scope before. */
struct place {
    struct atomic_u64 generation; /* of the scope that the rest is about, as in the word cancel */
    struct atomic_ptr file;       /* const char * */
    struct atomic_u64 line;
    struct atomic_ptr
        stack; /* where on the opener's stack: what is farther from its beginning ends before the scope does */
};

/* Scopes live in the worker's stack of frames, so their memory is only ever reused for scopes: a canceller may look at one
 * that has just ended.  cancel, parent and root are known to the inline functions of taskscope.h, as struct scopei_scope.
 * What is said to be as scope_run wants it is so whenever no scope is open in the frame. */
struct scope {
    /* Anybody */
    alignas(CACHE_LINE) struct atomic_u64 cancel; /* generation << 8 | event | reason: cancel.c */
    /* O writes while opening, anybody reads */
    struct atomic_ptr parent; /* struct scope *: the enclosing one; NULL */
    struct atomic_ptr token;  /* struct scope_token *: held; NULL, which scope_run wants */
    /* I, while open */
    struct atomic_ptr name;   /* const char *: scope_run wants NULL */
    struct atomic_u32 policy; /* enum scope_policy: scope_run wants SCOPE_FAIL_FAST */
    /* O, owner only */
    bool reserve_used;
    /* Anybody: where errors are kept */
    struct atomic_ptr group; /* struct scope_errors *; NULL: nowhere yet, which scope_run wants */
    /* Nodes */
    alignas(CACHE_LINE) struct node root;
    struct proxy reserve; /* for one stolen task at a time, when there is no memory for proxies: join.c */
    /* Anybody, relaxed adds: summed up when the scope has completed, and all zero when one opens */
    alignas(CACHE_LINE) struct atomic_u64 spawned; /* by others than the root node's plain counter */
    struct atomic_u64 skipped;                     /* likewise */
    struct atomic_u64 failed;
    struct atomic_u64 cancelled;
    struct atomic_u64 errors; /* total */
    /* I, while open; scope_run wants zero */
    struct special special;
    /* Whoever cancelled it, a task of it or the timer; read when all is done, or as a hint */
    struct atomic_u64 cancelled_ns; /* when */
    struct atomic_ptr canceller;    /* which thread: where its scopei_self is */
    struct culprit culprit;
    struct place place; /* kept when the scope has ended: debug.c may want to say it */
};

/* Where the errors of the scope in a frame are kept if there is no report.  It is there before the frame is first used, for many
 * frames at a time, and all zero when a scope opens. */
struct group_space {
    struct scope_errors errors;
    struct {
        struct atomic_u64 key; /* the code, and a bit that says it is one */
        struct atomic_u64 count;
    } codes[SCOPE_CODES_KEPT];
    struct atomic_u64 other_codes;
};

static inline struct group_space *scope_group_space(const struct scope *s)
{
    const struct worker *w = s->root.owner;
    size_t i = (size_t)(s - w->scopes);
    return (struct group_space *)w->groups[i / GROUPS_AT_ONCE] + i % GROUPS_AT_ONCE;
}

/* The innermost scope of w; NULL: none. */
static inline struct scope *worker_scope(const struct worker *w)
{
    return w->node ? w->node->scope : NULL;
}

/* True if what w's running task says belongs to a code that is returned; a typed task returns none. */
static inline bool worker_heard(const struct worker *w)
{
    return w->open || w->completing;
}

static inline enum scope_policy scope_policy(const struct scope *s)
{
    return (enum scope_policy)load_relaxed_u32(
        &s->policy); /* Relaxed: does not change while s is open; or for words. */
}

/* True if s->place is about s, or, if s has ended, about the last scope in the frame. */
static inline bool scope_placed(const struct scope *s)
{
    return load_relaxed(&s->place.generation) == load_relaxed(&s->cancel) >> 8; /* Relaxed: our own, or for words. */
}

/* Where s was opened, as far as is known. */
static inline struct site scope_site(const struct scope *s)
{
    if (!scope_placed(s))
        return (struct site){NULL, 0};
    return (struct site){load_relaxed_ptr(&s->place.file), (int)load_relaxed(&s->place.line)}; /* Relaxed: as above. */
}

/* ----------------------------------------------------------------------------------------------------------- scope.c */

/* How a scope is opened, and where. */
struct opening {
    const char *file;
    int line;
    void *stack; /* as in struct place */
    const struct scope_options *options;
    struct scope_report *report;
};

/* The same as scope_block_begin. */
struct scope_block scopei_block_open(const struct opening *opening, int *status);

/* ----------------------------------------------------------------------------------------------------------- spawn.c */

/* A slot for a task of w's innermost node, to be filled, and followed by scopei_attend if it is slow; NULL: the deque is full. */
struct slot *scopei_slot(struct worker *w, bool *slow);

/* Makes room in the deque by running the newest tasks that w's innermost node has spawned; false: there are none on top. */
bool scopei_relieve(struct worker *w);

/* True if w, NULL for a thread that is no worker, is inside s. */
bool scopei_encloses(const struct scope *s, const struct worker *w);

/* Spawns into a scope that the caller is inside of, by way of an inbox. */
int scopei_spawn_inbox(struct worker *w, struct scope *s, struct task *task);

/* ------------------------------------------------------------------------------------------------------------ join.c */

/* Makes the root node of s, a frame of w that has not been used yet, and the memory for its errors.  False: out of memory. */
bool scopei_root_init(struct scope *s, struct worker *w);

/* Runs or skips the node's tasks that are still in w's deque, down to its mark; the node is w's innermost. */
void scopei_node_drain(struct worker *w, struct node *node);

/* The same inside a task of the node, down to mark, above which there are spawned tasks only. */
void scopei_node_drain_to(struct worker *w, struct node *node, struct slot *mark);

/* A root node is drained: waits until every task of it has ended.  Returns true if no task of it was ever counted by
 * anybody but its owner. */
bool scopei_node_wait(struct worker *w, struct node *node);

/* Runs, or skips, a task of w's innermost node at once. */
void scopei_task_inline(struct worker *w, struct node *node, const struct task *task);

/* Runs, or skips, a task of w's innermost node, of scope s.  copy: the argument, aligned to 16, if it is in the task itself. */
void scopei_task_run(struct worker *w, struct node *node, struct scope *s, const uint64_t *word, void *copy);

/* Counts a spawn of the node's owner; returns its index. */
static inline uint64_t node_count(struct node *node)
{
    uint64_t index = node->spawned;
    scopei_put(&node->spawned, index + 1); /* scope_dump looks at it */
    return index;
}

/* One stolen, or enqueued, task of the node has ended. */
void scopei_node_done(struct node *node);

extern const struct pool_hooks scopei_hooks;

/* The low bits of a spawned task's TASK_META, beside TASK_FORKED; above them is the spawn index. */
enum {
    TASK_COPIED = 2,    /* its argument is in the slot */
    TASK_HEAP = 4,      /* a copy on the heap */
    TASK_DESCRIBED = 8, /* TASK_THIEF is its struct scope_task */
    TASK_WATCHED = 16,  /* its end matters to the scope's policy */
    TASK_LIMITED = 32,  /* it is one of those that its scope's limit lets run */
    TASK_ANYWAY = 64,   /* it is run though the scope is cancelled */
    TASK_INDEX_SHIFT = 8,
    TASK_FLAGS = (1 << TASK_INDEX_SHIFT) - 1,
    TASK_UNUSUAL = TASK_FLAGS & ~TASK_COPIED
};

/* NULL: the task is not described. */
static inline const struct scope_task *task_described(const uint64_t *word)
{
    return word[TASK_META] & TASK_DESCRIBED ? (const struct scope_task *)(uintptr_t)word[TASK_THIEF] : NULL;
}

/* word: a spawned task's TASK_FUNCTION */
static inline scope_fn *task_function(uint64_t word)
{
    return (scope_fn *)(uintptr_t)(word & ~TASK_SPAWNED);
}

/* ------------------------------------------------------------------------------------------------------------ fork.c */

/* As scope_fork2 in w's innermost scope, but nobody is told of f (scopei_offer). */
int scopei_fork2_offer(struct worker *w, scope_fn *f, void *a, scope_fn *g, void *b, bool early);

/* Runs a stolen forked task on w, whose node is that of the run, and leaves the result in its slot. */
void scopei_forked_run(struct worker *w, const struct task *task);

/* The same has ended with all that it spawned: tells its owner.  Afterwards its scope may end at any time. */
void scopei_forked_done(const struct task *task);

/* ---------------------------------------------------------------------------------------------------------- cancel.c */

/* Something has happened in s that its end must look at. */
void scopei_event(struct scope *s);

/* Gives s, which is being opened, a new generation, uncancelled and without events. */
void scopei_cancel_renew(struct scope *s, bool special);

/* After s has become visible: takes over a cancellation of its parent or token. */
void scopei_cancel_inherit(struct scope *s);

/* Cancels s and what is inside it; true if this call was first.  by: the task that did it; NULL: none. */
bool scopei_cancel(struct scope *s, enum scope_reason reason, const struct culprit *by);

/* When s was cancelled; 0: not known.  And by which thread, if that is.  Its owner, when all is done, or a task of it. */
uint64_t scopei_cancelled_ns(const struct scope *s);
const void *scopei_cancelled_by(const struct scope *s);

/* ----------------------------------------------------------------------------------------------------------- debug.c */

/* Prints a line on stderr, after "taskscope: ", and ends the program. */
void scopei_abort(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

/* An open scope of the caller's in words: its name, and where it was opened. */
struct words {
    char text[200];
};
struct words scopei_words(const struct scope *s);

/* ------------------------------------------------------------------------------------------------------------ said.c */

/* In told.places, above a bit for each place. */
enum {
    TOLD_FIRST = 1 << SCOPE_ERRORS_KEPT,          /* scope_fail was the first to cancel the scope */
    TOLD_RETURNED = 1 << (SCOPE_ERRORS_KEPT + 1), /* said.inner began as this, so its SCOPE_ERROR tells it again */
    TOLD = 1 << (SCOPE_ERRORS_KEPT + 2)           /* always */
};
static_assert(SCOPE_ERRORS_KEPT + 3 <= 16, "scope_fork2 passes 16 bits");

/* Adds a word to those of the same scope; one to another scope takes their place. */
void scopei_told_add(struct told *to, struct told told);

/* True if a task that returns code has told it before. */
bool scopei_told_same(const struct told *told, const struct scope_errors *inner, int code);

void scopei_said_drop(struct said *said);

/* Puts aside what w's running task has said so far, for a task that runs inside it; and puts it back, dropping what that
 * one said. */
struct said scopei_said_save(struct worker *w);
void scopei_said_restore(struct worker *w, struct said said);

/* Adds what w's running task has said to *past, as if it had said nothing; and puts all that back. */
void scopei_said_aside(struct worker *w, struct said *past);
void scopei_said_back(struct worker *w, struct said *past);

/* w's running task has said this, too, in a part of it that ran elsewhere. */
void scopei_said_add(struct worker *w, struct said said);

/* The body of s has returned *code on w: what it has told the scopes around s, for the task that has opened s; no longer w's.
 * code: NULL: a block, whose inner errors are that task's, too. */
struct said scopei_said_outward(struct worker *w, const struct scope *s, const int *code);

/* Keeps the errors of an inner scope that has ended on w, in case the running task returns them. */
void scopei_error_inner(struct worker *w, struct scope_errors *errors);

/* ----------------------------------------------------------------------------------------------------------- error.c */

/* True if the task that has just returned code said anything that scopei_error_returned must see to. */
static inline bool error_said(const struct worker *w, int code)
{
    return code != 0 || w->said_any;
}

/* An empty group on the heap, with one reference; NULL: out of memory.  And one more; NULL is fine. */
struct scope_errors *scopei_errors_create(void);
void scopei_errors_retain(struct scope_errors *errors);

/* Why a scope was cancelled, and its policy, in words. */
const char *scopei_reason_text(enum scope_reason reason);
const char *scopei_policy_text(enum scope_policy policy);

/* Frees the errors of an inner scope that nobody can return. */
void scopei_errors_drop(struct scope_errors *errors);

/* A task (or, with SCOPE_INDEX_BODY, the body) of s returned code, or called scope_fail: records it, and cancels.  task: NULL:
 * not described. */
void scopei_error_returned(struct worker *w, struct scope *s, int code, uint64_t index, const struct scope_task *task);

/* A chunk of a loop, run by w's task, returned code, and the innermost scope is s: says so, with its items, unless the chunk has
 * said so itself: then the items are added to what it said.  w->said is the chunk's alone. */
void scopei_error_items(struct worker *w, struct scope *s, int code, struct scope_range items);

/* A loop of w's task returns code, which has been told to s, its innermost scope. */
void scopei_error_loop(struct worker *w, struct scope *s, int code);

/* on_complete of s has returned code, an error, on w: records it. */
void scopei_error_policy(struct worker *w, struct scope *s, int code);

/* s has completed: fills the report, returns the outcome, and makes the frame ready for the next scope.  *errors: those of s,
 * for the caller to free or to say to the enclosing scope; NULL: none, or nobody encloses s. */
int scopei_error_outcome(struct scope *s, int body_code, struct scope_report *report, struct scope_errors **errors);

/* ---------------------------------------------------------------------------------------------------------- policy.c */

/* s is special: its tasks are watched or limited. */
static inline bool special_watched(const struct scope *s)
{
    return scope_policy(s) == SCOPE_RACE || s->special.on_complete;
}

/* Gives s, which is being opened, what the options ask for.  The deadline is set by scopei_special_begin. */
void scopei_special_init(struct scope *s, const struct scope_options *options);

/* s is visible, its body about to run.  False: the system refused the thread that watches deadlines, or the time. */
bool scopei_special_begin(struct scope *s, const struct scope_options *options);

/* All tasks of s have ended: its deadline is no longer looked at. */
void scopei_deadline_disarm(struct scope *s);

/* s has ended: as scope_run wants it. */
void scopei_special_end(struct scope *s);

/* A watched task of s has returned code. */
void scopei_watched_ended(struct scope *s, const uint64_t *word, int code);

/* A task has ended and s is cancelled: did it see that? */
void scopei_straggler_note(struct scope *s, const uint64_t *word, int code);

/* Spawns into s, which has a limit: the task may run now, or waits.  try: SCOPE_EAGAIN instead of waiting.  *now: the caller is
 * to spawn it, marked as limited. */
int scopei_limit_spawn(struct scope *s, struct task *task, bool try, bool *now);

/* A limited task of s has ended: runs those that wait, here, as w's innermost node's.   It could not be spawned: puts one that
 * waits in an inbox. */
void scopei_limit_next(struct worker *w, struct node *node, struct scope *s);
void scopei_limit_undo(struct scope *s);

#endif

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
#include "scope/taskscope.h"

#define BIAS ((uint64_t)1 << 62)

/* As many scopes as can be open on one worker's stack at once: with any real body an 8 MiB stack holds about as many. */
#define SCOPES_MAX 8192

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
    const char *name;         /* scope_run wants NULL */
    enum scope_policy policy; /* scope_run wants SCOPE_FAIL_FAST */
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
};

/* The innermost scope of w; NULL: none. */
static inline struct scope *worker_scope(const struct worker *w)
{
    return w->node ? w->node->scope : NULL;
}

/* ----------------------------------------------------------------------------------------------------------- scope.c */

/* A slot for a task of w's innermost node, to be filled, and followed by scopei_attend if it is slow; NULL: the deque is full. */
struct slot *scopei_slot(struct worker *w, bool *slow);

/* Makes room in the deque by running the newest tasks that w's innermost node has spawned; false: there are none on top. */
bool scopei_relieve(struct worker *w);

/* Spawns into a scope that the caller is inside of, by way of an inbox. */
int scopei_spawn_inbox(struct worker *w, struct scope *s, struct task *task);

/* ------------------------------------------------------------------------------------------------------------ join.c */

/* Makes the root node of s, a frame of w that has not been used yet; depth: which one, from 1. */
void scopei_root_init(struct scope *s, struct worker *w, uint64_t depth);

/* Runs or skips the node's tasks that are still in w's deque, down to its mark; the node is w's innermost. */
void scopei_node_drain(struct worker *w, struct node *node);

/* The same inside a task of the node, down to mark, above which there are spawned tasks only. */
void scopei_node_drain_to(struct worker *w, struct node *node, struct slot *mark);

/* A root node is drained: waits until every task of it has ended.  Returns true if no task of it was ever counted by
 * anybody but its owner. */
bool scopei_node_wait(struct worker *w, struct node *node);

/* Runs, or skips, a task of w's innermost node at once. */
void scopei_task_inline(struct worker *w, struct node *node, const struct task *task);

/* Frees what a task that will not run holds. */
void scopei_task_drop(const uint64_t *word);

extern const struct pool_hooks scopei_hooks;

/* The low bits of a spawned task's TASK_META, beside TASK_FORKED; above them is the spawn index. */
enum { TASK_COPIED = 2, TASK_HEAP = 4, TASK_INDEX_SHIFT = 8 };

static inline scope_fn *task_function(const uint64_t *word)
{
    return (scope_fn *)(uintptr_t)(word[TASK_FUNCTION] & ~TASK_SPAWNED);
}

/* ------------------------------------------------------------------------------------------------------------ fork.c */

/* Runs a stolen forked task on w, whose node is that of the run, and leaves the result in its slot. */
void scopei_forked_run(struct worker *w, const struct task *task);

/* The same has ended with all that it spawned: tells its owner.  Afterwards its scope may end at any time. */
void scopei_forked_done(const struct task *task);

/* ---------------------------------------------------------------------------------------------------------- cancel.c */

/* Something has happened in s that its end must look at. */
void scopei_event(struct scope *s);

/* Gives s, which is being opened, a new generation, uncancelled and without events. */
void scopei_cancel_renew(struct scope *s);

/* After s has become visible: takes over a cancellation of its parent or token. */
void scopei_cancel_inherit(struct scope *s);

/* Cancels s and what is inside it; true if this call was first. */
bool scopei_cancel(struct scope *s, enum scope_reason reason);

/* ----------------------------------------------------------------------------------------------------------- error.c */

/* True if the task that has just returned code said anything that scopei_error_returned must see to. */
static inline bool error_said(const struct worker *w, int code)
{
    return code != 0 || w->said_any;
}

/* Puts aside what w's running task has said so far, for a task that runs inside it; and puts it back, dropping what that
 * one said. */
struct said scopei_said_save(struct worker *w);
void scopei_said_restore(struct worker *w, struct said said);

/* w's running task has said this, too, in a part of it that ran elsewhere. */
void scopei_said_add(struct worker *w, struct said said);

/* Keeps the errors of an inner scope that has ended on w, in case the running task returns them. */
void scopei_error_inner(struct worker *w, struct scope_errors *errors);

/* Frees the errors of an inner scope that nobody can return. */
void scopei_errors_drop(struct scope_errors *errors);

/* A task (or, with SCOPE_INDEX_BODY, the body) of s returned code, or called scope_fail: records it, and cancels. */
void scopei_error_returned(struct worker *w, struct scope *s, int code, uint64_t index);

/* s has completed: fills the report, returns the outcome, and makes the frame ready for the next scope.  *errors: those of s,
 * for the caller to free or to say to the enclosing scope; NULL: none, or nobody encloses s. */
int scopei_error_outcome(struct scope *s, int body_code, struct scope_report *report, struct scope_errors **errors);

#endif

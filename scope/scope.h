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

struct node {
    struct lineage line; /* first: a node is found by its lineage.  O writes, anybody reads */
    /* I, while open */
    struct scope *scope;
    struct node *up; /* told when the node completes: that of the stolen task; NULL: the owner waits and is unparked */
    struct worker *owner;
    unsigned hops; /* a proxy's: how many proxies lie between it and a root; 0 for a root */
    /* O, owner only */
    uint64_t spawned;
    uint64_t taken;   /* of them, popped again by the owner */
    uint64_t skipped; /* of those, not run since the scope was cancelled */
    /* Anybody */
    struct atomic_u64 pending;
};

/* The node of a stolen task. */
struct proxy {
    struct node node;   /* first: a proxy is found by its node */
    struct proxy *next; /* in a list of free ones */
};

/* Scopes live in the worker's stack of frames, so their memory is only ever reused for scopes: a canceller may look at one
 * that has just ended. */
struct scope {
    /* Anybody; the first word is known to the public header */
    struct atomic_u64 cancel; /* generation << 8 | reason: cancel.c */
    /* O writes while opening, anybody reads */
    struct atomic_ptr parent; /* struct scope *: the enclosing one; NULL */
    struct atomic_ptr token;  /* struct scope_token *: held; NULL */
    /* I, while open */
    const char *name;
    enum scope_policy policy;
    /* O, owner only */
    bool reserve_used;
    /* Nodes */
    struct node root;
    struct proxy reserve; /* for one stolen task at a time, when there is no memory for proxies: join.c */
    /* Anybody, relaxed adds: summed up when the scope has completed, and all zero when one opens */
    struct atomic_u64 spawned; /* by others than the root node's plain counter */
    struct atomic_u64 skipped; /* likewise */
    struct atomic_u64 failed;
    struct atomic_u64 cancelled;
    struct atomic_u64 errors; /* total */
    struct atomic_ptr group;  /* struct scope_errors *: where they are kept; NULL: nowhere yet */
};

/* ------------------------------------------------------------------------------------------------------------ join.c */

/* Makes the root node of s, a frame of w that has not been used yet. */
void scopei_root_init(struct scope *s, struct worker *w);

/* Runs or skips the node's tasks that are still in w's deque; the node is w's innermost. */
void scopei_node_drain(struct worker *w, struct node *node);

/* A root node is drained: waits until every task of it has ended.  Returns true if no task of it was ever counted by
 * anybody but its owner. */
bool scopei_node_wait(struct worker *w, struct node *node);

/* Runs, or skips, a task of w's innermost node at once. */
void scopei_task_inline(struct worker *w, struct node *node, const struct task *task);

/* Frees what a task that will not run holds. */
void scopei_task_drop(const uint64_t *word);

extern const struct pool_hooks scopei_hooks;

/* The low bits of TASK_META; above them is the spawn index. */
enum { TASK_COPIED = 1, TASK_HEAP = 2, TASK_INDEX_SHIFT = 8 };

/* ---------------------------------------------------------------------------------------------------------- cancel.c */

/* Gives s, which is being opened, a new generation, uncancelled. */
void scopei_cancel_renew(struct scope *s);

/* After s has become visible: takes over a cancellation of its parent or token. */
void scopei_cancel_inherit(struct scope *s);

/* Cancels s and what is inside it; true if this call was first. */
bool scopei_cancel(struct scope *s, enum scope_reason reason);

/* ----------------------------------------------------------------------------------------------------------- error.c */

/* True if the task that has just returned code said anything that scopei_error_returned must see to. */
static inline bool error_said(const struct worker *w, int code)
{
    return code != 0 || w->said.scope || w->said.inner;
}

/* Frees what a task said that nobody will ask for. */
void scopei_said_drop(struct said *said);

/* Keeps the errors of an inner scope that has ended on w, in case the running task returns them. */
void scopei_error_inner(struct worker *w, struct scope_errors *errors);

/* A task (or, with SCOPE_INDEX_BODY, the body) of s returned code, or called scope_fail: records it, and cancels. */
void scopei_error_returned(struct worker *w, struct scope *s, int code, uint64_t index);

/* s has completed: fills the report, returns the outcome, and makes the frame ready for the next scope.  *errors: those of s,
 * for the caller to free or to say to the enclosing scope; NULL: none, or nobody encloses s. */
int scopei_error_outcome(struct scope *s, int body_code, struct scope_report *report, struct scope_errors **errors);

#endif

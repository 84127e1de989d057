/* What the scheduler knows of a task: the layout of its slot, and which waits may run it. */
#ifndef SCHED_TASK_H
#define SCHED_TASK_H

#include "deque/deque.h"

/* The words of a task's slot. */
enum {
    TASK_FUNCTION, /* scope layer: what to call */
    TASK_LINEAGE,  /* struct lineage *: the join node that counts it */
    TASK_META,     /* scope layer: index, flags, size */
    TASK_SPARE,    /* not used yet */
    TASK_ARG,      /* the first of TASK_ARG_WORDS words of argument */
};
#define TASK_ARG_WORDS (SLOT_WORDS - TASK_ARG)

/* A task outside a deque. */
struct task {
    uint64_t word[SLOT_WORDS];
};

/* The part of a join node that says whose descendant a task is.
 *
 * A *run* is one stolen task's execution on one worker, with all that is called from it; a guest's stay is one too.  Every
 * open scope and every task belongs to a run, at some depth of scope nesting.  base is the node of the run itself; a run's
 * node names in up the node that its task was spawned from.  So the ancestors of a task are found by: its own run's scopes
 * of lower depth, then up, and so on.
 *
 * Nodes live in memory that is only reused for nodes until the pool ends, and these words are atomic, so that a thief may
 * follow them before it has won the task.  It may then read garbage; if it wins the task afterwards it did not, for the
 * task was alive all the while, and with it all its ancestors. */
struct lineage {
    struct atomic_ptr base; /* struct lineage *: the node of the run that this node is in; itself, for a run's node */
    struct atomic_ptr up; /* struct lineage *: for a run's node: where its task was spawned; NULL for a guest's stay */
    struct atomic_u64 depth; /* how many scopes are open around what this node counts */
};

/* Tasks that a waiting worker may run: those that descend from scopes of depth or deeper in the run base. */
struct goal {
    const struct lineage *base;
    uint64_t depth;
};

static inline const struct lineage *task_lineage(const uint64_t *word)
{
    return (const struct lineage *)(uintptr_t)word[TASK_LINEAGE];
}

/* True if a task counted by node may be run by somebody who waits for goal.  NULL for goal: anybody may. */
bool scopei_task_allowed(const struct lineage *node, const struct goal *goal);

#endif

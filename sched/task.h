/* What the scheduler knows of a task: the layout of its slot, and which waits may run it. */
#ifndef SCHED_TASK_H
#define SCHED_TASK_H

#include "deque/deque.h"

/* The words of a task's slot.
 *
 * A *spawned* task is on its own: its slot is free as soon as it has been taken.  A *forked* one belongs to a function that
 * waits for it and stays in its slot until then, where a thief leaves the result.  A fork writes no more of it than it must:
 * the other words are of use to thieves only, so task_publish writes them. */
enum {
    TASK_FUNCTION, /* scope layer: what to call, and TASK_SPAWNED if it was spawned.  Or TASK_FORK2: LINEAGE is there, too */
    TASK_LINEAGE, /* struct lineage *: the join node that counts it, or that a forked one was forked under */
    TASK_META,    /* scope layer: index, flags.  A forked one: its slot's address | TASK_FORKED; 0 when it has ended */
    TASK_THIEF,   /* a forked one: struct lineage *: the node of the thief's run; 0 until a thief has it */
    TASK_ARG,     /* the first of TASK_ARG_WORDS words of argument, and later of a forked one's result */
};
#define TASK_ARG_WORDS (SLOT_WORDS - TASK_ARG)

#define TASK_SPAWNED ((uint64_t)1 << 63) /* in TASK_FUNCTION: no address has that bit */
#define TASK_FORK2 1u                    /* for TASK_FUNCTION: a fork that was not made by a typed task */
#define TASK_FORKED 1u                   /* in TASK_META: slots are aligned */
#define TASK_EARLY 2u                    /* beside it: offered by scopei_offer, to be left to its owner for a while */

static inline bool task_offered(const uint64_t *word)
{
    return (word[TASK_META] & (TASK_FORKED | TASK_EARLY)) == (TASK_FORKED | TASK_EARLY);
}

/* The slot of a forked task, by its word TASK_META. */
static inline struct slot *task_slot(uint64_t meta)
{
    return (struct slot *)(uintptr_t)(meta & ~(uint64_t)(TASK_FORKED | TASK_EARLY));
}

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
    struct atomic_u64 depth; /* in which of the run's scopes: greater for inner ones; 0: in none that the run opened */
};

/* Tasks that a waiting worker may run: those that descend from scopes of depth or deeper in the run base; or, if it waits
 * for a forked task, from that one's run, whose base stands in its slot once a thief has it. */
struct goal {
    const struct lineage *base;
    uint64_t depth;
    const struct slot *forked; /* NULL: it waits for a scope */
};

static inline const struct lineage *task_lineage(const uint64_t *word)
{
    return (const struct lineage *)(uintptr_t)word[TASK_LINEAGE];
}

/* True if a task counted by node may be run by somebody who waits for goal.  NULL for goal: anybody may. */
bool scopei_task_allowed(const struct lineage *node, const struct goal *goal);

#endif

/* Spawning: into the innermost scope, into one around it, with a copied argument, as described, by a permit. */
#include "sched/idle.h"
#include "sched/inbox.h"
#include "scope/scope.h"

#include <stdlib.h>
#include <string.h>

/* How many tasks of a node may run inside each other because the deque was full. */
#define INLINED_MAX 16

/* How many tasks a spawn runs that finds the deque full: enough that a loop of spawns goes on at the usual cost (18 ns a spawn
 * and its task without, 10 with, bench/spawn). */
#define RELIEF 256

static uint64_t word_of(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

static uint64_t function_word(scope_fn *fn)
{
    return (uint64_t)(uintptr_t)fn | TASK_SPAWNED;
}

bool scopei_encloses(const struct scope *s, const struct worker *w)
{
    /* Relaxed: the scopes around us are open, and were so before we started. */
    for (const struct scope *inner = w ? worker_scope(w) : NULL; inner; inner = load_relaxed_ptr(&inner->parent))
        if (inner == s)
            return true;
    return false;
}

/* A task of an enclosing scope may not lie on top of the inner one's in the deque.  w: NULL, for a thread that is no worker. */
int scopei_spawn_inbox(struct worker *w, struct scope *s, struct task *task)
{
    struct worker *at = w && w->pool == s->root.owner->pool ? w : s->root.owner;
    scopei_event(s);
    task->word[TASK_LINEAGE] = word_of(&s->root.line);
    task->word[TASK_META] |= add_relaxed(&s->spawned, 1) << TASK_INDEX_SHIFT; /* Relaxed: the join orders it. */
    (void)add_relaxed(&s->root.pending, 1); /* Relaxed: the inbox's lock comes before the task can run. */
    if (!scopei_inbox_put(at, task)) {
        /* Nobody can have completed the scope meanwhile: the caller runs inside it. */
        (void)sub_relaxed(&s->root.pending, 1);     /* Relaxed: it does not complete the scope. */
        (void)add_relaxed(&s->spawned, UINT64_MAX); /* Relaxed: as above. */
        task->word[TASK_META] &= TASK_FLAGS;
        return SCOPE_ENOMEM;
    }
    scopei_idle_notify(at->pool, &s->root.line);
    return SCOPE_OK;
}

/* The oldest of w's newest tasks, at most count of them, that its innermost node has spawned, with no fork that waits to be
 * joined among them or above. */
static struct slot *spawned_since(struct worker *w, uint64_t count)
{
    struct slot *slot = w->deque.bottom;
    for (; count > 0 && slot > w->node->mark; count--, slot--)
        if (!(load_relaxed(&slot[-1].word[TASK_FUNCTION]) & TASK_SPAWNED)) /* Relaxed: our own slot. */
            break;
    return slot;
}

bool scopei_relieve(struct worker *w)
{
    struct slot *mark = spawned_since(w, RELIEF);
    bool room = mark < w->deque.bottom;
    if (room)
        scopei_node_drain_to(w, w->node, mark);
    return room;
}

struct slot *scopei_slot(struct worker *w, bool *slow)
{
    struct deque *d = &w->deque;
    struct slot *slot = deque_push(d);
    *slow = slot == NULL;
    if (slot)
        return slot;
    /* All of it stolen: it can be used again, which is seldom enough to look through it. */
    bool empty = deque_full(d) && !deque_private(d) && scopei_deque_starved(d);
    return scopei_push_slow(w, empty ? spawned_since(w, DEQUE_CAPACITY) : NULL);
}

/* The deque is full: makes room by running the newest tasks, many at a time, or else runs the new one at once.  But tasks that
 * spawn inside each other must not fill the stack, so beyond some depth they go to the inbox; and without memory for that the
 * stack has to do.  Returns true if there is room now, false if task is seen to. */
static bool spawn_full(struct worker *w, struct task *task)
{
    struct node *node = w->node;
    if (node->inlined >= INLINED_MAX && scopei_spawn_inbox(w, node->scope, task) == SCOPE_OK)
        return false;
    node->inlined++;
    bool room = scopei_relieve(w);
    if (!room) {
        task->word[TASK_META] |= node_count(node) << TASK_INDEX_SHIFT;
        scopei_task_inline(w, node, task);
    }
    node->inlined--;
    return room;
}

/* Counts a task of node's and writes it into its slot.  Relaxed, all: published by the release of pub. */
static inline void task_put(struct node *node, struct slot *slot, const struct task *task)
{
    uint64_t meta = task->word[TASK_META];
    store_relaxed(&slot->word[TASK_FUNCTION], task->word[TASK_FUNCTION]);
    store_relaxed(&slot->word[TASK_LINEAGE], word_of(&node->line));
    store_relaxed(&slot->word[TASK_META], meta | node_count(node) << TASK_INDEX_SHIFT);
    store_relaxed(&slot->word[TASK_THIEF], task->word[TASK_THIEF]);
    store_relaxed(&slot->word[TASK_ARG], task->word[TASK_ARG]);
    if (meta & TASK_COPIED)
        for (size_t i = 1; i < TASK_ARG_WORDS; i++)
            store_relaxed(&slot->word[TASK_ARG + i], task->word[TASK_ARG + i]);
}

/* Spawns into the innermost scope. */
static int spawn_here(struct worker *w, struct task *task)
{
    struct node *node = w->node;
    struct slot *slot;
    bool slow;
    while (!(slot = scopei_slot(w, &slow)))
        if (!spawn_full(w, task))
            return SCOPE_OK;
    task_put(node, slot, task);
    if (slow)
        scopei_attend(w);
    return SCOPE_OK;
}

/* A caller who is inside s, or holds a permit for it. */
static int spawn_into(struct worker *w, struct scope *s, struct task *task, bool try)
{
    bool now = true;
    if (scope_cancelled(s) && !(task->word[TASK_META] & TASK_ANYWAY))
        return SCOPE_ECANCELED;
    if (special_watched(s))
        task->word[TASK_META] |= TASK_WATCHED;
    int status = s->special.limit ? scopei_limit_spawn(s, task, try, &now) : SCOPE_OK;
    if (status != SCOPE_OK || !now)
        return status;
    status = w && w->open == s ? spawn_here(w, task) : scopei_spawn_inbox(w, s, task);
    if (status != SCOPE_OK && s->special.limit)
        scopei_limit_undo(s);
    return status;
}

/* Where a task is spawned from. */
struct spawner {
    struct scope *s;
    bool permitted; /* no matter by whom */
    bool try;       /* or fail if it has to wait */
};

static __attribute__((noinline)) int spawn_slow(const struct spawner *by, struct task *task)
{
    struct worker *w = worker_self();
    if (!by->permitted && !scopei_encloses(by->s, w))
        return SCOPE_EPERM;
    return spawn_into(w, by->s, task, by->try);
}

static inline int spawn(const struct spawner *by, struct task *task)
{
    struct worker *w = worker_self();
    struct slot *slot = w && w->open == by->s && !scopei_attends(by->s) ? deque_push(&w->deque) : NULL;
    if (SCOPEI_UNLIKELY(!slot))
        return spawn_slow(by, task);
    task_put(w->node, slot, task);
    return SCOPE_OK;
}

int scopei_spawn_slow(struct scope *s, scope_fn *fn, void *arg)
{
    if (!s || !fn)
        return SCOPE_EINVAL;
    struct task task = {.word = {[TASK_FUNCTION] = function_word(fn), [TASK_ARG] = word_of(arg)}};
    return spawn_slow(&(struct spawner){.s = s}, &task); /* scope_spawn has looked whether it can be done at once */
}

/* A task with a copy of the size bytes at arg, or with the pointer if size is 0. */
static inline int spawn_copy(const struct spawner *by, struct task *task, const void *arg, size_t size)
{
    void *copy = NULL;
    if (size > TASK_ARG_WORDS * sizeof(uint64_t)) {
        if (!(copy = malloc(size)))
            return SCOPE_ENOMEM;
        memcpy(copy, arg, size);
        task->word[TASK_META] |= TASK_HEAP;
        task->word[TASK_ARG] = word_of(copy);
    } else if (size > 0) {
        task->word[TASK_META] |= TASK_COPIED;
        memcpy(&task->word[TASK_ARG], arg, size);
    } else {
        task->word[TASK_ARG] = word_of(arg);
    }
    int status = spawn(by, task);
    if (status != SCOPE_OK)
        free(copy);
    return status;
}

int scopei_spawn_copy_slow(struct scope *s, scope_fn *fn, const void *arg, size_t size)
{
    if (!s || !fn || !arg || size == 0 || size > SCOPE_COPY_MAX)
        return SCOPE_EINVAL;
    struct task task = {.word = {[TASK_FUNCTION] = function_word(fn)}};
    return spawn_copy(&(struct spawner){.s = s}, &task, arg, size);
}

static inline int spawn_described(const struct spawner *by, const struct scope_task *described, void *arg)
{
    if (!by->s || (described->flags & ~SCOPE_RUN_ANYWAY) || described->copy > SCOPE_COPY_MAX ||
        (described->copy && !arg))
        return SCOPE_EINVAL;
    struct task task = {.word = {[TASK_FUNCTION] = function_word(described->fn),
                                 [TASK_META] = TASK_DESCRIBED,
                                 [TASK_THIEF] = word_of(described)}};
    if (described->flags & SCOPE_RUN_ANYWAY)
        task.word[TASK_META] |= TASK_ANYWAY;
    return spawn_copy(by, &task, arg, described->copy);
}

/* The same, and disposes of the argument if that fails; not if it was only tried. */
static inline int spawn_task(const struct spawner *by, const struct scope_task *task, void *arg)
{
    if (!task || !task->fn)
        return SCOPE_EINVAL;
    int status = spawn_described(by, task, arg);
    if (status != SCOPE_OK && status != SCOPE_EAGAIN && task->dispose)
        task->dispose(arg);
    return status;
}

int scope_spawn_task(struct scope *s, const struct scope_task *task, void *arg)
{
    return spawn_task(&(struct spawner){.s = s}, task, arg);
}

int scope_try_spawn(struct scope *s, const struct scope_task *task, void *arg)
{
    return spawn_task(&(struct spawner){.s = s, .try = true}, task, arg);
}

/* ------------------------------------------------------------------------------------------------------------ Permits */

struct scope_permit {
    struct scope *s; /* which counts the permit as it does a task */
};

struct scope_permit *scope_permit_create(struct scope *s)
{
    if (!s || !scopei_encloses(s, worker_self()) || scope_cancelled(s))
        return NULL;
    struct scope_permit *permit = malloc(sizeof(*permit));
    if (!permit)
        return NULL;
    permit->s = s;
    (void)add_relaxed(&s->root.pending, 1); /* Relaxed: not too late, as the caller is inside. */
    return permit;
}

int scope_permit_spawn(struct scope_permit *permit, scope_fn *fn, void *arg)
{
    if (!permit || !fn)
        return SCOPE_EINVAL;
    struct task task = {.word = {[TASK_FUNCTION] = function_word(fn), [TASK_ARG] = word_of(arg)}};
    return spawn(&(struct spawner){.s = permit->s, .permitted = true}, &task);
}

int scope_permit_spawn_task(struct scope_permit *permit, const struct scope_task *task, void *arg)
{
    return spawn_task(&(struct spawner){.s = permit ? permit->s : NULL, .permitted = true}, task, arg);
}

int scope_permit_cancel(struct scope_permit *permit)
{
    return permit ? scopei_cancel(permit->s, SCOPE_REASON_EXPLICIT, NULL) : SCOPE_EINVAL;
}

bool scope_permit_cancelled(const struct scope_permit *permit)
{
    return permit && scope_cancelled(permit->s);
}

void scope_permit_release(struct scope_permit *permit)
{
    if (!permit)
        return;
    struct scope *s = permit->s;
    free(permit);
    scopei_pools_hold(); /* the owner, who is still to be woken, may see that it is over, and end its pool */
    scopei_node_done(&s->root);
    scopei_pools_let_go();
}

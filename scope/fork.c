/* Forks: the slow paths of typed tasks and of scope_fork2.
 *
 * A forked task stays in its slot until the function that forked it joins it.  Typed tasks keep the end of the deque in a
 * register, so the slow paths are told where it is and write it to the deque first.  Meanwhile w->open is NULL: nobody may push
 * on the deque whose end is not known, so a spawn goes to an inbox, and scope_run to a guest's deque.
 *
 * A stolen one:
 *
 *      owner (join_wait)                      thief (scopei_forked_run, scopei_forked_done)
 *                                             1  THIEF := node of its run
 *                                             2  runs the task and what it spawns, writes the result
 *      1  META = 0? done                      3  META := 0
 *      2  run tasks that descend from THIEF   4  unpark the owner
 *      3  park, and again from 1
 *
 * The slot is not used for anything else before the owner has seen META = 0; the thief's node is not used for anything else
 * before the thief has written it. */
#include "scope/scope.h"

#include <stdlib.h>
#include <string.h>

/* A typed call begins with room for so many forks, as forks without room are slow: spawned tasks run first, if need be. */
#define CALL_ROOM 1024

/* A forked task that found the deque full: it has run at once, and its result waits here for the join. */
struct overflow {
    struct scopei_slot slot;
    struct overflow *next;
    const struct scopei_slot *at; /* where it would have been */
    unsigned level;               /* how many of them it ran inside */
};

static struct worker *worker_of(struct scopei_worker *w)
{
    return (struct worker *)(void *)w;
}

/* In the slot of scope_fork2, first the function and its argument, then its code and what it said. */
enum { FORK2_FUNCTION, FORK2_ARG };
enum { FORK2_CODE, FORK2_TOLD, FORK2_OUTER, FORK2_INNER };

static struct scopei_slot *public_slot(struct slot *slot)
{
    return (struct scopei_slot *)(void *)slot;
}

static struct slot *slot_of(struct scopei_slot *at)
{
    return (struct slot *)(void *)at;
}

/* At the end of a slow path of typed tasks: true if their scope is cancelled.  Then, and while there is an overflow, every fork
 * and join has to come here. */
static bool forks_attend(struct worker *w)
{
    bool cancelled = scope_cancelled(worker_scope(w));
    if (cancelled || w->overflow)
        scopei_deque_request(&w->deque);
    return cancelled;
}

/* --------------------------------------------------------------------------------------------------- A full deque */

static void overflow_refused(struct worker *w)
{
    struct scope *s = worker_scope(w);
    (void)scope_fail(s, SCOPE_ENOMEM, "no memory for the result of a fork");
    (void)scopei_cancel(s, SCOPE_REASON_SIBLING, NULL);
}

/* Without memory for the result the scope fails. */
static void overflow_run(struct worker *w, const struct scopei_slot *at, scopei_forked_fn *run, const void *arg,
                         size_t size)
{
    struct overflow *overflow = aligned_alloc(alignof(struct overflow), sizeof(*overflow));
    if (!overflow) {
        overflow_refused(w);
        return;
    }
    *overflow = (struct overflow){.at = at, .level = w->overflow_level++};
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    if (!scope_cancelled(worker_scope(w))) {
        memcpy(overflow->slot.arg, arg, size);
        run((struct scopei_worker *)(void *)w, &overflow->slot);
    }
    called = false;
    w->overflow_level--;
    overflow->next = w->overflow;
    w->overflow = overflow;
}

/* The result of the fork at `at`, in the slot behind the last, which is there for that. */
static struct scopei_slot *overflow_take(struct worker *w, const struct scopei_slot *at)
{
    struct scopei_slot *result = public_slot(w->deque.end);
    struct overflow *overflow = w->overflow;
    memset(result, 0, sizeof(*result));
    if (overflow && overflow->at == at && overflow->level == w->overflow_level) {
        *result = overflow->slot;
        w->overflow = overflow->next;
        free(overflow);
    }
    return result;
}

/* A fork or a join of typed tasks is beyond the end of the deque. */
static bool overflows(struct worker *w, struct scopei_slot *at)
{
    if (slot_of(at) < w->deque.end)
        return false;
    w->deque.bottom = w->deque.end;
    if (deque_requested(&w->deque))
        scopei_attend(w);
    return true;
}

/* ------------------------------------------------------------------------------------------------------ Slow paths */

/* Typed tasks: fills the slot, and answers the request, or sees that the deque is full. */
void scopei_fork_slow(struct scopei_worker *self, struct scopei_slot *at, scopei_forked_fn *run, const void *arg,
                      size_t size)
{
    struct worker *w = worker_of(self);
    if (overflows(w, at)) {
        overflow_run(w, at, run, arg, size);
    } else {
        scopei_put(&at->function, (uint64_t)(uintptr_t)run);
        scopei_words_put(at, arg, size);
        w->deque.bottom = slot_of(at) + 1;
        scopei_attend(w);
    }
    (void)forks_attend(w);
}

/* The forked task in the slot was stolen: waits until it has ended, and runs tasks that descend from it meanwhile. */
static void join_wait(struct worker *w, struct slot *slot)
{
    const struct goal goal = {.forked = slot};
    scopei_wait(w, &slot->word[TASK_META], &goal);
    (void)scopei_deque_reset(&w->deque, slot); /* all that is older was stolen before it, so the deque is empty */
}

/* What a task leaves as its result if it is skipped: it has said nothing. */
static void result_skipped(struct slot *slot)
{
    /* Relaxed, all: our own slot, or released by META. */
    for (size_t i = 0; i < TASK_ARG_WORDS; i++)
        store_relaxed(&slot->word[TASK_ARG + i], 0);
    if (load_relaxed(&slot->word[TASK_FUNCTION]) == TASK_FORK2)
        store_relaxed(&slot->word[TASK_ARG + FORK2_CODE], (uint32_t)SCOPE_ECANCELED);
}

/* Typed tasks: where the result of the newest fork, at `at`, is to be read; NULL: the task has been taken back, run it. */
struct scopei_slot *scopei_join_slow(struct scopei_worker *self, struct scopei_slot *at)
{
    struct worker *w = worker_of(self);
    struct scopei_slot *result = at;
    if (overflows(w, at)) {
        result = overflow_take(w, at);
        (void)forks_attend(w);
    } else {
        w->deque.bottom = slot_of(at) + 1;
        bool mine = scopei_pop_slow(w) != NULL;
        if (!mine)
            join_wait(w, slot_of(at));
        bool cancelled = forks_attend(w);
        if (mine && !cancelled)
            return NULL;
        if (mine)
            result_skipped(slot_of(at));
    }
    return result;
}

/* A body or task of s begins a typed call. */
struct scope_strand scopei_call_begin(struct scope *s, const char *name)
{
    struct scopei_worker *self = scopei_self;
    if (!self || !s || self->open != s) {
        scopei_abort("%s_call: the scope given is not the innermost one that the calling thread is in", name);
    }
    struct worker *w = worker_of(self);
    while (w->deque.end - w->deque.bottom < CALL_ROOM && scopei_relieve(w))
        ;
    self->open = NULL;
    (void)forks_attend(w);
    return (struct scope_strand){self->bottom, (uintptr_t)self};
}

/* The typed call that began at `at` has ended.  open: as it was before. */
void scopei_call_end(struct scopei_worker *self, struct scope *open, struct scopei_slot *at)
{
    if (worker_of(self)->deque.shared > slot_of(at)) {
        scopei_abort("a typed task has returned before it had joined all that it forked");
    }
    self->bottom = at;
    self->open = open;
}

/* ------------------------------------------------------------------------------------------------------- scope_fork2 */

/* Calls fn, which an exception may not leave, nor the thread's end. */
static int must_return(scope_fn *fn, struct scope *s, void *arg)
{
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    int code = fn(s, arg);
    called = false;
    return code;
}

static int fork2_call(struct scope *s, const struct slot *slot)
{
    /* Relaxed: our own slot, or acquired with pub. */
    scope_fn *fn = (scope_fn *)(uintptr_t)load_relaxed(&slot->word[TASK_ARG + FORK2_FUNCTION]);
    return must_return(fn, s, (void *)(uintptr_t)load_relaxed(&slot->word[TASK_ARG + FORK2_ARG]));
}

/* What a thief runs: what the function said goes into the slot, too. */
static void fork2_run(struct worker *w, struct slot *slot)
{
    int code = fork2_call(w->open, slot);
    struct said said = scopei_said_save(w);
    /* Relaxed, all: released by META. */
    store_relaxed(&slot->word[TASK_ARG + FORK2_CODE],
                  (uint32_t)code | (uint64_t)said.own.places << 32 | (uint64_t)said.outer.places << 48);
    store_relaxed(&slot->word[TASK_ARG + FORK2_TOLD], (uint32_t)said.own.code | (uint64_t)said.outer.code << 32);
    store_relaxed(&slot->word[TASK_ARG + FORK2_OUTER], (uint64_t)(uintptr_t)said.outer.scope);
    store_relaxed(&slot->word[TASK_ARG + FORK2_INNER], (uint64_t)(uintptr_t)said.inner);
}

/* The code of a task that a thief has run; what it said is now said by the task that waited. */
static int fork2_result(struct worker *w, const struct scopei_slot *at)
{
    uint64_t code = at->arg[FORK2_CODE], told = at->arg[FORK2_TOLD];
    struct said said = {.inner = (struct scope_errors *)(uintptr_t)at->arg[FORK2_INNER]};
    said.own.places = (uint16_t)(code >> 32);
    said.own.scope = said.own.places ? w->open : NULL;
    said.own.code = (int)(uint32_t)told;
    said.outer.places = (uint16_t)(code >> 48);
    said.outer.scope = (struct scope *)(uintptr_t)at->arg[FORK2_OUTER];
    said.outer.code = (int)(uint32_t)(told >> 32);
    scopei_said_add(w, said);
    return (int)(uint32_t)code;
}

/* Joins the fork in the slot, which was stolen; returns its code. */
static int fork2_await(struct worker *w, struct slot *slot)
{
    join_wait(w, slot);
    return fork2_result(w, public_slot(slot));
}

/* Joins the fork in the slot; returns its code. */
static int fork2_join(struct worker *w, struct slot *slot)
{
    if (w->deque.bottom > slot + 1) /* spawned meanwhile */
        scopei_node_drain_to(w, w->node, slot + 1);
    if (!scopei_pop_slow(w))
        return fork2_await(w, slot);
    return scope_cancelled(w->open) ? SCOPE_ECANCELED : fork2_call(w->open, slot);
}

/* Joins the fork at `at`; second: the code of what was called meanwhile.  Returns that of both. */
int scopei_join2_slow(struct scopei_worker *self, struct scopei_slot *at, int second)
{
    int first = fork2_join(worker_of(self), slot_of(at));
    return second ? second : first;
}

static void fork2_fill(const struct worker *w, struct slot *slot, scope_fn *f, void *a)
{
    /* Relaxed, all: published by the release of pub. */
    store_relaxed(&slot->word[TASK_FUNCTION], TASK_FORK2);
    store_relaxed(&slot->word[TASK_LINEAGE], (uint64_t)(uintptr_t)w->node);
    store_relaxed(&slot->word[TASK_ARG + FORK2_FUNCTION], (uint64_t)(uintptr_t)f);
    store_relaxed(&slot->word[TASK_ARG + FORK2_ARG], (uint64_t)(uintptr_t)a);
}

/* A request, a full deque, or a mistake. */
int scopei_fork2_slow(struct scope *s, scope_fn *f, void *a, scope_fn *g, void *b)
{
    struct worker *w = worker_self();
    if (!s || !f || !g)
        return SCOPE_EINVAL;
    if (!w || w->open != s)
        return SCOPE_EPERM;
    bool slow;
    struct slot *slot = scopei_slot(w, &slow);
    if (!slot && scopei_relieve(w))
        slot = scopei_slot(w, &slow);
    if (!slot) {
        int second = must_return(g, s, b);
        int first = scope_cancelled(s) ? SCOPE_ECANCELED : must_return(f, s, a);
        return second ? second : first;
    }
    fork2_fill(w, slot, f, a);
    scopei_attend(w);
    int second = must_return(g, s, b);
    int first = fork2_join(w, slot);
    return second ? second : first;
}

int scopei_fork2_offer(struct worker *w, scope_fn *f, void *a, scope_fn *g, void *b, bool early)
{
    struct scope *s = w->open;
    bool slow;
    struct slot *slot = scopei_slot(w, &slow);
    if (!slot)
        return scopei_fork2_slow(s, f, a, g, b);
    fork2_fill(w, slot, f, a);
    scopei_offer(w, early);
    int second = must_return(g, s, b);
    int first;
    if (w->deque.bottom == slot + 1 && !deque_private(&w->deque)) {
        /* The usual case: nothing is left to be published, so requests are left for the next push. */
        bool mine = scopei_deque_take(&w->deque);
        scopei_attend_next(w); /* as perhaps nothing is published now */
        first = !mine ? fork2_await(w, slot) : scope_cancelled(s) ? SCOPE_ECANCELED : must_return(f, s, a);
    } else {
        first = fork2_join(w, slot);
    }
    return second ? second : first;
}

/* ----------------------------------------------------------------------------------------------------------- Thieves */

static struct slot *forked_slot(const struct task *task)
{
    return task_slot(task->word[TASK_META]);
}

void scopei_forked_run(struct worker *w, const struct task *task)
{
    struct slot *slot = forked_slot(task);
    const struct node *origin = (const struct node *)(uintptr_t)task->word[TASK_LINEAGE];
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    /* Relaxed: scopei_task_allowed reads nothing by way of it. */
    store_relaxed(&slot->word[TASK_THIEF], (uint64_t)(uintptr_t)w->node);
    if (scope_cancelled(origin->scope))
        result_skipped(slot);
    else if (task->word[TASK_FUNCTION] == TASK_FORK2)
        fork2_run(w, slot);
    else
        ((scopei_forked_fn *)(uintptr_t)task->word[TASK_FUNCTION])((struct scopei_worker *)(void *)w,
                                                                   public_slot(slot));
    called = false;
}

void scopei_forked_done(const struct task *task)
{
    const struct node *origin = (const struct node *)(uintptr_t)task->word[TASK_LINEAGE];
    struct worker *owner = origin->owner;
    /* pairs with: scopei_task_allowed, scopei_help.  The result is visible; nobody touches the slot afterwards. */
    store_release(&forked_slot(task)->word[TASK_META], 0);
    (void)scopei_unpark(&owner->parker);
}

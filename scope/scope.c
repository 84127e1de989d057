/* Scopes: run, spawn; and the public calls on pools. */
#include "scope/scope.h"
#include "sched/idle.h"
#include "sched/inbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(offsetof(struct scope, cancel) == 0, "the public header reads the first word of a scope");
static_assert(SCOPE_WORKERS_MAX == POOL_WORKERS_MAX, "the public header says how many workers there can be");

/* How many tasks may run inside each other because the deque was full. */
#define INLINED_MAX 16

/* ------------------------------------------------------------------------------------------------------------- Scopes */

static bool options_valid(const struct scope_options *options)
{
    return !options || (options->size == sizeof(*options) && options->flags == 0 &&
                        (options->policy == SCOPE_FAIL_FAST || options->policy == SCOPE_COLLECT));
}

static void report_clear(struct scope_report *report)
{
    memset(report, 0, sizeof(*report));
    report->size = sizeof(*report);
}

/* Opens a scope on w inside parent.  NULL: too many are open. */
static struct scope *scope_open(struct worker *w, struct scope *parent, const struct scope_options *options,
                                struct scope_report *report)
{
    uint64_t depth =
        load_relaxed(&w->depth); /* Relaxed, here and below: our own words; published by the store of depth. */
    if (depth == SCOPES_MAX)
        return NULL;
    struct scope *s = &w->scopes[depth];
    if (__builtin_expect(!s->root.owner, 0))
        scopei_root_init(s, w);
    store_relaxed_ptr(&s->parent, parent);
    store_relaxed_ptr(&s->token, options ? scope_token_retain(options->token) : NULL);
    s->name = options ? options->name : NULL;
    s->policy = options ? options->policy : SCOPE_FAIL_FAST;
    s->root.spawned = 0;
    s->root.taken = 0;
    store_relaxed_ptr(&s->root.line.base, w->base);
    store_relaxed(&s->root.line.depth, parent ? load_relaxed(&parent->root.line.depth) + 1 : 0);
    if (report)
        store_relaxed_ptr(&s->group, &report->group);
    scopei_cancel_renew(s);
    store_release(&w->depth, depth + 1); /* pairs with: worker_visit */
    scopei_cancel_inherit(s);
    return s;
}

/* True if a scope that has completed, all of whose own tasks were popped again, is not as it was when it opened. */
static inline bool scope_eventful(const struct scope *s)
{
    /* Relaxed: the join has ordered what others counted. */
    return scope_cancelled(s) || load_relaxed(&s->errors) || load_relaxed(&s->cancelled) || load_relaxed(&s->spawned);
}

/* Runs a whole scope on w.  *errors: as scopei_error_outcome gives them. */
static inline int scope_perform(struct worker *w, struct scope *parent, const struct scope_options *options,
                                struct scope_report *report, scope_fn *body, void *arg, struct scope_errors **errors)
{
    struct scope *outer_scope = w->scope;
    struct node *outer_node = w->node;
    uint64_t outer_mark = w->mark;
    struct scope *s = scope_open(w, parent, options, report);
    if (!s)
        return SCOPE_EDEPTH;
    w->scope = s;
    w->node = &s->root;
    w->mark = w->deque.bottom;

    int code = body(s, arg);
    if (__builtin_expect(error_said(w, code), 0))
        scopei_error_returned(w, s, code, SCOPE_INDEX_BODY);
    scopei_node_drain(w, &s->root);
    int status = SCOPE_OK;
    if (!scopei_node_wait(w, &s->root) || code || report || scope_eventful(s))
        status = scopei_error_outcome(s, code, report, errors);

    store_release(&w->depth, load_relaxed(&w->depth) - 1);   /* pairs with: worker_visit.  Relaxed: our own word. */
    struct scope_token *token = load_relaxed_ptr(&s->token); /* Relaxed: our own word.  The options may have changed. */
    if (token)
        scope_token_release(token);
    w->scope = outer_scope;
    w->node = outer_node;
    w->mark = outer_mark;
    return status;
}

/* The calling thread becomes a guest of the pool; outer: the worker of another pool that it is already, or NULL. */
static int run_as_guest(struct scope_pool *pool, struct worker *outer, const struct scope_options *options,
                        struct scope_report *report, scope_fn *body, void *arg, struct scope_errors **errors)
{
    if (scopei_pool_foreign(pool))
        return SCOPE_EFORK;
    struct worker *w = scopei_guest_enter(pool);
    if (!w)
        return SCOPE_ENOMEM;
    int status = scope_perform(w, outer ? outer->scope : NULL, options, report, body, arg, errors);
    scopei_guest_leave(w, outer);
    return status;
}

int scope_run_with(const struct scope_options *options, struct scope_report *report, scope_fn *body, void *arg)
{
    if (!body || !options_valid(options) || (report && report->size != sizeof(*report)))
        return SCOPE_EINVAL;
    if (report)
        report_clear(report);
    struct worker *w = scopei_self;
    struct scope_pool *pool = options ? options->pool : NULL;
    if (!pool)
        pool = w ? w->pool : scopei_pool_default(&scopei_hooks);
    if (!pool)
        return SCOPE_ENOMEM;
    struct scope_errors *errors = NULL;
    struct said said = {0};
    if (w) {
        said = w->said;
        w->said = (struct said){0};
    }
    int status = w && w->pool == pool ? scope_perform(w, w->scope, options, report, body, arg, &errors)
                                      : run_as_guest(pool, w, options, report, body, arg, &errors);
    if (w)
        w->said = said;
    if (errors)
        scopei_error_inner(w, errors);
    if (report)
        report->status = status;
    return status;
}

int scope_run(scope_fn *body, void *arg)
{
    struct worker *w = scopei_self;
    if (!body || !w || error_said(w, 0))
        return scope_run_with(NULL, NULL, body, arg);
    struct scope_errors *errors = NULL;
    int status = scope_perform(w, w->scope, NULL, NULL, body, arg, &errors);
    if (__builtin_expect(errors != NULL, 0))
        scopei_error_inner(w, errors);
    return status;
}

/* -------------------------------------------------------------------------------------------------------------- Spawn */

static uint64_t word_of(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

static bool encloses(const struct scope *s, const struct worker *w)
{
    /* Relaxed: the scopes around us are open, and were so before we started. */
    for (const struct scope *inner = w ? w->scope : NULL; inner; inner = load_relaxed_ptr(&inner->parent))
        if (inner == s)
            return true;
    return false;
}

/* Spawns into a scope that w is inside of, by way of an inbox.  A task of an enclosing scope may not lie on top of the inner
 * one's in the deque. */
static int spawn_inbox(struct worker *w, struct scope *s, struct task *task)
{
    struct worker *at = w->pool == s->root.owner->pool ? w : s->root.owner;
    task->word[TASK_LINEAGE] = word_of(&s->root.line);
    task->word[TASK_META] |= add_relaxed(&s->spawned, 1) << TASK_INDEX_SHIFT; /* Relaxed: the join orders it. */
    (void)add_acq_rel(&s->root.pending, 1); /* pairs with: node_done; before the task can run */
    if (!scopei_inbox_put(at, task)) {
        /* Nobody can have completed the scope meanwhile: the caller runs inside it. */
        (void)sub_acq_rel(&s->root.pending, 1);     /* pairs with: node_settle */
        (void)add_relaxed(&s->spawned, UINT64_MAX); /* Relaxed: as above. */
        task->word[TASK_META] &= ((uint64_t)1 << TASK_INDEX_SHIFT) - 1;
        return SCOPE_ENOMEM;
    }
    scopei_idle_notify(at->pool, &s->root.line);
    return SCOPE_OK;
}

/* The deque is full: runs the task at once.  But tasks that spawn inside each other must not fill the stack, so beyond some
 * depth they go to the inbox, and without memory for that the stack has to do. */
static int spawn_full(struct worker *w, struct task *task)
{
    struct node *node = w->node;
    if (w->inlined >= INLINED_MAX && spawn_inbox(w, node->scope, task) == SCOPE_OK)
        return SCOPE_OK;
    w->inlined++;
    task->word[TASK_META] |= node->spawned++ << TASK_INDEX_SHIFT;
    scopei_task_inline(w, node, task);
    w->inlined--;
    return SCOPE_OK;
}

/* Fills the slot of a spawn into w's innermost scope.  Relaxed: published by the release of pub. */
static inline void slot_fill(struct worker *w, struct slot *slot, scope_fn *fn, uint64_t flags, uint64_t arg)
{
    struct node *node = w->node;
    store_relaxed(&slot->word[TASK_FUNCTION], (uint64_t)(uintptr_t)fn);
    store_relaxed(&slot->word[TASK_LINEAGE], word_of(&node->line));
    store_relaxed(&slot->word[TASK_META], flags | node->spawned++ << TASK_INDEX_SHIFT);
    store_relaxed(&slot->word[TASK_ARG], arg);
}

/* Spawns into the innermost scope, when there is more to do than fill a slot. */
static int spawn_here(struct worker *w, struct task *task)
{
    struct slot *slot = deque_push(&w->deque);
    bool slow = slot == NULL;
    if (slow && !(slot = scopei_push_slow(w)))
        return spawn_full(w, task);
    slot_fill(w, slot, (scope_fn *)(uintptr_t)task->word[TASK_FUNCTION], task->word[TASK_META], task->word[TASK_ARG]);
    for (size_t i = TASK_ARG + 1; i < SLOT_WORDS; i++)
        store_relaxed(&slot->word[i], task->word[i]); /* Relaxed: as in slot_fill. */
    scopei_attend(w);
    return SCOPE_OK;
}
/* Any spawn. */
static int spawn(struct scope *s, struct task *task)
{
    struct worker *w = scopei_self;
    if (!encloses(s, w))
        return SCOPE_EPERM;
    if (scope_cancelled(s))
        return SCOPE_ECANCELED;
    return w->scope == s ? spawn_here(w, task) : spawn_inbox(w, s, task);
}

int scope_spawn(struct scope *s, scope_fn *fn, void *arg)
{
    struct worker *w = scopei_self;
    if (!s || !fn)
        return SCOPE_EINVAL;
    if (__builtin_expect(w && w->scope == s && !scope_cancelled(s), 1)) {
        struct slot *slot = deque_push(&w->deque);
        if (__builtin_expect(slot != NULL, 1)) {
            slot_fill(w, slot, fn, 0, word_of(arg));
            return SCOPE_OK;
        }
    }
    struct task task = {.word = {[TASK_FUNCTION] = (uint64_t)(uintptr_t)fn, [TASK_ARG] = word_of(arg)}};
    return spawn(s, &task);
}

static int spawn_heap_copy(struct scope *s, scope_fn *fn, const void *arg, size_t size)
{
    void *copy = malloc(size);
    if (!copy)
        return SCOPE_ENOMEM;
    memcpy(copy, arg, size);
    struct task task = {
        .word = {[TASK_FUNCTION] = (uint64_t)(uintptr_t)fn, [TASK_META] = TASK_HEAP, [TASK_ARG] = word_of(copy)}};
    int status = spawn(s, &task);
    if (status != SCOPE_OK)
        free(copy);
    return status;
}

int scope_spawn_copy(struct scope *s, scope_fn *fn, const void *arg, size_t size)
{
    if (!s || !fn || !arg || size == 0 || size > SCOPE_COPY_MAX)
        return SCOPE_EINVAL;
    if (size > TASK_ARG_WORDS * sizeof(uint64_t))
        return spawn_heap_copy(s, fn, arg, size);
    struct task task = {.word = {[TASK_FUNCTION] = (uint64_t)(uintptr_t)fn, [TASK_META] = TASK_COPIED}};
    memcpy(&task.word[TASK_ARG], arg, size);
    return spawn(s, &task);
}

/* -------------------------------------------------------------------------------------------------------------- Pools */

int scope_pool_create(struct scope_pool **pool, const struct scope_pool_options *options)
{
    if (!pool ||
        (options && (options->size != sizeof(*options) || options->flags != 0 || options->workers > SCOPE_WORKERS_MAX)))
        return SCOPE_EINVAL;
    struct scope_pool *made = scopei_pool_create(options ? options->workers : 0, &scopei_hooks);
    if (!made)
        return SCOPE_ENOMEM;
    *pool = made;
    return SCOPE_OK;
}

int scope_pool_destroy(struct scope_pool *pool)
{
    if (!pool)
        return SCOPE_OK;
    if (scopei_pool_foreign(pool))
        return SCOPE_EFORK;
    return scopei_pool_destroy(pool) ? SCOPE_OK : SCOPE_EBUSY;
}

unsigned scope_pool_workers(const struct scope_pool *pool)
{
    if (!pool)
        pool = scopei_pool_default(&scopei_hooks);
    if (!pool)
        return 0;
    return pool->workers ? pool->workers : 1;
}

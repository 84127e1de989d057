/* Join nodes: counting tasks, running them, waiting for them.  How they count is said in scope.h.
 *
 * Last touch of a scope: whoever completes a node reads whom to tell before it subtracts; after its subtraction has reached 0
 * the owner may return from scope_run, so it touches only the owner's parker, which lives as long as the pool. */
#include "sched/idle.h"
#include "sched/seed.h"
#include "scope/scope.h"

#include <stdlib.h>
#include <string.h>

/* Proxies are carved from chunks that a worker allocates when it has none left, and that live until the pool ends. */
#define CHUNK_PROXIES 62

struct chunk {
    struct chunk *next;
    struct proxy proxy[CHUNK_PROXIES];
};

/* A task that spawns its successor, which is stolen and spawns the next, and so on, would hold a proxy for each link.  After
 * so many the next one is counted by the root directly. */
#define HOPS_MAX 64

/* Without memory for proxies a worker that waits for a scope must still be able to run its tasks, or nobody might: each
 * open scope has one proxy in reserve.  A task that uses it is not left before it has completed, so one is enough; while
 * its worker waits for that, others run what is missing, and none of it can be in an inbox (those tasks count as the root's). */

/* ----------------------------------------------------------------------------------------------------------- Proxies */

/* The innermost scope that w itself has open; there must be one. */
static struct scope *own_scope(struct worker *w)
{
    return (struct scope *)load_relaxed_ptr(&w->top) - 1; /* Relaxed: our own word. */
}

static bool chunk_add(struct worker *w)
{
    struct chunk *chunk = scopei_map(sizeof(*chunk));
    if (!chunk)
        return false;
    chunk->next = w->chunks;
    w->chunks = chunk;
    for (size_t i = 0; i < CHUNK_PROXIES; i++) {
        chunk->proxy[i].next = w->proxies;
        w->proxies = &chunk->proxy[i];
    }
    return true;
}

/* Hooks: a stolen task needs a proxy. */
static bool proxy_ready(struct worker *w)
{
    if (w->proxies)
        return true;
    if (load_relaxed_ptr(&w->returned)) {                      /* Relaxed: the exchange acquires. */
        w->proxies = exchange_acquire_ptr(&w->returned, NULL); /* pairs with: proxy_free */
        return true;
    }
    if (chunk_add(w))
        return true;
    return load_relaxed_ptr(&w->top) != w->scopes && !own_scope(w)->reserve_used; /* Relaxed: our own word. */
}

/* After proxy_ready said yes. */
static struct proxy *proxy_take(struct worker *w, bool *reserve)
{
    struct proxy *proxy = w->proxies;
    *reserve = proxy == NULL;
    if (*reserve) {
        own_scope(w)->reserve_used = true;
        return &own_scope(w)->reserve;
    }
    w->proxies = proxy->next;
    return proxy;
}

/* Any thread. */
static void proxy_free(struct proxy *proxy)
{
    struct worker *owner = proxy->node.owner;
    if (owner == worker_self()) {
        proxy->next = owner->proxies;
        owner->proxies = proxy;
        return;
    }
    do
        proxy->next = load_relaxed_ptr(&owner->returned); /* Relaxed: only compared; the owner takes the whole list. */
    while (!cas_release_ptr(&owner->returned, proxy->next, proxy)); /* pairs with: proxy_ready */
}

static void worker_fini(struct worker *w)
{
    while (w->chunks) {
        struct chunk *chunk = w->chunks;
        w->chunks = chunk->next;
        scopei_unmap(chunk, sizeof(*chunk));
    }
    for (size_t i = 0; i < WORKER_GROUPS; i++)
        if (w->groups[i])
            scopei_unmap(w->groups[i], GROUPS_AT_ONCE * sizeof(struct group_space));
    scopei_said_restore(w, (struct said){0});
}

/* ------------------------------------------------------------------------------------------------------------- Nodes */

static void node_init(struct node *node, struct worker *owner, struct scope *s, struct node *up, unsigned hops)
{
    node->hops = hops;
    node->scope = s;
    node->up = up;
    node->owner = owner;
    scopei_put(&node->spawned, 0);
    node->taken = 0;
    node->skipped = 0;
    node->inlined = 0;
    store_relaxed(&node->pending, BIAS); /* Relaxed: nobody else knows the node yet. */
}

bool scopei_root_init(struct scope *s, struct worker *w)
{
    size_t i = (size_t)(s - w->scopes);
    void **groups = &w->groups[i / GROUPS_AT_ONCE];
    if (!*groups && !(*groups = scopei_map(GROUPS_AT_ONCE * sizeof(struct group_space))))
        return false;
    node_init(&s->root, w, s, NULL, 0);
    pthread_mutex_init(&s->special.lock, NULL);
    pthread_mutex_init(&s->special.complete_lock, NULL);
    store_relaxed(&s->root.line.depth, i + 1); /* Relaxed: nobody else knows the node yet. */
    return true;
}

/* A node of its own for a task that was stolen from origin.  told: origin, or NULL if w waits for the node. */
static void proxy_init(struct node *node, struct worker *w, struct node *origin, struct node *told)
{
    /* Relaxed, all four: the task is ours; thieves learn of the node from a published task. */
    store_relaxed_ptr(&node->line.base, &node->line);
    store_relaxed_ptr(&node->line.up, &origin->line);
    store_relaxed(&node->line.depth, 0);
    node_init(node, w, origin->scope, told, origin->hops + 1);
}

void scopei_node_done(struct node *node)
{
    for (;;) {
        struct node *up = node->up;
        struct worker *owner = node->owner;
        /* pairs with: scopei_node_done, node_settle, help_spin and scopei_wait.  What the tasks wrote is
         * visible to the owner, and nobody touches the node after the last one. */
        if (sub_acq_rel(&node->pending, 1) != 1)
            return;
        if (!up) {
            (void)scopei_unpark(&owner->parker);
            return;
        }
        proxy_free((struct proxy *)node);
        node = up;
    }
}

/* True if the owner, who has drained the node, is the only one who ever counted a task of it. */
static inline bool node_quiet(const struct node *node)
{
    return node->spawned == node->taken && load_acquire(&node->pending) == BIAS; /* pairs with: scopei_node_done */
}

/* The node that a task stolen from origin is to count in: origin, or the root, if that is far away.  Nobody loses a task that
 * it may run: who waits inside one of the runs between waits for a scope deeper than this one. */
static struct node *node_shortened(struct worker *w, struct node *origin)
{
    struct node *root = &origin->scope->root;
    if (origin->hops < HOPS_MAX && !(seed_chance(w, 4) && origin != root))
        return origin;
    (void)add_relaxed(&root->pending, 1); /* Relaxed: not too late, as origin still counts the task. */
    scopei_node_done(origin);
    return root;
}

/* The owner has drained the node.  True: all its tasks have ended.  False: the last of those that were stolen completes it. */
static bool node_settle(struct node *node)
{
    uint64_t stolen = node->spawned - node->taken;
    return add_acq_rel(&node->pending, stolen - BIAS) + stolen - BIAS == 0; /* pairs with: scopei_node_done */
}

bool scopei_node_wait(struct worker *w, struct node *node)
{
    if (node_quiet(node))
        return true;
    seed_rest(w);
    if (!node_settle(node)) {
        const struct goal goal = {.base = w->base,
                                  .depth = load_relaxed(&node->line.depth)}; /* Relaxed: our own word. */
        scopei_wait(w, &node->pending, &goal);
    }
    store_relaxed(&node->pending, BIAS); /* Relaxed: all is over; for the next scope in this frame. */
    return false;
}

/* ------------------------------------------------------------------------------------------------------ Running tasks */

/* A task has ended, or will not run: its argument, at arg if it was copied into the task, is disposed of. */
static void task_drop(const uint64_t *word, void *arg)
{
    const struct scope_task *task = task_described(word);
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    if (task && task->dispose)
        task->dispose(arg);
    called = false;
    if (word[TASK_META] & TASK_HEAP)
        free((void *)(uintptr_t)word[TASK_ARG]); /* which arg is, then */
}

/* Calls a task, which must return. */
static inline int task_call(struct scope *s, scope_fn *fn, void *arg)
{
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    int code = fn(s, arg);
    called = false;
    return code;
}

/* The same, with its name in view of scope_dump meanwhile. */
static int task_run_described(struct worker *w, struct scope *s, const uint64_t *word, void *arg)
{
    /* Relaxed, all: for scope_dump. */
    void *before = load_relaxed_ptr(&w->running);
    store_relaxed_ptr(&w->running, (void *)(uintptr_t)task_described(word));
    int code = task_call(s, task_function(word[TASK_FUNCTION]), arg);
    store_relaxed_ptr(&w->running, before);
    return code;
}

void scopei_task_run(struct worker *w, struct node *node, struct scope *s, const uint64_t *word, void *copy)
{
    uint64_t meta = word[TASK_META];
    void *arg = meta & TASK_COPIED ? copy : (void *)(uintptr_t)word[TASK_ARG];
    if (__builtin_expect(scope_cancelled(s) && !(meta & TASK_ANYWAY), 0)) {
        node->skipped++;
    } else {
        int code = meta & TASK_DESCRIBED ? task_run_described(w, s, word, arg)
                                         : task_call(s, task_function(word[TASK_FUNCTION]), arg);
        if (__builtin_expect(error_said(w, code), 0))
            scopei_error_returned(w, s, code, meta >> TASK_INDEX_SHIFT, task_described(word));
        bool late = meta & TASK_DESCRIBED && !(meta & TASK_ANYWAY) && scope_cancelled(s);
        if (late)
            scopei_straggler_note(s, word, code);
        if (meta & TASK_WATCHED)
            scopei_watched_ended(s, word, code);
    }
    if (__builtin_expect((meta & (TASK_HEAP | TASK_DESCRIBED)) != 0, 0))
        task_drop(word, arg);
    if (__builtin_expect(w->said_any != 0, 0)) /* by a dispose function: of no task */
        scopei_said_restore(w, (struct said){0});
}

/* The same, and then what its end lets run. */
static void task_run_all(struct worker *w, struct node *node, struct scope *s, const uint64_t *word, void *copy)
{
    scopei_task_run(w, node, s, word, copy);
    if (__builtin_expect((word[TASK_META] & TASK_LIMITED) != 0, 0))
        scopei_limit_next(w, node, s);
}

/* A task that is not in the deque. */
static void task_run_alone(struct worker *w, struct node *node, const struct task *task)
{
    alignas(16) uint64_t copy[TASK_ARG_WORDS];
    memcpy(copy, &task->word[TASK_ARG], sizeof(copy));
    task_run_all(w, node, node->scope, task->word, copy);
}

void scopei_task_inline(struct worker *w, struct node *node, const struct task *task)
{
    struct said before = scopei_said_save(w);
    node->taken++;
    task_run_alone(w, node, task);
    scopei_said_restore(w, before);
}

/* A task that was popped, of any kind. */
static __attribute__((noinline)) void task_run_popped(struct worker *w, struct node *node, const struct slot *slot)
{
    /* Out of the slot first, which the task may use again.  Relaxed: our own writes. */
    alignas(16) uint64_t copy[TASK_ARG_WORDS];
    uint64_t word[TASK_ARG + 1];
    word[TASK_FUNCTION] = load_relaxed(&slot->word[TASK_FUNCTION]);
    word[TASK_META] = load_relaxed(&slot->word[TASK_META]);
    word[TASK_THIEF] = load_relaxed(&slot->word[TASK_THIEF]);
    word[TASK_ARG] = load_relaxed(&slot->word[TASK_ARG]);
    if (word[TASK_META] & TASK_COPIED)
        for (size_t i = 0; i < TASK_ARG_WORDS; i++)
            copy[i] = load_relaxed(&slot->word[TASK_ARG + i]);
    task_run_all(w, node, node->scope, word, copy);
}

/* Calls one that has nothing unusual about it, and is not to be skipped. */
static inline void task_run_plain(struct worker *w, struct scope *s, const struct slot *slot, uint64_t meta, void *arg)
{
    scope_fn *fn = task_function(load_relaxed(&slot->word[TASK_FUNCTION])); /* Relaxed: our own write. */
    int code = task_call(s, fn, arg);
    if (SCOPEI_UNLIKELY(error_said(w, code)))
        scopei_error_returned(w, s, code, meta >> TASK_INDEX_SHIFT, NULL);
}

/* The same with a copied argument.  Not inlined: the others need no room for it. */
static __attribute__((noinline)) void task_run_copied(struct worker *w, struct scope *s, const struct slot *slot,
                                                      uint64_t meta)
{
    alignas(16) uint64_t copy[TASK_ARG_WORDS];
    for (size_t i = 0; i < TASK_ARG_WORDS; i++)
        copy[i] = load_relaxed(&slot->word[TASK_ARG + i]); /* Relaxed: our own writes. */
    task_run_plain(w, s, slot, meta, copy);
}

void scopei_node_drain(struct worker *w, struct node *node)
{
    struct deque *d = &w->deque;
    struct scope *s = node->scope;
    while (d->bottom > node->mark) {
        struct slot *slot = deque_pop(d);
        if (SCOPEI_UNLIKELY(!slot) && !(slot = scopei_pop_slow(w))) {
            (void)scopei_deque_reset(d, node->mark);
            return;
        }
        uint64_t meta = load_relaxed(&slot->word[TASK_META]); /* Relaxed: our own write. */
        node->taken++;
        if (SCOPEI_UNLIKELY((meta & TASK_UNUSUAL) || scope_cancelled(s)))
            task_run_popped(w, node, slot);
        else if (meta & TASK_COPIED)
            task_run_copied(w, s, slot, meta);
        else /* Relaxed: our own write. */
            task_run_plain(w, s, slot, meta, (void *)(uintptr_t)load_relaxed(&slot->word[TASK_ARG]));
    }
}

void scopei_node_drain_to(struct worker *w, struct node *node, struct slot *mark)
{
    struct slot *outer = node->mark;
    struct said before = scopei_said_save(w);
    node->mark = mark;
    scopei_node_drain(w, node);
    node->mark = outer;
    scopei_said_restore(w, before);
}

void scopei_drain_slow(struct scopei_worker *self)
{
    struct worker *w = (struct worker *)(void *)self;
    scopei_node_drain(w, w->node);
}

/* Runs a stolen task as a run of its own, and drains its node.  The task that w is in may be waiting for a fork: what it has said
 * belongs to none of these. */
static void run_in(struct worker *w, struct node *node, const struct task *task)
{
    struct said before = scopei_said_save(w);
    struct scope *outer = w->open;
    struct node *outer_node = w->node;
    struct lineage *outer_base = w->base;

    w->open = node->scope;
    w->node = node;
    w->base = &node->line;
    node->mark = w->deque.bottom;
    scopei_attend_next(w);
    if (task->word[TASK_META] & TASK_FORKED)
        scopei_forked_run(w, task);
    else
        task_run_alone(w, node, task);
    scopei_node_drain(w, node);
    if (!node->up) /* not left before it has completed */
        (void)scopei_node_wait(w, node);

    w->open = outer;
    w->node = outer_node;
    w->base = outer_base;
    scopei_said_restore(w, before);
    scopei_attend_next(w);
}

/* Adds what a run has counted to its scope.  Relaxed: the owner sees it when all is done. */
static void run_count(struct scope *s, const struct node *node)
{
    if (!(node->spawned | node->skipped))
        return;
    scopei_event(s);
    (void)add_relaxed(&s->spawned, node->spawned);
    (void)add_relaxed(&s->skipped, node->skipped);
}

/* A forked task is not counted by the node that it comes from, as its function waits for it.  What it has spawned has ended by
 * then, too: nobody may still descend from it when the function, and perhaps its run, has ended. */
static void run_forked(struct worker *w, struct proxy *proxy, bool reserve, const struct task *task)
{
    struct node *origin = (struct node *)(uintptr_t)task->word[TASK_LINEAGE];
    proxy_init(&proxy->node, w, origin, NULL);
    run_in(w, &proxy->node, task);
    run_count(origin->scope, &proxy->node);
    seed_rest(w);
    scopei_forked_done(task);
    if (!reserve)
        proxy_free(proxy);
}

static void run_spawned(struct worker *w, struct proxy *proxy, bool reserve, const struct task *task)
{
    struct node *node = &proxy->node;
    struct node *origin = node_shortened(w, (struct node *)(uintptr_t)task->word[TASK_LINEAGE]);
    proxy_init(node, w, origin, reserve ? NULL : origin);
    run_in(w, node, task);
    run_count(origin->scope, node);
    seed_rest(w);
    if (!reserve && !node_quiet(node) && !node_settle(node))
        return; /* who ends the last of its tasks completes it */
    if (!reserve)
        proxy_free(proxy);
    scopei_node_done(origin);
}

/* Hooks: runs a task that was stolen, from a deque or an inbox. */
static void run_stolen(struct worker *w, const struct task *task)
{
    bool reserve;
    struct proxy *proxy = proxy_take(w, &reserve);
    if (task->word[TASK_META] & TASK_FORKED)
        run_forked(w, proxy, reserve, task);
    else
        run_spawned(w, proxy, reserve, task);
    if (reserve)
        own_scope(w)->reserve_used = false;
}

/* Hooks: a thread ends inside a scope, or, one of the pool's own, inside a task. */
static void thread_orphans(struct worker *w)
{
    const struct scope *s = worker_scope(w);
    scopei_abort(
        "a thread has ended inside scope %s: by pthread_exit or pthread_cancel in code that was compiled without "
        "-fexceptions, or after a longjmp?",
        s ? scopei_words(s).text : "(none: a thread of the library's)");
}

const struct pool_hooks scopei_hooks = {
    .scopes_size = SCOPES_MAX * sizeof(struct scope),
    .ready = proxy_ready,
    .execute = run_stolen,
    .fini = worker_fini,
    .orphan = thread_orphans,
};

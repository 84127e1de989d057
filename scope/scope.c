/* Scopes: how they open and close; and the public calls on pools. */
#include "scope/scope.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What the inline functions of the public header know. */
#define SAME(type, public_field, field)                                                         \
    static_assert(offsetof(struct scopei_##type, public_field) == offsetof(struct type, field), \
                  "the public header is wrong")
SAME(slot, function, word[TASK_FUNCTION]);
SAME(slot, lineage, word[TASK_LINEAGE]);
SAME(slot, meta, word[TASK_META]);
SAME(slot, thief, word[TASK_THIEF]);
SAME(slot, arg, word[TASK_ARG]);
SAME(node, base, line.base);
SAME(node, spawned, spawned);
SAME(node, taken, taken);
SAME(node, mark, mark);
SAME(node, scope, scope);
SAME(node, pending, pending);
SAME(scope, cancel, cancel);
SAME(scope, parent, parent);
SAME(scope, root, root);
SAME(worker, bottom, deque.bottom);
SAME(worker, limit, deque.limit);
SAME(worker, floor, deque.floor);
SAME(worker, open, open);
SAME(worker, node, node);
SAME(worker, base, base);
SAME(worker, top, top);
SAME(worker, fresh, fresh);
SAME(worker, said_any, said_any);
static_assert(sizeof(struct scope) == SCOPEI_SCOPE_SIZE, "the public header steps from frame to frame");
static_assert(SCOPEI_BIAS == BIAS && SCOPEI_SPAWNED == TASK_SPAWNED && SCOPEI_FORK2 == TASK_FORK2 &&
                  SCOPEI_INDEX_SHIFT == TASK_INDEX_SHIFT && SCOPEI_COPIED == TASK_COPIED &&
                  SCOPEI_SIZE_MAX == TASK_ARG_WORDS * sizeof(uint64_t),
              "the public header is wrong");
static_assert(SCOPE_WORKERS_MAX == POOL_WORKERS_MAX, "the public header says how many workers there can be");

/* The archive's copies of the inline functions. */
extern inline int scope_run(scope_fn *body, void *arg);
extern inline int scope_spawn(struct scope *s, scope_fn *fn, void *arg);
extern inline int scope_spawn_copy(struct scope *s, scope_fn *fn, const void *arg, size_t size);
extern inline bool scopei_spawn_begin(struct scope *s, scope_fn *fn, uint64_t flags, struct scopei_slot **begun);
extern inline int scope_fork2(struct scope *s, scope_fn *f, void *a, scope_fn *g, void *b);
extern inline bool scope_cancelled(const struct scope *s);
extern inline enum scope_reason scope_reason(const struct scope *s);
extern inline bool scopei_attends(const struct scope *s);
extern inline void scopei_result_end(uint64_t *state, int code);
extern inline void scopei_result_skip(uint64_t *state);
extern inline int scopei_result_code(const uint64_t *state);
extern inline struct scope *scope_of(struct scope_strand strand);
extern inline struct scope_options scope_options_init(void);
extern inline struct scope_report scope_report_init(void);
extern inline void scopei_put(uint64_t *word, uint64_t value);
extern inline uint64_t scopei_get(const uint64_t *word);
extern inline bool scopei_may_push(const struct scopei_worker *w, const struct scopei_slot *at);
extern inline bool scopei_may_pop(const struct scopei_worker *w, const struct scopei_slot *at);
extern inline void scopei_innermost(struct scopei_worker *w, struct scope *open, struct scopei_node *node);
extern inline void scopei_inside_end(const struct scopei_inside *inside);
extern inline void scopei_must_return(const bool *called);
extern inline bool scopei_scope_quiet(const struct scopei_scope *s);
extern inline struct scopei_scope *scopei_scope_open(struct scopei_worker *w);
extern inline void scopei_scope_drain(struct scopei_worker *w, struct scopei_scope *s);
extern inline uint64_t scopei_word(const void *from, size_t size, size_t i);
extern inline void scopei_words_put(struct scopei_slot *slot, const void *from, size_t size);
extern inline struct scopei_worker *scopei_strand_worker(struct scope_strand strand);
extern inline void scopei_words_get(const struct scopei_slot *slot, void *to, size_t size);

/* ------------------------------------------------------------------------------------------------------------- Scopes */

static bool options_valid(const struct scope_options *options)
{
    return !options || (options->size == sizeof(*options) && (options->flags & ~SCOPE_SHIELD) == 0 &&
                        options->policy >= SCOPE_FAIL_FAST && options->policy <= SCOPE_RACE);
}

static void report_clear(struct scope_report *report)
{
    memset(report, 0, sizeof(*report));
    report->size = sizeof(*report);
}

static void place_note(struct scope *s, const struct opening *opening)
{
    struct place *place = &s->place;
    /* Relaxed, all: for ourselves, our tasks, and words. */
    store_relaxed(&place->generation, load_relaxed(&s->cancel) >> 8);
    store_relaxed_ptr(&place->file, (void *)(uintptr_t)opening->file);
    store_relaxed(&place->line, (uint64_t)(unsigned)opening->line);
    store_relaxed_ptr(&place->stack, opening->stack);
}

/* The frame for a scope on w. */
static int frame_next(struct worker *w, struct scope **frame)
{
    struct scope *s = load_relaxed_ptr(&w->top); /* Relaxed, here and below: our own word. */
    if (s == w->scopes + SCOPES_MAX)
        return SCOPE_EDEPTH;
    if (!s->root.owner && !scopei_root_init(s, w))
        return SCOPE_ENOMEM;
    if (s == w->fresh && w->pool->barrier) /* else scope_run always comes here, to fence */
        w->fresh = s + 1;
    *frame = s;
    return SCOPE_OK;
}

/* Opens a scope in a frame of w, inside parent. */
static void scope_open(struct worker *w, struct scope *s, struct scope *parent, const struct opening *opening)
{
    const struct scope_options *options = opening->options;
    store_relaxed_ptr(&s->parent, parent); /* Relaxed, here and below: published by the store of top. */
    if (options) {
        store_relaxed_ptr(&s->token, scope_token_retain(options->token));
        store_relaxed_ptr(&s->name, (void *)(uintptr_t)options->name);
        store_relaxed_u32(&s->policy, options->policy);
        scopei_special_init(s, options);
    }
    scopei_put(&s->root.spawned, 0);
    s->root.taken = 0;
    s->root.mark = w->deque.bottom;
    store_relaxed_ptr(&s->root.line.base, w->base);
    if (opening->report)
        store_relaxed_ptr(&s->group, &opening->report->group);
    scopei_cancel_renew(s, special_watched(s) || s->special.limit);
    place_note(s, opening);
    store_release_ptr(&w->top, s + 1); /* pairs with: worker_visit */
    scopei_cancel_inherit(s);
}

/* A scope of w has ended, all but its frame. */
static void scope_close(struct worker *w, struct scope *s)
{
    store_release_ptr(&w->top, s); /* pairs with: worker_visit */
    struct scope_token *token =
        load_relaxed_ptr(&s->token); /* Relaxed, both: our own word.  The options may have changed. */
    if (token) {
        store_relaxed_ptr(&s->token, NULL);
        scope_token_release(token);
    }
    /* Relaxed, both: our own words.  As scope_run wants them. */
    store_relaxed_ptr(&s->name, NULL);
    store_relaxed_ptr(&s->group, NULL);
    store_relaxed_u32(&s->policy, SCOPE_FAIL_FAST);
    scopei_special_end(s);
}

static bool scope_eventful(const struct scope *s)
{
    return (load_relaxed(&s->cancel) & SCOPEI_EVENTFUL) != 0; /* Relaxed: the join has ordered what others wrote. */
}

/* Inline scope_run: the scope's own tasks are drained, and something is not as usual. */
int scopei_close_slow(struct scopei_worker *self, struct scope *s, int code)
{
    struct worker *w = (struct worker *)(void *)self;
    struct scope_errors *errors = NULL;
    int status = SCOPE_OK;
    bool quiet = scopei_node_wait(w, &s->root);
    scopei_deadline_disarm(s);
    if (!quiet || code || scope_eventful(s))
        status = scopei_error_outcome(s, code, NULL, &errors);
    if (errors)
        scopei_error_inner(w, errors);
    return status;
}

/* Inline scope_run: the body has returned code, or said something. */
int scopei_end_slow(struct scopei_worker *self, struct scope *s, int code)
{
    struct worker *w = (struct worker *)(void *)self;
    struct said outward = scopei_said_outward(w, s, &code);
    scopei_error_returned(w, s, code, SCOPE_INDEX_BODY, NULL);
    scopei_drain_slow(self);
    int status = scopei_close_slow(self, s, code);
    scopei_said_add(w, outward);
    return status;
}

/* Inline functions: a task of s has returned code, or said something. */
void scopei_task_ended(struct scopei_worker *w, struct scope *s, int code, uint64_t index)
{
    scopei_error_returned((struct worker *)(void *)w, s, code, index, NULL);
}

/* A scope that a thread is in. */
struct entry {
    struct worker *w;        /* whose frame it is */
    struct worker *previous; /* what the thread was before: w, unless it has become a guest; NULL: no worker */
    struct scope *s, *outer;
    struct node *outer_node;
    struct said said; /* by the task of previous, so far */
};
static_assert(sizeof(struct entry) <= sizeof(((struct scope_block *)NULL)->saved), "a block has room for it");

/* The worker that the scope is to run on: what the thread is, or a guest. */
static int entry_worker(struct entry *e, const struct scope_options *options)
{
    struct worker *w = worker_self();
    struct scope_pool *pool = options ? options->pool : NULL;
    if (!pool)
        pool = w ? w->pool : scopei_pool_default(&scopei_hooks);
    if (!pool)
        return SCOPE_ENOMEM;
    e->previous = w;
    e->w = w;
    if (w && w->pool == pool && w->open)
        return SCOPE_OK;
    if (scopei_pool_foreign(pool))
        return SCOPE_EFORK;
    e->w = scopei_guest_enter(pool, w);
    return e->w ? SCOPE_OK : SCOPE_ENOMEM;
}

/* Opens the scope on e->w. */
static int entry_open(struct entry *e, const struct opening *opening)
{
    const struct scope_options *options = opening->options;
    struct worker *w = e->w;
    e->outer = w->open;
    e->outer_node = w->node;
    int status = frame_next(w, &e->s);
    if (status != SCOPE_OK)
        return status;
    scope_open(w, e->s, e->previous ? worker_scope(e->previous) : NULL, opening);
    if (options && !scopei_special_begin(e->s, options)) {
        scope_close(w, e->s);
        return SCOPE_EAGAIN;
    }
    w->open = e->s;
    w->node = &e->s->root;
    return SCOPE_OK;
}

static void entry_undo(struct entry *e)
{
    if (e->w != e->previous)
        scopei_guest_leave(e->w, e->previous);
    if (e->previous)
        scopei_said_restore(e->previous, e->said);
}

static int scope_enter(struct entry *e, const struct opening *opening)
{
    struct scope_report *report = opening->report;
    if (!options_valid(opening->options) || (report && report->size != sizeof(*report)))
        return SCOPE_EINVAL;
    if (report)
        report_clear(report);
    int status = entry_worker(e, opening->options);
    if (status != SCOPE_OK)
        return status;
    if (e->previous)
        e->said = scopei_said_save(e->previous);
    status = entry_open(e, opening);
    if (status != SCOPE_OK)
        entry_undo(e);
    return status;
}

/* Scopes end in the thread and in the reverse order in which they were opened.  Who has left one by longjmp ends up here when the
 * scope around it ends. */
static void order_check(const struct worker *w, const struct scope *s)
{
    const struct scope *top = load_relaxed_ptr(&w->top); /* Relaxed: our own word, or we abort. */
    if (worker_self() == w && top == s + 1)
        return;
    if (worker_self() != w)
        scopei_abort("scope %s ends in another thread than it was opened in, or after a thread's end",
                     scopei_words(s).text);
    scopei_abort(
        "scope %s ends while a scope inside it is still open: was %s left by longjmp, or by pthread_exit or an "
        "exception in code that was compiled without -fexceptions?",
        scopei_words(s).text, scopei_words(top > s ? top - 1 : s).text);
}

/* An exception, or the end of the thread, has left the body of s.  That may happen only where no fork waits to be joined. */
static void left_check(const struct worker *w, const struct scope *s)
{
    order_check(w, s);
    bool forked = w->open != s || w->node != &s->root;
    for (const struct slot *slot = s->root.mark; slot < w->deque.bottom && !forked; slot++)
        forked = !(load_relaxed(&slot->word[TASK_FUNCTION]) & TASK_SPAWNED); /* Relaxed: our own slot. */
    if (forked)
        scopei_abort("an exception, pthread_exit or pthread_cancel has left a typed task or scope_fork2 in scope %s",
                     scopei_words(s).text);
}

/* A scope has ended with errors in the running task of w, which has said outward in it: before them, if it was a block. */
static void task_said(struct worker *w, struct said outward, struct scope_errors *errors, bool block)
{
    if (!w || !worker_heard(w)) { /* a typed task, which returns no codes that they could belong to */
        scopei_errors_drop(errors);
        scopei_errors_drop(outward.inner);
        return;
    }
    if (block)
        scopei_said_add(w, outward);
    if (errors)
        scopei_error_inner(w, errors);
    if (!block)
        scopei_said_add(w, outward);
}

/* The body has returned *code, or, NULL, a block has been left: joins. */
static int scope_leave(struct entry *e, const int *code, struct scope_report *report)
{
    struct worker *w = e->w;
    struct scope *s = e->s;
    struct scope_errors *errors = NULL;
    int status = SCOPE_OK, returned = code ? *code : 0;
    order_check(w, s);
    struct said outward = scopei_said_outward(w, s, code);
    if (error_said(w, returned))
        scopei_error_returned(w, s, returned, SCOPE_INDEX_BODY, NULL);
    scopei_node_drain(w, &s->root);
    bool quiet = scopei_node_wait(w, &s->root);
    scopei_deadline_disarm(s);
    if (!quiet || returned || report || scope_eventful(s) || scope_policy(s) == SCOPE_RACE)
        status = scopei_error_outcome(s, returned, report, &errors);
    scope_close(w, s);
    w->open = e->outer;
    w->node = e->outer_node;
    entry_undo(e);
    task_said(e->previous, outward, errors, !code);
    return status;
}

/* A body that has been entered. */
struct running {
    struct entry e;
    struct scope_report *report;
    bool inside; /* and has not returned */
};

/* A cleanup.  On the usual way there is nothing to do; an exception, or the end of the thread, finds the body still inside. */
static void running_end(struct running *r)
{
    if (!r->inside)
        return;
    left_check(r->e.w, r->e.s);
    (void)scopei_cancel(r->e.s, SCOPE_REASON_BODY, NULL);
    const int code = SCOPE_OK;
    int status = scope_leave(&r->e, &code, r->report);
    if (r->report)
        r->report->status = status;
}

/* Inline scope_run: the same. */
void scopei_body_left(struct scopei_worker *self, struct scope *s, struct scope *outer, struct scopei_node *outer_node)
{
    struct worker *w = (struct worker *)(void *)self;
    left_check(w, s);
    (void)scopei_cancel(s, SCOPE_REASON_BODY, NULL);
    (void)scopei_end_slow(self, s, SCOPE_OK);
    scopei_innermost(self, outer, outer_node);
    store_release_ptr(&w->top, s); /* pairs with: worker_visit */
}

/* Not inlined: its own frame lies between the caller's and the body's. */
__attribute__((noinline)) int scope_run_at(const char *file, int line, const struct scope_options *options,
                                           struct scope_report *report, scope_fn *body, void *arg)
{
    const struct opening opening = {file, line, __builtin_frame_address(0), options, report};
    struct running r __attribute__((cleanup(running_end))) = {.report = report};
    int status = body ? scope_enter(&r.e, &opening) : SCOPE_EINVAL;
    if (status == SCOPE_OK) {
        r.inside = true;
        int code = body(r.e.s, arg);
        r.inside = false;
        status = scope_leave(&r.e, &code, report);
    }
    if (report && status != SCOPE_EINVAL)
        report->status = status;
    return status;
}

int(scope_run_with)(const struct scope_options *options, struct scope_report *report, scope_fn *body, void *arg)
{
    return scope_run_at(NULL, 0, options, report, body, arg);
}

struct scope_block scopei_block_open(const struct opening *opening, int *status)
{
    struct scope_block block = {.status = status};
    struct entry e = {.w = NULL};
    int entered = scope_enter(&e, opening);
    if (entered == SCOPE_OK) {
        block.scope = e.s;
        memcpy(block.saved, &e, sizeof(e));
    }
    if (status)
        *status = entered;
    return block;
}

__attribute__((noinline)) struct scope_block scope_block_begin(const char *file, int line,
                                                               const struct scope_options *options, int *status)
{
    const struct opening opening = {file, line, __builtin_frame_address(0), options, NULL};
    return scopei_block_open(&opening, status);
}

void scope_block_end(struct scope_block *block)
{
    struct entry e;
    memcpy(&e, block->saved, sizeof(e));
    if (!e.w)
        return;
    int status = scope_leave(&e, NULL, NULL);
    if (block->status)
        *block->status = status;
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

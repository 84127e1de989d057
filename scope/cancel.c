/* Cancellation: the word of a scope, its way to the scopes inside, tokens.
 *
 * scope_cancelled must be one load, so a canceller has to reach every scope inside the cancelled one.  It does not follow
 * links from parent to child, which would cost every scope_run a lock.  It visits all open scopes of all workers and marks
 * those whose parent is marked, until a visit marks none (spread).  Nothing there blocks or allocates, so a token can be
 * cancelled from a signal handler.
 *
 * A scope that ends while it is looked at is harmless: scopes live in memory that is reused for scopes only, and the word
 * holds a generation, which the mark is swung on.  If the swing succeeds, the scope was still the one whose parent was read
 * (or has ended and not been followed), and an open scope's parent is open.
 *
 * A scope that opens meanwhile is not missed:
 *
 *      opener (scope_open, scopei_scope_open)     canceller (spread)
 *      1  write parent, word, top                 1  mark the parent
 *      2  barrier                                 2  barrier, fence (scopei_workers_visit)
 *      3  parent marked? mark itself              3  visit every scope below top; marked any? again from 2
 *
 * The opener's barrier is for the compiler alone: the canceller's makes every running thread pass a fence (membarrier), so
 * opening a scope costs none.  Where the system has no such call, the opener fences. */
#include "scope/scope.h"

#include <stdlib.h>

struct scope_token {
    struct atomic_u64 references;
    struct atomic_u64 cancelled; /* when; 0: not yet */
    struct atomic_ptr canceller; /* by which thread: where its scopei_self is */
    struct atomic_ptr callbacks; /* struct scope_callback *: a list that only grows; its entries are used again */
};

enum callback_state { CALLBACK_FREE, CALLBACK_MAKING, CALLBACK_ARMED, CALLBACK_RUNNING, CALLBACK_DONE };

struct scope_callback {
    struct atomic_u64 state;
    struct scope_callback *next; /* I, once in the list */
    /* Whoever is MAKING it writes; read by who is RUNNING it */
    void (*fn)(void *arg);
    void *arg;
};

static bool word_marked(uint64_t word)
{
    return (word & SCOPEI_REASON_MASK) != SCOPE_REASON_NONE;
}

void scopei_event(struct scope *s)
{
    /* Relaxed: seen by the owner at the end, who is the caller, or waits for it. */
    while (!(load_relaxed(&s->cancel) & SCOPEI_EVENT)) {
        uint64_t word = load_relaxed(&s->cancel);
        (void)cas_relaxed(&s->cancel, word, word | SCOPEI_EVENT);
    }
}

/* The same is done in taskscope.h, by scopei_scope_open. */
void scopei_cancel_renew(struct scope *s, bool special)
{
    uint64_t generation = (load_relaxed(&s->cancel) | SCOPEI_EVENTFUL) + 1; /* Relaxed: see below. */
    if (special)
        generation |= SCOPEI_SPECIAL;
    /* pairs with: scope_visit; who sees this generation sees its parent and token.  A mark swung on the old generation
     * between load and store is overwritten, as it was meant for the scope before. */
    store_release(&s->cancel, generation);
}

static bool mark(struct scope *s, enum scope_reason reason)
{
    for (;;) {
        uint64_t word = load_relaxed(&s->cancel); /* Relaxed: the reason says all; nothing else is passed along. */
        if (word_marked(word))
            return false;
        if (cas_relaxed(&s->cancel, word, word | reason)) /* Relaxed: the fence of the visit orders it. */
            return true;
    }
}

/* One round of visits.  token: also mark the scopes that hold it. */
struct spread {
    const struct scope_token *token;
    bool marked;
};

/* What s is to be marked with, as things stand; NONE: nothing. */
static enum scope_reason visit_reason(const struct scope *s, const struct spread *spread)
{
    /* Relaxed: written before the generation that the caller has acquired; if they are newer its swing fails. */
    const struct scope *parent = load_relaxed_ptr(&s->parent);
    if (parent && scope_cancelled(parent) && !load_relaxed(&s->special.shield))
        return SCOPE_REASON_PARENT;
    return spread->token && load_relaxed_ptr(&s->token) == spread->token ? SCOPE_REASON_TOKEN : SCOPE_REASON_NONE;
}

static void scope_visit(struct scope *s, struct spread *spread)
{
    for (;;) {
        uint64_t word = load_acquire(&s->cancel); /* pairs with: scopei_cancel_renew */
        enum scope_reason reason = word_marked(word) ? SCOPE_REASON_NONE : visit_reason(s, spread);
        if (reason == SCOPE_REASON_NONE)
            return;
        if (cas_relaxed(&s->cancel, word, word | reason)) { /* Relaxed: that of the next round orders it. */
            spread->marked = true;
            return;
        }
        /* An event, another mark, or another scope: look again. */
    }
}

static void worker_visit(struct worker *w, void *arg)
{
    struct spread *spread = arg;
    const struct scope *top = load_acquire_ptr(&w->top); /* pairs with: scope_open, scopei_scope_open */
    for (struct scope *s = w->scopes; s < top; s++)
        scope_visit(s, spread);
    scopei_deque_request(&w->deque); /* typed calls look whether they are cancelled when they answer */
}

/* Carries marks inward from every marked scope. */
static void spread_marks(const struct scope_token *token)
{
    struct spread spread = {.token = token};
    do {
        scopei_barrier_all(); /* pairs with: scopei_cancel_inherit, where it does not fence; where it does, the visit's fence does */
        spread.marked = false;
        scopei_workers_visit(worker_visit, &spread);
    } while (spread.marked);
}

void scopei_cancel_inherit(struct scope *s)
{
    const struct scope *parent = load_relaxed_ptr(&s->parent); /* Relaxed, here and below: written by ourselves. */
    const struct scope_token *token = load_relaxed_ptr(&s->token);
    bool shield = load_relaxed(&s->special.shield);
    if (token || !s->root.owner->pool->barrier)
        fence_seq_cst(); /* pairs with: scopei_workers_visit, in spread_marks */
    else
        fence_compiler(); /* pairs with: scopei_barrier_all in spread_marks */
    if (parent && scope_cancelled(parent) && !shield)
        (void)mark(s, SCOPE_REASON_PARENT);
    else if (token && scope_token_cancelled(token))
        (void)mark(s, SCOPE_REASON_TOKEN);
}

bool scopei_cancel(struct scope *s, enum scope_reason reason, const struct culprit *by)
{
    if (word_marked(load_relaxed(&s->cancel))) /* Relaxed: for speed alone; see mark. */
        return false;
    /* Relaxed, all: read when all is done, by this thread, or as a hint.  The time comes before the mark, since a task that sees
     * the mark may be over before this thread runs on: if it does so late, tasks seem later than they were, but none is missed.  Of
     * several cancellers, the first one's time counts. */
    (void)cas_relaxed(&s->cancelled_ns, 0, scopei_now_ns());
    if (!mark(s, reason))
        return false;
    if (by)
        s->culprit = *by;
    store_relaxed_ptr(&s->canceller, &scopei_self);
    spread_marks(NULL);
    return true;
}

int scope_cancel(struct scope *s)
{
    if (!s)
        return SCOPE_EINVAL;
    return scopei_encloses(s, worker_self()) ? scopei_cancel(s, SCOPE_REASON_EXPLICIT, NULL) : SCOPE_EPERM;
}

/* The scope that was cancelled when s was cancelled with it; NULL: not known. */
static const struct scope *cancel_origin(const struct scope *s)
{
    /* Relaxed: what cancelled s has happened before it ended, and the scopes around it are open. */
    while (s && scope_reason(s) == SCOPE_REASON_PARENT)
        s = load_relaxed_ptr(&s->parent);
    return s;
}

/* The token that cancelled s; NULL: none did. */
static const struct scope_token *cancel_token(const struct scope *s)
{
    return scope_reason(s) == SCOPE_REASON_TOKEN ? load_relaxed_ptr(&s->token) : NULL; /* Relaxed: s is open. */
}

uint64_t scopei_cancelled_ns(const struct scope *s)
{
    const struct scope *origin = cancel_origin(s);
    const struct scope_token *token = origin ? cancel_token(origin) : NULL;
    if (!origin)
        return 0;
    return load_relaxed(token ? &token->cancelled : &origin->cancelled_ns); /* Relaxed: as in cancel_origin. */
}

const void *scopei_cancelled_by(const struct scope *s)
{
    const struct scope *origin = cancel_origin(s);
    const struct scope_token *token = origin ? cancel_token(origin) : NULL;
    if (!origin)
        return NULL;
    return load_relaxed_ptr(token ? &token->canceller : &origin->canceller); /* Relaxed: as in cancel_origin. */
}

int scope_unshield(struct scope *s)
{
    if (!s)
        return SCOPE_EINVAL;
    store_relaxed(&s->special.shield, 0);                      /* Relaxed: ordered by the fence. */
    fence_seq_cst();                                           /* pairs with: scopei_workers_visit, in spread_marks */
    const struct scope *parent = load_relaxed_ptr(&s->parent); /* Relaxed: s is open. */
    if (parent && scope_cancelled(parent) && mark(s, SCOPE_REASON_PARENT))
        spread_marks(NULL);
    return SCOPE_OK;
}

/* ------------------------------------------------------------------------------------------------------------ Tokens */

struct scope_token *scope_token_create(void)
{
    struct scope_token *token = calloc(1, sizeof(*token));
    if (token)
        store_relaxed(&token->references, 1); /* Relaxed: nobody else has it yet. */
    return token;
}

struct scope_token *scope_token_retain(struct scope_token *token)
{
    if (token)
        (void)add_relaxed(&token->references, 1); /* Relaxed: the caller holds a reference already. */
    return token;
}

void scope_token_release(struct scope_token *token)
{
    if (!token || sub_acq_rel(&token->references, 1) != 1) /* pairs with: scope_token_release; all use comes before */
        return;
    struct scope_callback *callback = load_relaxed_ptr(&token->callbacks); /* Relaxed: nobody else has the token. */
    while (callback) {
        struct scope_callback *next = callback->next;
        free(callback);
        callback = next;
    }
    free(token);
}

/* Exactly one of those who want to run it, or to take it back, does. */
static void callback_run(struct scope_callback *callback)
{
    if (!cas_acquire(&callback->state, CALLBACK_ARMED, CALLBACK_RUNNING)) /* pairs with: scope_token_on_cancel */
        return;
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    callback->fn(callback->arg);
    called = false;
    store_release(&callback->state, CALLBACK_DONE); /* pairs with: scope_callback_forget */
}

/* An entry of the list that nobody uses, or a new one that is in the list already.  NULL: out of memory. */
static struct scope_callback *callback_take(struct scope_token *token)
{
    struct scope_callback *first = load_acquire_ptr(&token->callbacks); /* pairs with: callback_take */
    for (struct scope_callback *callback = first; callback; callback = callback->next)
        if (cas_acquire(&callback->state, CALLBACK_FREE, CALLBACK_MAKING)) /* pairs with: scope_callback_forget */
            return callback;
    struct scope_callback *made = calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    store_relaxed(&made->state, CALLBACK_MAKING); /* Relaxed: published by the swing. */
    do /* Relaxed: who follows the list acquires all earlier swings with the last. */
        made->next = load_relaxed_ptr(&token->callbacks);
    while (!cas_release_ptr(&token->callbacks, made->next, made)); /* pairs with: callback_take, scope_token_cancel */
    return made;
}

struct scope_callback *scope_token_on_cancel(struct scope_token *token, void (*fn)(void *arg), void *arg)
{
    struct scope_callback *callback = token && fn ? callback_take(token) : NULL;
    if (!callback)
        return NULL;
    callback->fn = fn;
    callback->arg = arg;
    store_release(&callback->state, CALLBACK_ARMED); /* pairs with: callback_run */
    fence_seq_cst(); /* pairs with: scope_token_cancel; either it sees the callback, or we see the cancellation */
    if (load_acquire(&token->cancelled)) /* pairs with: scope_token_cancel */
        callback_run(callback);
    return callback;
}

bool scope_callback_forget(struct scope_callback *callback)
{
    if (!callback)
        return false;
    /* Relaxed: the caller knows what is in it. */
    bool spared = cas_relaxed(&callback->state, CALLBACK_ARMED, CALLBACK_MAKING);
    while (!spared && load_acquire(&callback->state) == CALLBACK_RUNNING) /* pairs with: callback_run */
        os_pause();
    store_release(&callback->state, CALLBACK_FREE); /* pairs with: callback_take */
    return spared;
}

int scope_token_cancel(struct scope_token *token)
{
    if (!token)
        return SCOPE_EINVAL;
    /* pairs with: scope_token_cancelled, scope_token_on_cancel */
    if (!cas_release(&token->cancelled, 0, scopei_now_ns()))
        return 0;
    store_relaxed_ptr(&token->canceller, &scopei_self); /* Relaxed: for this thread, or a hint. */
    spread_marks(token);                                /* with a fence, that pairs with: scope_token_on_cancel */
    struct scope_callback *callback = load_acquire_ptr(&token->callbacks); /* pairs with: callback_take */
    for (; callback; callback = callback->next)
        callback_run(callback);
    return 1;
}

bool scope_token_cancelled(const struct scope_token *token)
{
    return token && load_acquire(&token->cancelled); /* pairs with: scope_token_cancel */
}

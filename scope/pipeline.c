/* Pipelines.
 *
 * A token carries an item; there are as many as items may be on their way.  The task that has a token takes it from
 * stage to stage, and at the end back to the source for the next item.  Where it has to wait it is parked, and its
 * task goes on with another one; no thread waits.  Tokens are parked in two sorts of places.
 *
 * Line: at a serial stage, and at the source, where the free tokens are.  One word says whether somebody is in (BUSY),
 * and holds the tokens that have been parked, newest first.
 *
 *      arriving (line_arrive)                      leaving (line_leave)
 *      1  BUSY: pushes the token, which is parked  1  a token is parked: that one is in
 *         else: sets BUSY, and is in               2  none: clears BUSY
 *
 * Both are swings of the whole word, so either the one who leaves finds the token, or the token finds that he has
 * left.
 *
 * Gates: at an in-order stage, one word for each item.
 *
 *      item n arrives (gate_arrive)                item n - 1 leaves (gate_leave)
 *      1  exchanges gate n for its token           1  exchanges gate n for OPEN
 *      2  it was OPEN: is in                       2  there was a token: that one is in
 *
 * Whoever comes second takes item n on.  The gates are a ring: the items that have not left the stage have consecutive
 * numbers, and each has a token, so there are never more of them than tokens; and gate n is empty again before n
 * leaves.
 *
 * The source is not handed on by who leaves it: he will be back himself when his item is through, and a task that was
 * stolen for every item would cost more than many an item.  Instead there is an offer: a task that goes to the source
 * with a free token, if it can have both, for workers that are idle.  One at a time is enough (OFFERED), as it makes
 * the next one: while a token is parked at the source and nobody is in, there is an offer that has not yet looked.  At
 * the end of the stream the source stays BUSY.
 *
 * When the pipeline stops early, tasks just end, or are skipped, and what their tokens hold is disposed of when all
 * have.  Nothing of the pipeline is touched but from inside its scope, so its memory can go when that has ended. */
#include "scope/scope.h"

#include <stdlib.h>
#include <string.h>

/* So that a worker finds one to take on when the item that it carries has to wait. */
#define TOKENS_PER_WORKER 4

struct token {
    alignas(CACHE_LINE) struct pipeline *pipeline; /* I */
    void *item;         /* this, and the rest: whoever carries it.  NULL: none, or consumed */
    uint64_t number;    /* of the item */
    size_t stage;       /* where it is, or is parked */
    struct token *next; /* parked at the same place */
};

/* In the word of a line, below the address of the newest token. */
enum { BUSY = 1, OFFERED = 2, LINE_FLAGS = 3 };

struct line {
    struct atomic_u64 word; /* anybody */
    struct token *oldest;   /* of those that were parked first.  Whoever is in */
};

struct stage {
    alignas(CACHE_LINE) struct line line; /* serial, or the source */
    struct atomic_ptr *gates;             /* in order: that of item n at n & mask.  NULL, OPEN, or struct token * */
};

struct pipeline {
    /* I */
    const struct scope_stage *described;
    size_t count;
    void (*dispose)(void *item);
    uint64_t mask;
    struct token *tokens;
    size_t tokens_count;
    /* Whoever is in the source */
    uint64_t made; /* how many items */
    /* The first to fail, after it has set the flag */
    struct atomic_u64 failed;
    int failed_code;
    size_t failed_stage;
    uint64_t failed_item;
    struct stage stages[];
};

/* ------------------------------------------------------------------------------------------------------------ Lines */

static struct token *line_newest(uint64_t word)
{
    return (struct token *)(uintptr_t)(word & ~(uint64_t)LINE_FLAGS);
}

static uint64_t line_pushed(uint64_t word, struct token *t)
{
    t->next = line_newest(word);
    return (uint64_t)(uintptr_t)t | (word & LINE_FLAGS);
}

/* True: t is in.  False: it is parked, and anybody's. */
static bool line_arrive(struct line *line, struct token *t)
{
    for (;;) {
        uint64_t word = load_relaxed(&line->word); /* Relaxed, here and below: the swing tells whether it was right. */
        uint64_t after = word & BUSY ? line_pushed(word, t) : word | BUSY;
        if (cas_acq_rel(&line->word, word, after)) /* pairs with: line_leave, source_leave, line_next */
            return !(word & BUSY);
    }
}

/* Takes the token that was parked first, for one who is in.  NULL: there is none. */
static struct token *line_next(struct line *line)
{
    uint64_t word;
    while (!line->oldest && line_newest(word = load_relaxed(&line->word))) {
        if (!cas_acquire(&line->word, word, word & LINE_FLAGS)) /* pairs with: line_arrive, source_park */
            continue;
        for (struct token *t = line_newest(word), *newer; t; t = newer) {
            newer = t->next;
            t->next = line->oldest;
            line->oldest = t;
        }
    }
    struct token *t = line->oldest;
    if (t)
        line->oldest = t->next;
    return t;
}

/* Returns the token that is in now; NULL: none was parked. */
static struct token *line_leave(struct line *line)
{
    struct token *next;
    do
        next = line_next(line);
    while (!next && !cas_release(&line->word, BUSY, 0)); /* pairs with: line_arrive */
    return next;
}

/* The same for the source.  True: the caller is to make an offer. */
static bool source_leave(struct line *line)
{
    for (;;) {
        uint64_t word = load_relaxed(&line->word);
        bool offer = !(word & OFFERED) && (line->oldest || line_newest(word));
        uint64_t after = (word & ~(uint64_t)BUSY) | (offer ? OFFERED : 0);
        if (cas_release(&line->word, word, after)) /* pairs with: line_arrive, source_claim */
            return offer;
    }
}

/* Parks a token at the source.  True: the caller is to make an offer. */
static bool source_park(struct line *line, struct token *t)
{
    for (;;) {
        uint64_t word = load_relaxed(&line->word);
        bool offer = !(word & LINE_FLAGS);
        uint64_t after = line_pushed(word, t) | (offer ? OFFERED : 0);
        if (cas_release(&line->word, word, after)) /* pairs with: line_next */
            return offer;
    }
}

/* A task without a token comes to the source; it may be the offer.  True: it is in, and there may be a token. */
static bool source_claim(struct line *line, bool is_offer)
{
    for (;;) {
        uint64_t word = load_relaxed(&line->word);
        uint64_t after = is_offer ? word & ~(uint64_t)OFFERED : word;
        bool in = !(word & BUSY) && (word & OFFERED);
        if (!in && !is_offer)
            return false;
        if (cas_acquire(&line->word, word, after | (in ? BUSY : 0))) /* pairs with: source_leave */
            return in;
    }
}

/* ------------------------------------------------------------------------------------------------------------ Gates */

/* In a gate, when the item's turn has come before the item. */
static char open_gate;
#define OPEN ((void *)&open_gate)

static struct atomic_ptr *gate_of(const struct pipeline *p, size_t stage, uint64_t number)
{
    return &p->stages[stage].gates[number & p->mask];
}

/* As line_arrive. */
static bool gate_arrive(struct atomic_ptr *gate, struct token *t)
{
    /* pairs with: gate_leave, both.  Who finds it open knows that the other has been here. */
    if (load_acquire_ptr(gate) != OPEN && exchange_acq_rel_ptr(gate, t) != OPEN)
        return false;
    store_relaxed_ptr(gate, NULL); /* Relaxed: it is used again only after this item has left. */
    return true;
}

/* As line_leave. */
static struct token *gate_leave(struct atomic_ptr *gate)
{
    struct token *next = exchange_acq_rel_ptr(gate, OPEN); /* pairs with: gate_arrive */
    if (next)
        store_relaxed_ptr(gate, NULL); /* Relaxed: as above. */
    return next;
}

/* ----------------------------------------------------------------------------------------------------------- Tokens */

static scope_fn token_task, offer_task;

static void offer_make(struct scope *s, struct pipeline *p)
{
    (void)scope_spawn(s, offer_task, p); /* refused: s is cancelled, and so are we */
}

static void item_dispose(const struct pipeline *p, struct token *t)
{
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    if (t->item && p->dispose)
        p->dispose(t->item);
    called = false;
    t->item = NULL;
}

static int stage_failed(struct scope *s, struct pipeline *p, const struct token *t, int code)
{
    if (code == SCOPE_ECANCELED) {
        (void)scope_cancel(s);
    } else if (cas_relaxed(&p->failed, 0, 1)) { /* Relaxed: read when all have ended. */
        p->failed_code = code;
        p->failed_stage = t->stage;
        p->failed_item = t->stage ? t->number : p->made;
    }
    return code;
}

/* Calls the stage that t is in.  False: t goes no further, as the stream has ended, or with a code that is not 0. */
static bool stage_call(struct scope *s, struct pipeline *p, struct token *t, int *code)
{
    const struct scope_stage *stage = &p->described[t->stage];
    if (t->stage > 0 && !t->item)
        return true; /* consumed, but its turn had to come */
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    *code = stage->fn(s, &t->item, stage->arg);
    called = false;
    if (*code)
        *code = stage_failed(s, p, t, *code);
    else if (t->stage == 0 && t->item)
        t->number = p->made++;
    return !*code && (t->stage > 0 || t->item);
}

/* t leaves its stage.  Returns a token that is in now; NULL: none, or nobody needs to care. */
static struct token *stage_leave(struct scope *s, struct pipeline *p, const struct token *t)
{
    if (t->stage == 0) {
        if (source_leave(&p->stages[0].line))
            offer_make(s, p);
        return NULL;
    }
    switch (p->described[t->stage].kind) {
    case SCOPE_STAGE_SERIAL:
        return line_leave(&p->stages[t->stage].line);
    case SCOPE_STAGE_IN_ORDER:
        return gate_leave(gate_of(p, t->stage, t->number + 1));
    default:
        return NULL;
    }
}

/* To the next stage that t has to come to, or, if that was the last one, to the source. */
static void token_step(const struct pipeline *p, struct token *t)
{
    do
        t->stage++;
    while (t->stage < p->count && !t->item && p->described[t->stage].kind != SCOPE_STAGE_IN_ORDER);
    if (t->stage == p->count) {
        item_dispose(p, t);
        t->stage = 0;
    }
}

/* As line_arrive. */
static bool stage_arrive(struct pipeline *p, struct token *t)
{
    enum scope_stage_kind kind = p->described[t->stage].kind;
    if (t->stage == 0 || kind == SCOPE_STAGE_SERIAL)
        return line_arrive(&p->stages[t->stage].line, t);
    return kind == SCOPE_STAGE_PARALLEL || gate_arrive(gate_of(p, t->stage, t->number), t);
}

/* A free token, in the source; NULL: there is none, or somebody is in. */
static struct token *source_enter(struct scope *s, struct pipeline *p, bool is_offer)
{
    struct line *line = &p->stages[0].line;
    if (!source_claim(line, is_offer))
        return NULL;
    struct token *t = line_next(line);
    if (!t && source_leave(line))
        offer_make(s, p);
    return t;
}

/* Takes t, which is in a stage, on its way, and then others.  What has been started comes before anything new: so a
 * task that has spawned one for a token that was parked ends, for its worker to turn to that, before it goes to the
 * source.  A task whose own token has been parked looks for another at the source: the offer may be in a deque far
 * away. */
static int carry(struct scope *s, struct pipeline *p, struct token *t)
{
    int code = 0;
    bool spawned = false;
    while (t && !scope_cancelled(s) && stage_call(s, p, t, &code)) {
        struct token *next = stage_leave(s, p, t);
        token_step(p, t);
        if (t->stage == 0 && (next || spawned)) {
            if (source_park(&p->stages[0].line, t))
                offer_make(s, p);
            t = next;
            continue;
        }
        if (next) {
            (void)scope_spawn(s, token_task, next); /* refused: as in offer_make */
            spawned = true;
        }
        if (!stage_arrive(p, t))
            t = spawned ? NULL : source_enter(s, p, false);
    }
    return code;
}

/* A token that was parked, and is in its stage now. */
static int token_task(struct scope *s, void *arg)
{
    struct token *t = arg;
    return carry(s, t->pipeline, t);
}

static int offer_task(struct scope *s, void *arg)
{
    return carry(s, arg, source_enter(s, arg, true));
}

/* -------------------------------------------------------------------------------------------------------- Pipelines */

/* The caller's first token is in the source, the others are parked there. */
static int pipeline_body(struct scope *s, void *arg)
{
    struct pipeline *p = arg;
    struct line *source = &p->stages[0].line;
    store_relaxed(&source->word, BUSY); /* Relaxed: nobody else has come yet. */
    for (size_t i = p->tokens_count - 1; i > 0; i--) {
        p->tokens[i].next = source->oldest;
        source->oldest = &p->tokens[i];
    }
    return carry(s, p, &p->tokens[0]);
}

/* Records in s what made the pipeline fail.  report: of its own scope. */
static int failure_record(struct scope *s, const struct pipeline *p, const struct scope_report *report)
{
    if (!load_relaxed(&p->failed)) /* Relaxed: all have ended. */
        return scope_fail_at(s, NULL, 0, SCOPE_ERROR, "a task in a pipeline");
    const struct scope_error none = {.code = 0}, *said = &none;
    for (uint64_t i = report->group.kept; i-- > 0;)
        if (report->group.errors[i].code == p->failed_code)
            said = &report->group.errors[i];
    const char *name = p->described[p->failed_stage].name;
    return scope_fail_at(s, said->file, said->line, p->failed_code, "stage %zu%s%s%s, item %llu%s%s", p->failed_stage,
                         name ? " (" : "", name ? name : "", name ? ")" : "", (unsigned long long)p->failed_item,
                         said->message[0] ? ": " : "", said->message);
}

/* Runs it in a scope inside s. */
static int pipeline_run(struct scope *s, void *arg)
{
    struct pipeline *p = arg;
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    options.name = "pipeline";
    int status = scope_run_with(&options, &report, pipeline_body, p);
    for (size_t i = 0; i < p->tokens_count; i++)
        item_dispose(p, &p->tokens[i]);
    if (status == SCOPE_ERROR)
        status = failure_record(s, p, &report);
    scope_report_fini(&report);
    return status;
}

static bool stages_valid(const struct scope_stage *stages, size_t count)
{
    if (!stages || count == 0 || count > SCOPE_STAGES_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!stages[i].fn || stages[i].kind < SCOPE_STAGE_PARALLEL || stages[i].kind > SCOPE_STAGE_IN_ORDER)
            return false;
    return true;
}

static size_t tokens_default(void)
{
    const struct worker *w = worker_self();
    unsigned workers = scope_pool_workers(w ? w->pool : NULL);
    return TOKENS_PER_WORKER * (size_t)(workers ? workers : 1);
}

static bool stage_ordered(const struct scope_stage *stages, size_t i)
{
    return i > 0 && stages[i].kind == SCOPE_STAGE_IN_ORDER;
}

/* rings: of size bytes each, for each stage that is in order. */
static void gates_init(struct pipeline *p, char *rings, size_t size)
{
    for (size_t i = 0; i < p->count; i++) {
        if (!stage_ordered(p->described, i))
            continue;
        p->stages[i].gates = (struct atomic_ptr *)(void *)rings;
        store_relaxed_ptr(gate_of(p, i, 0), OPEN); /* Relaxed: nobody else knows it yet. */
        rings += size;
    }
}

/* All the memory of a pipeline, as one piece.  NULL: there is none. */
static struct pipeline *pipeline_create(const struct scope_stage *stages, size_t count, size_t tokens)
{
    size_t gates = CACHE_LINE / sizeof(struct atomic_ptr), ordered = 0;
    while (gates < tokens)
        gates *= 2;
    for (size_t i = 0; i < count; i++)
        ordered += stage_ordered(stages, i);
    size_t head = sizeof(struct pipeline) + count * sizeof(struct stage);
    size_t ring = gates * sizeof(struct atomic_ptr);
    size_t size = head + tokens * sizeof(struct token) + ordered * ring;
    struct pipeline *p = aligned_alloc(CACHE_LINE, size);
    if (!p)
        return NULL;
    memset(p, 0, size);
    p->described = stages;
    p->count = count;
    p->mask = gates - 1;
    p->tokens = (struct token *)(void *)((char *)p + head);
    p->tokens_count = tokens;
    for (size_t i = 0; i < tokens; i++)
        p->tokens[i].pipeline = p;
    gates_init(p, (char *)(p->tokens + tokens), ring);
    return p;
}

int scope_pipeline(struct scope *s, const struct scope_stage *stages, size_t count, size_t tokens,
                   void (*dispose)(void *item))
{
    const struct worker *w = worker_self();
    if (!stages_valid(stages, count) || tokens > SCOPE_TOKENS_MAX)
        return SCOPE_EINVAL;
    if (s && (!w || w->open != s))
        return SCOPE_EPERM;
    struct pipeline *p = pipeline_create(stages, count, tokens ? tokens : tokens_default());
    if (!p)
        return SCOPE_ENOMEM;
    p->dispose = dispose;
    int status = s ? pipeline_run(s, p) : scope_run(pipeline_run, p);
    free(p);
    return status;
}

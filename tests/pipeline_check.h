/* What the tests of pipelines share: stages that watch what comes to them. */
#ifndef TESTS_PIPELINE_CHECK_H
#define TESTS_PIPELINE_CHECK_H

#include "tests/scope_check.h"

#define PROBE_STAGES 10
#define PROBE_ITEMS 300

/* What an item has been through.  Not atomic where the pipeline promises an order: ThreadSanitizer tells. */
struct probe_item {
    struct probe *probe;
    uint64_t number;
    size_t stage; /* that it is to come to next */
    bool consumed;
    atomic_uint disposed;
};

struct probe_stage {
    struct probe *probe;
    size_t index;
    enum scope_stage_kind kind;
    atomic_uint inside;
    uint64_t seen; /* in order: the number after the last one's.  Serial: how many */
};

/* What happens at one item in one stage. */
enum trouble { NONE, FAILS, SAYS, STOPS, CANCELS, CANCELS_TOKEN, FAILS_INSIDE, TROUBLES };

struct probe {
    size_t count, tokens;
    uint64_t items;
    bool filter;          /* stage 1 consumes every third item */
    enum trouble trouble; /* at trouble_item in trouble_stage */
    size_t trouble_stage;
    uint64_t trouble_item;
    bool all; /* and at every item after it */
    struct scope_token *token;
    uint64_t made;
    atomic_uint now; /* items on their way */
    unsigned most;
    struct probe_stage stages[PROBE_STAGES];
    struct probe_item item[PROBE_ITEMS];
};

#define TROUBLE_CODE 77

static inline int probe_task_fails(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    return TROUBLE_CODE + 1;
}

static inline int probe_trouble(struct scope *s, const struct probe *probe)
{
    switch (probe->trouble) {
    case FAILS:
        return TROUBLE_CODE;
    case SAYS:
        return scope_fail(s, TROUBLE_CODE, "said");
    case STOPS:
        return SCOPE_ECANCELED;
    case CANCELS:
        CHECK(scope_cancel(s) >= 0);
        return 0;
    case CANCELS_TOKEN:
        CHECK(scope_token_cancel(probe->token) >= 0);
        return 0;
    case FAILS_INSIDE:
        (void)scope_spawn(s, probe_task_fails, NULL);
        return 0;
    default:
        return 0;
    }
}

/* Some take longer than others, so that they arrive out of order. */
static inline void probe_spend(uint64_t number, size_t stage)
{
    uint64_t turns = ((number + 1) * 2654435761u * (stage + 3) >> 7) % 8;
    for (uint64_t i = 0; i < turns * turns * 8; i++)
        atomic_signal_fence(memory_order_seq_cst);
    if (turns == 7)
        sched_yield();
}

static inline void probe_make(struct probe *probe, void **item)
{
    CHECK(*item == NULL);
    if (probe->made == probe->items)
        return;
    struct probe_item *it = &probe->item[probe->made];
    it->probe = probe;
    it->number = probe->made++;
    *item = it;
    unsigned now = atomic_fetch_add(&probe->now, 1) + 1;
    probe->most = now > probe->most ? now : probe->most;
    CHECK(probe->tokens == 0 || now <= probe->tokens);
}

static inline void probe_enter(struct probe_stage *stage, struct probe_item *it)
{
    bool serial = stage->index == 0 || stage->kind != SCOPE_STAGE_PARALLEL;
    CHECK(atomic_fetch_add(&stage->inside, 1) == 0 || !serial);
    CHECK_EQ_INT(it->stage, stage->index);
    it->stage++;
    if (stage->kind == SCOPE_STAGE_IN_ORDER) {
        CHECK(it->number >= stage->seen && (stage->probe->filter || it->number == stage->seen));
        stage->seen = it->number + 1;
    } else if (serial) {
        stage->seen++;
    }
}

static inline int probe_stage_fn(struct scope *s, void **item, void *arg)
{
    struct probe_stage *stage = arg;
    struct probe *probe = stage->probe;
    if (stage->index == 0)
        probe_make(probe, item);
    struct probe_item *it = *item;
    bool here = stage->index == probe->trouble_stage && (it ? it->number : probe->made) >= probe->trouble_item;
    if (!it)
        return here && probe->trouble ? probe_trouble(s, probe) : 0;
    probe_enter(stage, it);
    probe_spend(it->number, stage->index);
    int code = here && (probe->all || it->number == probe->trouble_item) ? probe_trouble(s, probe) : 0;
    if (probe->filter && stage->index == 1 && it->number % 3 == 1) {
        it->consumed = true;
        atomic_fetch_sub(&probe->now, 1);
        *item = NULL;
    }
    atomic_fetch_sub(&stage->inside, 1);
    return code;
}

static inline void probe_dispose(void *item)
{
    struct probe_item *it = item;
    atomic_fetch_sub(&it->probe->now, 1);
    CHECK_EQ_INT(atomic_fetch_add(&it->disposed, 1), 0);
}

static inline int probe_run(struct scope *s, struct probe *probe)
{
    static const char *const names[PROBE_STAGES] = {"source", "first", NULL, "third"};
    struct scope_stage stages[PROBE_STAGES];
    for (size_t i = 0; i < probe->count; i++) {
        probe->stages[i].probe = probe;
        probe->stages[i].index = i;
        stages[i] = (struct scope_stage){names[i], probe->stages[i].kind, probe_stage_fn, &probe->stages[i]};
    }
    return scope_pipeline(s, stages, probe->count, probe->tokens, probe_dispose);
}

/* Afterwards: nothing is on its way, and each item that was made has been disposed of, or consumed. */
static inline void probe_check(const struct probe *probe)
{
    CHECK_EQ_INT(probe->now, 0);
    for (size_t i = 0; i < probe->count; i++)
        CHECK_EQ_INT(probe->stages[i].inside, 0);
    for (uint64_t n = 0; n < PROBE_ITEMS; n++)
        CHECK_EQ_INT(probe->item[n].disposed + probe->item[n].consumed, n < probe->made);
}

/* A stream of numbers, so long that they have no memory of their own: a parallel stage, perhaps one of the caller's,
 * and an in-order one. */
struct long_stream {
    uint64_t items, made, ended;
    scope_stage_fn *middle;
    void *arg;
    enum scope_stage_kind kind; /* of the middle one */
};

static inline int long_stream_make(struct scope *s, void **item, void *arg)
{
    struct long_stream *stream = arg;
    (void)s;
    if (stream->made < stream->items)
        *item = (void *)(uintptr_t)++stream->made;
    return 0;
}

static inline int long_stream_pass(struct scope *s, void **item, void *arg)
{
    (void)s, (void)arg;
    if ((uintptr_t)*item % 64 == 0)
        probe_spend((uintptr_t)*item, 1);
    return 0;
}

static inline int long_stream_end(struct scope *s, void **item, void *arg)
{
    struct long_stream *stream = arg;
    (void)s;
    CHECK_EQ_INT((uintptr_t)*item, ++stream->ended);
    return 0;
}

static inline int long_stream_run(struct scope *s, struct long_stream *stream, size_t tokens)
{
    const struct scope_stage stages[] = {
        {.fn = long_stream_make, .arg = stream},
        {.kind = stream->kind, .fn = stream->middle ? stream->middle : long_stream_pass, .arg = stream->arg},
        {.kind = SCOPE_STAGE_IN_ORDER, .fn = long_stream_end, .arg = stream},
    };
    return scope_pipeline(s, stages, 3, tokens, NULL);
}

#endif

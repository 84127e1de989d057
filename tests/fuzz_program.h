/* Programs that a fuzzer makes up: any bytes are one.
 *
 * A program is a tree.  A *block* is a list of steps and how it ends; it is the body of a scope, a task, a branch of a fork, or what a
 * typed task does.  A *stage* is a scope, with its options.  Each block is to be run once, so it counts itself, and what all
 * of them have counted must be what the reports say.
 *
 * Bytes are taken one at a time; behind the last there are zeros, and zero ends a block.  What would be too large is left out. */
#ifndef TESTS_FUZZ_PROGRAM_H
#define TESTS_FUZZ_PROGRAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <taskscope.h>

#define STAGES_MAX 40
#define BLOCKS_MAX 240
#define STEPS_MAX 480
#define LEAVES_MAX 8192
#define NEST_MAX 7

#define TOKENS 2
#define CODES 16 /* of tasks: 1 to 15 */
#define STATUSES 12
#define KEYS 3

enum step_kind {
    STEP_SPAWN,      /* blocks[a] into stage a->stage */
    STEP_BURST,      /* leaves into a stage */
    STEP_SCOPE,      /* stage */
    STEP_FORK,       /* blocks[a], blocks[b] */
    STEP_TYPED,      /* a typed tree, blocks[a] in one of its leaves */
    STEP_PERMIT,     /* blocks[a] by a permit for its stage */
    STEP_CANCEL,     /* stage */
    STEP_FAIL,       /* stage, code */
    STEP_TOKEN,      /* cancels token number n */
    STEP_DEADLINE,   /* moves the deadline of the own stage */
    STEP_UNSHIELD,   /* the own stage */
    STEP_WAIT,       /* until the own stage is cancelled, if a deadline will do that */
    STEP_LOOK,       /* at locals, deadlines */
    STEP_MISUSE,     /* calls that must be refused */
    STEP_ALGORITHM,  /* fuzz_loops.h */
    STEP_ALGORITHM2, /* more of these */
    STEP_ALGORITHM3,
    STEPS
};

enum block_kind { BLOCK_TASK, BLOCK_BODY, BLOCK_FORK, BLOCK_TYPED };

/* How a task is given to the library. */
enum manner { BY_POINTER, BY_COPY, BY_LONG_COPY, DESCRIBED, DESCRIBED_COPY, DESCRIBED_LONG, TRIED, MANNERS };

enum ending {
    END_OK,
    END_CODE,   /* its code */
    END_FAIL,   /* scope_fail with its code */
    END_STOP,   /* SCOPE_ECANCELED */
    END_POLITE, /* the same if it is cancelled */
    END_STATUS, /* what the last inner scope returned */
    END_TOLD,   /* the code that this block told its scope last */
    ENDINGS
};

struct step {
    enum step_kind kind;
    uint16_t next; /* step of the same block; 0: none */
    uint16_t a, b; /* blocks */
    uint16_t leaf; /* the first of a burst */
    uint16_t stage;
    uint16_t n;
    uint8_t code, how, bad;
    uint32_t salt;
};

struct block {
    struct program *program;
    uint16_t stage, first; /* step; 0: none */
    enum block_kind kind;
    enum manner manner;
    enum ending ending;
    int code;
    bool dispose, anyway;
    /* What happens. */
    bool attempted, accepted; /* whoever spawns it writes */
    atomic_uint ran, ended, disposed;
    int told; /* the code that it has told its scope last; 0: none */
};

/* Of its description, if it has one. */
static inline const char *block_name(const struct block *block)
{
    return block->manner == DESCRIBED || block->manner == TRIED ? "pointer" : "copied";
}

/* One of the many small tasks of a burst. */
struct leaf {
    struct stage *stage;
    int code;
    atomic_uint ran;
};

enum deadline { NEVER, FAR, NEAR, PAST };
enum opening { PLAIN, WITH_OPTIONS, WITH_REPORT, AS_BLOCK };

/* What the tasks of a stage count. */
struct counts {
    atomic_uint accepted, refused, ran, ok, failed, cancelled;
    atomic_uint errors, told[CODES + STATUSES];
    atomic_uint running, firsts;
    atomic_bool stopped; /* a call of scope_cancel has returned */
};

struct stage {
    struct program *program;
    uint16_t parent, body; /* stage, block; the outermost is its own parent */
    enum opening opening;
    enum scope_policy policy;
    enum deadline deadline;
    bool shield, second_pool, completes, unshields, resets;
    unsigned limit, token;      /* 0: none */
    uint16_t verdict_at, extra; /* on_complete: at which completion it acts; block that it spawns, 0: none */
    int verdict;
    unsigned local; /* key + 1; 0: none */
    /* What may happen; see fuzz_oracle.h */
    unsigned reasons; /* bits of enum scope_reason */
    bool errs;
    unsigned least, most; /* tasks that are run */
    /* What happens. */
    struct scope *s;
    struct scope_local locals;
    uint64_t deadline_ns;
    int body_code;
    unsigned completions, completed_ok, completed_failed; /* on_complete has them to itself */
    bool inside;
    atomic_bool closed;
    struct counts count;
};

struct program {
    struct stage stages[STAGES_MAX];
    struct block blocks[BLOCKS_MAX];
    struct step steps[STEPS_MAX]; /* the first is not used */
    struct leaf leaves[LEAVES_MAX];
    unsigned stage_count, block_count, step_count, leaf_count;
    bool token_cancelled[TOKENS]; /* from the beginning */
    bool token_used[TOKENS];      /* some step cancels it */
    bool timed, foreign;          /* other threads than the pool's take part */
    struct scope_token *token[TOKENS];
    atomic_uint abroad; /* permits that the courier has */
};

/* Relaxed: a count must not order what the library should. */
static inline unsigned count_up(atomic_uint *count)
{
    return atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static inline bool stage_closed(const struct stage *stage)
{
    return atomic_load_explicit(&stage->closed, memory_order_relaxed);
}

/* An error of the stage has been recorded: by a task's code, or by a call. */
static inline void stage_told(struct stage *stage, int code)
{
    count_up(&stage->count.errors);
    count_up(&stage->count.told[code > 0 ? code : CODES + SCOPE_ERROR - code]);
}

/* ---------------------------------------------------------------------------------------------------------- Decoding */

struct reader {
    struct program *p;
    const uint8_t *at, *end;
    unsigned depth;
};

static inline unsigned byte_next(struct reader *r)
{
    return r->at < r->end ? *r->at++ : 0;
}

/* Once in so many times; never behind the last byte. */
static inline bool chance(struct reader *r, unsigned times)
{
    return byte_next(r) % times == times - 1;
}

/* The stage of a block, or one around it. */
static inline uint16_t stage_outward(struct reader *r, uint16_t stage)
{
    for (unsigned n = byte_next(r); n % 3 == 2; n /= 3)
        stage = r->p->stages[stage].parent;
    return stage;
}

static inline void block_decode(struct reader *r, uint16_t index);

/* The index of a new block, its steps decoded; 0: there is no room. */
static inline uint16_t block_new(struct reader *r, enum block_kind kind, uint16_t stage)
{
    if (r->p->block_count == BLOCKS_MAX)
        return 0;
    uint16_t index = (uint16_t)r->p->block_count++;
    struct block *block = &r->p->blocks[index];
    block->program = r->p;
    block->kind = kind;
    block->stage = stage;
    unsigned how = byte_next(r);
    block->manner = how % MANNERS;
    block->dispose = how / MANNERS % 2;
    block->anyway = kind == BLOCK_TASK && block->manner >= DESCRIBED && how >= 200;
    block_decode(r, index);
    return index;
}

static inline void options_decode(struct reader *r, struct stage *stage)
{
    unsigned how = byte_next(r);
    stage->policy = (enum scope_policy)(how % 3);
    stage->shield = how / 3 % 4 == 3;
    stage->local = how / 12 % (KEYS + 1);
    stage->second_pool = how >= 240;
    how = byte_next(r);
    stage->limit = how % 4 == 3 ? 1 + how / 4 % 3 : 0;
    stage->token = how / 16 % 4 == 3 ? 1 + how / 64 % TOKENS : 0;
    how = byte_next(r);
    stage->deadline = how % 4 == 1 ? FAR : how == 6 ? NEAR : how == 10 ? PAST : NEVER;
    stage->completes = how % 8 == 3;
    r->p->timed |= stage->deadline == NEAR;
}

static inline void verdict_decode(struct reader *r, uint16_t index)
{
    struct stage *stage = &r->p->stages[index];
    unsigned how = byte_next(r);
    stage->verdict_at = (uint16_t)(1 + how % 5);
    stage->verdict = how / 5 % 3 == 0 ? 0 : how / 5 % 3 == 1 ? SCOPE_ECANCELED : 9;
    if (how >= 128)
        stage->extra = block_new(r, BLOCK_TASK, index);
}

/* The index of a new stage inside another; 0: there is no room. */
static inline uint16_t stage_new(struct reader *r, uint16_t parent)
{
    struct program *p = r->p;
    if (p->stage_count == STAGES_MAX || p->block_count == BLOCKS_MAX)
        return 0;
    uint16_t index = (uint16_t)p->stage_count++;
    struct stage *stage = &p->stages[index];
    stage->program = p;
    stage->parent = parent;
    stage->opening = (enum opening)(byte_next(r) % 8 < 4 ? WITH_REPORT : byte_next(r) % 4);
    if (stage->opening != PLAIN)
        options_decode(r, stage);
    if (stage->opening != WITH_REPORT && stage->policy == SCOPE_RACE)
        stage->policy = SCOPE_COLLECT; /* without a report nobody knows whether somebody has won */
    stage->body = block_new(r, BLOCK_BODY, index);
    if (stage->completes)
        verdict_decode(r, index);
    return index;
}

static inline bool step_spawn(struct reader *r, struct step *step, uint16_t stage)
{
    step->stage = stage_outward(r, stage);
    step->a = block_new(r, BLOCK_TASK, step->stage);
    return step->a != 0;
}

static inline bool step_burst(struct reader *r, struct step *step, uint16_t stage)
{
    unsigned n = byte_next(r);
    step->stage = stage_outward(r, stage);
    step->how = (uint8_t)byte_next(r);
    step->n = (uint16_t)(n == 255 ? 5000 : n % 50);
    step->bad = (uint8_t)byte_next(r);
    step->leaf = (uint16_t)r->p->leaf_count;
    step->code = (uint8_t)(1 + step->bad % 3);
    if (step->n > LEAVES_MAX - r->p->leaf_count)
        return false;
    r->p->leaf_count += step->n;
    return true;
}

static inline bool step_fork(struct reader *r, struct step *step, uint16_t stage)
{
    step->a = block_new(r, BLOCK_FORK, stage);
    step->b = step->a ? block_new(r, BLOCK_FORK, stage) : 0;
    return step->b != 0;
}

static inline bool step_typed(struct reader *r, struct step *step, uint16_t stage)
{
    unsigned n = byte_next(r);
    step->n = (uint16_t)(n % 8);
    step->how = n >= 253; /* wide */
    step->a = block_new(r, BLOCK_TYPED, stage);
    return step->a != 0;
}

static inline bool step_permit(struct reader *r, struct step *step, uint16_t stage)
{
    step->how = (uint8_t)byte_next(r);
    step->stage = stage_outward(r, stage);
    step->a = block_new(r, BLOCK_TASK, step->stage);
    r->p->foreign |= step->how % 4 == 3;
    return step->a != 0;
}

static inline void step_token(struct reader *r, struct step *step)
{
    step->n = (uint16_t)(byte_next(r) % TOKENS);
    r->p->token_used[step->n] = true;
}

static inline void step_algorithm(struct reader *r, struct step *step)
{
    unsigned size = byte_next(r);
    step->how = (uint8_t)byte_next(r);
    step->bad = (uint8_t)byte_next(r);
    step->salt = byte_next(r) << 8;
    step->salt |= byte_next(r);
    step->code = (uint8_t)(6 + step->bad % 2);
    step->n = (uint16_t)(size < 64 ? size : size < 200 ? (size - 60) * 4 : (size - 180) * 32);
    step->bad = step->bad < 224 ? 0 : (uint8_t)(1 + step->bad % 2);
}

/* False: it is left out. */
static inline bool step_decode(struct reader *r, struct step *step, const struct block *block)
{
    struct stage *stage = &r->p->stages[block->stage];
    switch (step->kind) {
    case STEP_SPAWN:
        return step_spawn(r, step, block->stage);
    case STEP_BURST:
        return step_burst(r, step, block->stage);
    case STEP_SCOPE:
        return (step->stage = stage_new(r, block->stage)) != 0;
    case STEP_FORK:
        return step_fork(r, step, block->stage);
    case STEP_TYPED:
        return block->kind != BLOCK_TYPED && step_typed(r, step, block->stage);
    case STEP_PERMIT:
        return step_permit(r, step, block->stage);
    case STEP_CANCEL:
    case STEP_FAIL:
        step->stage = stage_outward(r, block->stage);
        /* Others for scopes further out: returning such a code means something else (scope_fail). */
        step->code = (uint8_t)((step->stage == block->stage ? 10 : 12) + byte_next(r) % 2);
        return chance(r, 2);
    case STEP_TOKEN:
        step_token(r, step);
        return true;
    case STEP_DEADLINE:
        step->how = (uint8_t)(byte_next(r) % 3);
        stage->resets |= block->kind == BLOCK_BODY;
        return block->kind == BLOCK_BODY || block->kind == BLOCK_TASK;
    case STEP_UNSHIELD:
        stage->unshields = true;
        return true;
    case STEP_LOOK:
        step->stage = stage_outward(r, block->stage);
        step->n = (uint16_t)(byte_next(r) % KEYS);
        step->how = chance(r, 16); /* prints, too */
        return true;
    case STEP_MISUSE:
        step->how = (uint8_t)byte_next(r);
        return true;
    case STEP_ALGORITHM:
    case STEP_ALGORITHM2:
    case STEP_ALGORITHM3:
        step->kind = STEP_ALGORITHM;
        step_algorithm(r, step);
        return true;
    default:
        return true;
    }
}

static inline void ending_decode(struct reader *r, struct block *block)
{
    unsigned how = byte_next(r);
    block->ending = how < 120 ? END_OK : how < 150 ? END_TOLD : (enum ending)(how % ENDINGS);
    if (block->kind == BLOCK_FORK && how >= 90 && how < 120)
        block->ending = END_FAIL;
    block->code = block->ending == END_FAIL ? 14 : 1 + (int)(how % 5);
}

/* A fifth of the bytes end a block; the outermost goes on to the last byte. */
static inline bool block_goes_on(struct reader *r, unsigned *kind)
{
    do
        *kind = byte_next(r);
    while (*kind < 51 && r->depth == 1 && r->at < r->end);
    return *kind >= 51 && r->depth <= NEST_MAX && r->p->step_count < STEPS_MAX;
}

static inline void block_decode(struct reader *r, uint16_t index)
{
    struct block *block = &r->p->blocks[index];
    uint16_t *link = &block->first;
    unsigned kind;
    r->depth++;
    while (block_goes_on(r, &kind)) {
        uint16_t at = (uint16_t)r->p->step_count++;
        struct step *step = &r->p->steps[at];
        step->kind = (enum step_kind)((kind - 51) % STEPS);
        if (!step_decode(r, step, block))
            continue;
        *link = at;
        link = &step->next;
    }
    r->depth--;
    ending_decode(r, block);
}

static inline void program_clear(struct program *p)
{
    memset(p->stages, 0, p->stage_count * sizeof(*p->stages));
    memset(p->blocks, 0, p->block_count * sizeof(*p->blocks));
    memset(p->steps, 0, p->step_count * sizeof(*p->steps));
    memset(p->leaves, 0, p->leaf_count * sizeof(*p->leaves));
    memset(&p->stage_count, 0, sizeof(*p) - offsetof(struct program, stage_count));
    p->step_count = 1;
    p->block_count = 1;
}

/* Makes the program of size bytes. */
static inline void program_decode(struct program *p, const uint8_t *bytes, size_t size)
{
    struct reader r = {.p = p, .at = bytes, .end = bytes + size};
    program_clear(p);
    unsigned how = byte_next(&r);
    for (unsigned i = 0; i < TOKENS; i++)
        p->token_cancelled[i] = how >> i * 4 == 15;
    (void)stage_new(&r, 0);
}

/* ------------------------------------------------------------------------------------------------------------ Reading */

static inline void block_print(const struct program *p, unsigned index, int indent);

static inline void stage_print(const struct program *p, unsigned index, int indent)
{
    const struct stage *stage = &p->stages[index];
    printf("#%*sscope %u: opening %d, policy %d, limit %u, deadline %d, token %u%s%s%s\n", indent, "", index,
           (int)stage->opening, (int)stage->policy, stage->limit, (int)stage->deadline, stage->token,
           stage->shield ? ", shield" : "", stage->second_pool ? ", second pool" : "",
           stage->unshields ? ", taken off" : "");
    if (stage->completes)
        printf("#%*son_complete at %u: %d\n", indent + 2, "", stage->verdict_at, stage->verdict);
    if (stage->extra)
        block_print(p, stage->extra, indent + 4);
    block_print(p, stage->body, indent + 2);
}

static inline void step_print(const struct program *p, const struct step *step, int indent)
{
    static const char *const names[STEPS] = {"spawn",    "burst",  "run",  "fork",   "typed",
                                             "permit",   "cancel", "fail", "token",  "deadline",
                                             "unshield", "wait",   "look", "misuse", "algorithm"};
    printf("#%*s%s: scope %u, n %u, how %u, code %u%s, salt %u\n", indent, "", names[step->kind], step->stage, step->n,
           step->how, step->code, step->bad ? " (bad)" : "", step->salt);
    if (step->kind == STEP_SCOPE)
        stage_print(p, step->stage, indent + 2);
    if (step->a)
        block_print(p, step->a, indent + 2);
    if (step->b)
        block_print(p, step->b, indent + 2);
}

static inline void block_print(const struct program *p, unsigned index, int indent)
{
    static const char *const kinds[] = {"task", "body", "branch", "typed"};
    const struct block *block = &p->blocks[index];
    printf("#%*s%s %u in scope %u: manner %d, ending %d, code %d%s%s%s\n", indent, "", kinds[block->kind], index,
           block->stage, (int)block->manner, (int)block->ending, block->code, block->dispose ? ", dispose" : "",
           block->anyway ? ", anyway" : "", block->ran ? "" : ", not run");
    for (unsigned at = block->first; at; at = p->steps[at].next)
        step_print(p, &p->steps[at], indent + 2);
}

#endif

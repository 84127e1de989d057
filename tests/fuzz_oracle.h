/* What must hold of a program of fuzz_program.h, found without running it: why each scope may be cancelled, whether it may have
 * errors, and between which bounds the number of its tasks lies.  A scope that nothing cancels has to run all that it was given,
 * so there the bounds meet. */
#ifndef TESTS_FUZZ_ORACLE_H
#define TESTS_FUZZ_ORACLE_H

#include "tests/fuzz_program.h"

#define REASON(reason) (1u << SCOPE_REASON_##reason)

/* Adds to what may happen; true if that is news. */
static inline bool may(struct stage *stage, unsigned reasons, bool errs)
{
    bool news = (reasons & ~stage->reasons) != 0 || (errs && !stage->errs);
    stage->reasons |= reasons;
    stage->errs |= errs;
    return news;
}

/* A task of the stage, or code that told it, may fail. */
static inline bool may_fail(struct stage *stage)
{
    return may(stage, stage->policy == SCOPE_FAIL_FAST ? REASON(SIBLING) : 0, true);
}

static inline const struct step *step_at(const struct program *p, unsigned index)
{
    return index ? &p->steps[index] : NULL;
}

/* What an inner scope returns may be an error. */
static inline bool inner_fails(const struct program *p, const struct block *block)
{
    for (const struct step *step = step_at(p, block->first); step; step = step_at(p, step->next)) {
        const struct stage *inner = &p->stages[step->stage];
        if (step->kind == STEP_SCOPE &&
            (inner->errs || inner->reasons & REASON(DEADLINE) || inner->policy == SCOPE_RACE))
            return true;
    }
    return false;
}

static inline bool block_tells(const struct program *p, const struct block *block);

static inline bool step_tells(const struct program *p, const struct block *block, const struct step *step)
{
    switch (step->kind) {
    case STEP_ALGORITHM:
        return step->bad;
    case STEP_FAIL:
        return step->stage == block->stage;
    case STEP_FORK:
        return block_tells(p, &p->blocks[step->a]) || block_tells(p, &p->blocks[step->b]);
    default:
        return false;
    }
}

/* The block, or what it calls, may tell its scope of an error. */
static inline bool block_tells(const struct program *p, const struct block *block)
{
    for (const struct step *step = step_at(p, block->first); step; step = step_at(p, step->next))
        if (step_tells(p, block, step))
            return true;
    return block->ending == END_FAIL;
}

static inline bool block_fails(const struct program *p, const struct block *block)
{
    switch (block->ending) {
    case END_CODE:
    case END_FAIL:
        return true;
    case END_STATUS:
        return inner_fails(p, block);
    case END_TOLD:
        return block_tells(p, block);
    default:
        return false;
    }
}

static inline bool block_foresee(struct program *p, const struct block *block)
{
    struct stage *stage = &p->stages[block->stage];
    bool news = false, fails = block_fails(p, block);
    if (fails && block->kind == BLOCK_BODY)
        news |= may(stage, stage->opening == AS_BLOCK ? 0 : REASON(BODY), true);
    if (block->ending == END_FAIL || (fails && block->kind == BLOCK_TASK))
        news |= may_fail(stage);
    if (block->kind == BLOCK_TASK && block->ending != END_CODE && block->ending != END_FAIL &&
        stage->policy == SCOPE_RACE)
        news |= may(stage, REASON(WON), false);
    return news;
}

static inline bool step_foresee(struct program *p, const struct block *block, const struct step *step)
{
    struct stage *stage = &p->stages[block->stage], *other = &p->stages[step->stage];
    bool news = false;
    switch (step->kind) {
    case STEP_BURST:
        if (step->bad < step->n)
            news = may_fail(other);
        return may(other, other->policy == SCOPE_RACE ? REASON(WON) : 0, false) || news;
    case STEP_CANCEL:
        return may(other, REASON(EXPLICIT), false);
    case STEP_PERMIT:
        return may(other, step->how % 8 == 7 ? REASON(EXPLICIT) : 0, false);
    case STEP_FAIL:
        return may_fail(other);
    case STEP_ALGORITHM:
        return step->bad && may_fail(stage);
    case STEP_DEADLINE:
        return may(stage, step->how == 2 ? REASON(DEADLINE) : 0, false);
    default:
        return false;
    }
}

static inline bool stage_foresee(struct program *p, struct stage *stage)
{
    const struct stage *parent = &p->stages[stage->parent];
    bool shielded = stage->shield && !stage->unshields;
    unsigned token = stage->token;
    unsigned reasons = parent != stage && parent->reasons && !shielded ? REASON(PARENT) : 0;
    if (token && (p->token_cancelled[token - 1] || p->token_used[token - 1]))
        reasons |= REASON(TOKEN);
    if (stage->deadline >= NEAR)
        reasons |= REASON(DEADLINE);
    if (stage->completes && stage->verdict)
        reasons |= REASON(COMPLETE);
    return may(stage, reasons, stage->completes && stage->verdict > 0);
}

/* Until there are no news. */
static inline void program_foresee(struct program *p)
{
    bool news = true;
    while (news) {
        news = false;
        for (unsigned i = 0; i < p->stage_count; i++)
            news |= stage_foresee(p, &p->stages[i]);
        for (unsigned i = 1; i < p->block_count; i++) {
            const struct block *block = &p->blocks[i];
            news |= block_foresee(p, block);
            for (const struct step *step = step_at(p, block->first); step; step = step_at(p, step->next))
                news |= step_foresee(p, block, step);
        }
    }
}

/* A task that is spawned into the stage; sure: if it is, it is run. */
static inline void stage_counts(struct stage *stage, unsigned n, bool sure)
{
    stage->most += n;
    stage->least += sure ? n : 0;
}

static inline void block_count(struct program *p, unsigned index, bool sure);

static inline void stage_count(struct program *p, struct stage *stage, bool sure)
{
    if (stage->extra) {
        stage_counts(stage, 1, false);
        block_count(p, stage->extra, false);
    }
    block_count(p, stage->body, sure);
}

/* Counts what the block spawns.  sure: the block is run for certain.  This is the serial program. */
static inline void block_count(struct program *p, unsigned index, bool sure)
{
    const struct block *block = &p->blocks[index];
    bool calm = p->stages[block->stage].reasons == 0;
    for (const struct step *step = step_at(p, block->first); step; step = step_at(p, step->next)) {
        struct stage *stage = &p->stages[step->stage];
        const struct block *task = &p->blocks[step->a];
        bool runs = sure && (stage->reasons == 0 || (task->anyway && step->kind == STEP_SPAWN));
        if (step->kind == STEP_SPAWN || step->kind == STEP_PERMIT) {
            stage_counts(stage, 1, runs);
            block_count(p, step->a, runs);
        } else if (step->kind == STEP_BURST) {
            stage_counts(stage, step->n, sure && stage->reasons == 0);
        } else if (step->kind == STEP_SCOPE) {
            stage_count(p, stage, sure);
        } else if (step->kind == STEP_FORK) {
            block_count(p, step->a, sure && calm && block->kind != BLOCK_TYPED); /* refused in a typed task */
            block_count(p, step->b, sure && block->kind != BLOCK_TYPED);
        } else if (step->kind == STEP_TYPED) {
            block_count(p, step->a, sure);
        }
    }
}

static inline void program_count(struct program *p)
{
    stage_count(p, &p->stages[0], true);
}

#endif

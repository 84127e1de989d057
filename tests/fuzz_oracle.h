/* What must hold of a program of fuzz_program.h.
 *
 * Found without running it: why each scope may be cancelled, whether it may have errors, and between which bounds the number of its tasks
 * lies.  A scope that nothing cancels has to run all that it was given, so there the bounds meet.
 * Afterwards: what the blocks have counted is what the reports say, and neither is impossible. */
#ifndef TESTS_FUZZ_ORACLE_H
#define TESTS_FUZZ_ORACLE_H

#include "tests/fuzz_driver.h"
#include "tests/fuzz_program.h"
#include "tests/scope_check.h"

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

/* ------------------------------------------------------------------------------------------------------ Afterwards */

static inline void reason_check(const struct stage *stage, enum scope_reason reason)
{
    if (!CHECK(reason == SCOPE_REASON_NONE || stage->reasons & 1u << reason))
        printf("# stage %d: reason %d, possible %#x\n", (int)(stage - stage->program->stages), (int)reason,
               stage->reasons);
}

/* An error with a message has the name and the index of the task whose block told it, if it told its own scope. */
static inline void error_check(const struct stage *stage, const struct scope_error *error)
{
    int index = 0;
    if (sscanf(error->message, "block %d", &index) != 1 || !CHECK(index > 0 && index < BLOCKS_MAX))
        return;
    const struct block *block = &stage->program->blocks[index];
    /* A branch, or what runs in a scope further in, is a part of some task. */
    if (&stage->program->stages[block->stage] != stage || block->kind == BLOCK_FORK)
        return;
    bool described = block->kind == BLOCK_TASK && block->manner >= DESCRIBED;
    CHECK(described ? error->name && strcmp(error->name, block_name(block)) == 0 : error->name == NULL);
    CHECK_EQ_INT(error->index == SCOPE_INDEX_BODY, block->kind != BLOCK_TASK);
}

static inline void told_check(struct stage *stage, const struct scope_errors *group)
{
    unsigned different = 0, listed = 0;
    for (int i = 0; i < CODES + STATUSES; i++)
        different += stage->count.told[i] != 0;
    for (int i = 0; i < SCOPE_CODES_KEPT && group->codes[i].count; i++) {
        int code = group->codes[i].code;
        CHECK_EQ_INT(group->codes[i].count, stage->count.told[code > 0 ? code : CODES + SCOPE_ERROR - code]);
        listed++;
    }
    CHECK_EQ_INT(listed, different < SCOPE_CODES_KEPT ? different : SCOPE_CODES_KEPT);
    CHECK_EQ_INT(group->total, stage->count.errors);
    for (uint64_t i = 0; i < group->kept; i++) {
        CHECK((group->errors[i].code == SCOPE_ERROR) == (group->errors[i].nested != NULL));
        error_check(stage, &group->errors[i]);
    }
}

/* What a scope with these counts returns. */
static inline int status_of(const struct stage *stage, enum scope_reason reason)
{
    if (reason == SCOPE_REASON_WON)
        return SCOPE_OK;
    if (stage->count.errors)
        return SCOPE_ERROR;
    if (reason == SCOPE_REASON_DEADLINE)
        return SCOPE_TIMEOUT;
    if (reason != SCOPE_REASON_NONE || stage->count.cancelled || stage->body_code == SCOPE_ECANCELED)
        return SCOPE_ECANCELED;
    return stage->policy == SCOPE_RACE ? SCOPE_ENOWINNER : SCOPE_OK;
}

/* The reasons that there were for certain. */
static inline bool must_be_cancelled(const struct stage *stage)
{
    const struct counts *count = &stage->count;
    bool body_failed = stage->body_code != 0 && stage->body_code != SCOPE_ECANCELED;
    return body_failed || atomic_load(&count->stopped) || (stage->policy == SCOPE_FAIL_FAST && count->errors) ||
           (stage->policy == SCOPE_RACE && count->ok) ||
           (stage->completes && stage->verdict && stage->completions >= stage->verdict_at);
}

static inline unsigned leaves_count(const struct scope_errors *group)
{
    struct scope_leaves leaves = scope_leaves_begin(group);
    unsigned count = 0;
    while (group && scope_leaves_next(&leaves))
        count++;
    return count;
}

/* Each error is in one part of a split. */
static inline void split_check(const struct scope_errors *group)
{
    struct scope_errors *matched = NULL, *rest = NULL;
    int code = 1;
    if (!CHECK_EQ_INT(scope_errors_split(group, scope_error_has_code, &code, &matched, &rest), SCOPE_OK))
        return;
    CHECK_EQ_INT(leaves_count(group), leaves_count(matched) + leaves_count(rest));
    scope_errors_free(matched);
    scope_errors_free(rest);
}

static inline void report_compare(struct stage *stage, const struct scope_report *report)
{
    const struct counts *count = &stage->count;
    char text[200];
    check_report(report);
    CHECK_EQ_INT(report->spawned, count->accepted);
    CHECK_EQ_INT(report->ok, count->ok);
    CHECK_EQ_INT(report->failed, count->failed);
    CHECK_EQ_INT(report->cancelled, count->cancelled);
    if (!CHECK_EQ_INT(report->skipped, count->accepted - count->ran))
        fuzz_figures.lost += report->spawned - report->skipped > count->ran;
    CHECK_EQ_INT(report->status, status_of(stage, report->reason));
    CHECK(report->reason != SCOPE_REASON_NONE || count->refused + report->skipped == 0);
    CHECK(report->reason != SCOPE_REASON_NONE || !must_be_cancelled(stage));
    CHECK_EQ_INT(report->reason == SCOPE_REASON_EXPLICIT, count->firsts);
    CHECK(report->reason != SCOPE_REASON_WON || (report->cause.code == 0 && count->ok > 0));
    CHECK(report->reason != SCOPE_REASON_BODY || report->cause.code == stage->body_code);
    CHECK(report->reason != SCOPE_REASON_SIBLING || report->cause.code != 0);
    CHECK(report->quiet_ns == 0 || report->reason != SCOPE_REASON_NONE);
    reason_check(stage, report->reason);
    told_check(stage, &report->group);
    CHECK(scope_report_print(report, text, sizeof(text)) > 0);
    split_check(&report->group);
}

/* Without a report. */
static inline void status_compare(struct stage *stage, int status)
{
    const struct counts *count = &stage->count;
    CHECK_EQ_INT(status == SCOPE_ERROR, count->errors > 0);
    CHECK(status != SCOPE_OK || (count->accepted == count->ran && count->refused == 0 && count->cancelled == 0));
    CHECK(status != SCOPE_OK || !must_be_cancelled(stage));
    CHECK(status != SCOPE_TIMEOUT || stage->reasons & REASON(DEADLINE));
    CHECK(status != SCOPE_ECANCELED || stage->reasons || count->cancelled || stage->body_code == SCOPE_ECANCELED);
}

static inline void stage_compare(struct stage *stage, int status, const struct scope_report *report)
{
    const struct counts *count = &stage->count;
    CHECK_EQ_INT(count->running, 0);
    CHECK_EQ_INT(stage->program->blocks[stage->body].ended, 1);
    CHECK(!stage->completes || stage->completions == count->ran);
    if (!CHECK(count->ran >= stage->least))
        fuzz_figures.lost += stage->least - count->ran;
    CHECK(count->ran <= stage->most && count->accepted + count->refused <= stage->most);
    if (report)
        report_compare(stage, report);
    else
        status_compare(stage, status);
}

static inline void program_check(struct program *p)
{
    for (unsigned i = 1; i < p->block_count; i++) {
        struct block *block = &p->blocks[i];
        bool disposes = block->dispose && block->manner >= DESCRIBED && block->kind == BLOCK_TASK;
        CHECK_EQ_INT(block->ran, block->ended);
        CHECK_EQ_INT(block->disposed, disposes && block->attempted);
        CHECK(!block->accepted || !block->anyway || block->ran);
        fuzz_figures.tasks += block->ran;
    }
    for (unsigned i = 0; i < p->leaf_count; i++)
        fuzz_figures.tasks += p->leaves[i].ran;
}

#endif

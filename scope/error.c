/* Errors: recording them, groups inside groups, the outcome of a scope.
 *
 * The total of a scope is exact.  Whoever raises it from n to n + 1 owns place n of the group, if n is below
 * SCOPE_ERRORS_KEPT, so recording takes no lock.  The group is the caller's report if there is one, else the memory that
 * every frame has for it; so keeping an error cannot fail.  At the end of an inner scope it is copied to the heap, in case the
 * enclosing one wants it; without memory that one has the code alone. */
#include "scope/scope.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A group on the heap; nested ones can be shared by two reports, never changed. */
struct group {
    struct atomic_u64 references;
    struct group *next; /* while being freed */
    struct scope_errors errors;
};

/* ------------------------------------------------------------------------------------------------------------ Groups */

static struct group *group_of(struct scope_errors *errors)
{
    return (struct group *)(void *)((char *)errors - offsetof(struct group, errors));
}

struct scope_errors *scopei_errors_create(void)
{
    struct group *group = calloc(1, sizeof(*group));
    if (!group)
        return NULL;
    store_relaxed(&group->references, 1); /* Relaxed: nobody else has it yet. */
    return &group->errors;
}

void scopei_errors_retain(struct scope_errors *errors)
{
    if (errors)
        (void)add_relaxed(&group_of(errors)->references, 1); /* Relaxed: the caller holds one already. */
}

/* Without recursion, as groups can be nested as deeply as scopes. */
void scopei_errors_drop(struct scope_errors *errors)
{
    struct group *todo = NULL;
    while (errors || todo) {
        if (errors && sub_acq_rel(&group_of(errors)->references, 1) == 1) { /* pairs with: scopei_errors_drop */
            group_of(errors)->next = todo;
            todo = group_of(errors);
        }
        errors = NULL;
        for (uint64_t i = 0; todo && i < SCOPE_ERRORS_KEPT && !errors; i++) {
            errors = todo->errors.errors[i].nested;
            todo->errors.errors[i].nested = NULL;
        }
        if (todo && !errors) {
            struct group *done = todo;
            todo = todo->next;
            free(done);
        }
    }
}

/* --------------------------------------------------------------------------------------------------------- Recording */

/* Where the errors of s are kept. */
static struct scope_errors *scope_group(const struct scope *s)
{
    struct scope_errors *errors = load_relaxed_ptr(&s->group); /* Relaxed: does not change while s is open. */
    return errors ? errors : &scope_group_space(s)->errors;
}

/* The error in a place; NULL: it is not kept. */
static struct scope_error *error_at(const struct scope *s, uint64_t place)
{
    return place < SCOPE_ERRORS_KEPT ? &scope_group(s)->errors[place] : NULL;
}

#define CODE_KNOWN ((uint64_t)1 << 32) /* tells code 0 from an unused place; scope_fail records none, but who knows */

static void code_count(struct group_space *space, int code)
{
    uint64_t key = (uint32_t)code | CODE_KNOWN;
    for (size_t i = 0; i < SCOPE_CODES_KEPT; i++) {
        /* Relaxed: who loses the swing sees the winner's key, which may be the same; nothing else is passed on. */
        if (load_relaxed(&space->codes[i].key) == key || cas_relaxed(&space->codes[i].key, 0, key) ||
            load_relaxed(&space->codes[i].key) == key) {
            (void)add_relaxed(&space->codes[i].count, 1); /* Relaxed: the join orders it before the outcome. */
            return;
        }
    }
    (void)add_relaxed(&space->other_codes, 1); /* Relaxed: as above. */
}

/* Counts an error of s, keeps it if there is room, and returns its place. */
static uint64_t error_record(struct scope *s, int code, uint64_t index, const struct scope_task *task)
{
    scopei_event(s);
    code_count(scope_group_space(s), code);
    uint64_t place = add_relaxed(&s->errors, 1); /* Relaxed: the join orders it before the outcome. */
    struct scope_error *error = error_at(s, place);
    if (error) {
        error->code = code;
        error->index = index;
        error->name = task ? task->name : NULL;
        error->file = task ? task->file : NULL;
        error->line = task ? task->line : 0;
    }
    return place;
}

/* What was told last with that code; NULL: nothing kept. */
static struct scope_error *told_error(const struct told *told, int code)
{
    struct scope_error *same = NULL;
    for (uint64_t place = 0; place < SCOPE_ERRORS_KEPT; place++) {
        struct scope_error *error = (told->places & 1u << place) ? error_at(told->scope, place) : NULL;
        if (error && error->code == code)
            same = error;
    }
    return same;
}

/* The task that told it turns out to be the one with that index.  Returns what it told with that code; NULL: nothing kept. */
static struct scope_error *told_resolve(struct scope *s, const struct told *told, int code, uint64_t index,
                                        const struct scope_task *task)
{
    if (told->places & TOLD_FIRST) {
        s->culprit.index = index;
        s->culprit.task = task;
    }
    for (uint64_t place = 0; place < SCOPE_ERRORS_KEPT; place++) {
        struct scope_error *error = (told->places & 1u << place) ? error_at(s, place) : NULL;
        if (error) {
            error->index = index;
            error->name = task ? task->name : NULL;
        }
    }
    return told_error(told, code);
}

/* Who has said that returns code to s: records it, unless that was told before, as error if it is kept. */
static void said_record(struct scope *s, struct said *said, struct scope_error *error, int code, uint64_t index,
                        const struct scope_task *task)
{
    if (!error && !scopei_told_same(&said->own, said->inner, code))
        error = error_at(s, error_record(s, code, index, task));
    if (error && code == SCOPE_ERROR && !error->nested) {
        error->nested = said->inner;
        said->inner = NULL;
    }
}

void scopei_error_policy(struct worker *w, struct scope *s, int code)
{
    struct said said = scopei_said_save(w);
    said_record(s, &said, told_error(&said.own, code), code, SCOPE_INDEX_BODY, NULL);
    scopei_said_drop(&said);
}

void scopei_error_returned(struct worker *w, struct scope *s, int code, uint64_t index, const struct scope_task *task)
{
    struct said said = scopei_said_save(w);
    bool body = index == SCOPE_INDEX_BODY;
    struct scope_error *error = said.own.scope ? told_resolve(s, &said.own, code, index, task) : NULL;
    /* Relaxed, both adds: the join orders them before the outcome. */
    if (code == SCOPE_ECANCELED && !body) {
        scopei_event(s);
        (void)add_relaxed(&s->cancelled, 1);
    }
    if (code != 0 && code != SCOPE_ECANCELED) {
        if (!body)
            (void)add_relaxed(&s->failed, 1);
        said_record(s, &said, error, code, index, task);
        const struct culprit by = {.task = task, .index = index, .code = code, .known = true};
        if (body || scope_policy(s) == SCOPE_FAIL_FAST)
            (void)scopei_cancel(s, body ? SCOPE_REASON_BODY : SCOPE_REASON_SIBLING, &by);
    }
    scopei_said_drop(&said);
}

/* Remembers what w's running task has told s, its own scope or one around it; first: and so cancelled it. */
static void said_note(struct worker *w, struct scope *s, int code, uint64_t place, bool first)
{
    struct told told = {.scope = s, .code = code, .places = TOLD | (first ? TOLD_FIRST : 0)};
    if (place < SCOPE_ERRORS_KEPT)
        told.places |= 1u << place;
    scopei_told_add(worker_scope(w) == s ? &w->said.own : &w->said.outer, told);
    w->said_any = 1;
}

static int fail(struct scope *s, const char *file, int line, int code, const char *format, va_list args)
{
    if (!s)
        return SCOPE_EINVAL;
    if (code == SCOPE_ECANCELED)
        return code;
    if (code == 0)
        code = SCOPE_EINVAL;
    uint64_t place = error_record(s, code, SCOPE_INDEX_BODY, NULL);
    struct scope_error *error = error_at(s, place);
    if (error && format)
        (void)vsnprintf(error->message, sizeof(error->message), format, args);
    if (error) {
        error->file = file;
        error->line = line;
    }
    struct worker *w = worker_self();
    const struct culprit by = {.index = SCOPE_INDEX_BODY, .code = code, .known = true};
    bool first = scope_policy(s) == SCOPE_FAIL_FAST && scopei_cancel(s, SCOPE_REASON_SIBLING, &by);
    if (w && worker_heard(w) && scopei_encloses(s, w))
        said_note(w, s, code, place, first);
    return code;
}

void scopei_error_items(struct worker *w, struct scope *s, int code, struct scope_range items)
{
    if (!told_error(&w->said.own, code) && !scopei_told_same(&w->said.own, w->said.inner, code))
        (void)scope_fail_at(s, NULL, 0, code, NULL);
    struct scope_error *error = told_error(&w->said.own, code);
    if (!error)
        return;
    size_t length = strlen(error->message), room = sizeof(error->message) - length;
    (void)snprintf(error->message + length, room, length ? ", items %zu to %zu" : "items %zu to %zu", items.begin,
                   items.end - 1);
    if (code == SCOPE_ERROR && !error->nested) {
        error->nested = w->said.inner;
        w->said.inner = NULL;
    }
}

void scopei_error_loop(struct worker *w, struct scope *s, int code)
{
    said_note(w, s, code, SCOPE_ERRORS_KEPT, false);
}

int(scope_fail)(struct scope *s, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = fail(s, NULL, 0, code, format, args);
    va_end(args);
    return result;
}

int scope_fail_at(struct scope *s, const char *file, int line, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = fail(s, file, line, code, format, args);
    va_end(args);
    return result;
}

/* ----------------------------------------------------------------------------------------------------------- Outcome */

/* A copy of a group whose scope ends, to be nested in another; NULL: no memory, and what was nested in it is freed with it. */
static struct scope_errors *group_keep(const struct scope_errors *errors)
{
    struct scope_errors *copy = scopei_errors_create();
    if (copy) {
        *copy = *errors;
        for (uint64_t i = 0; i < copy->kept; i++)
            scopei_errors_retain(copy->errors[i].nested);
    }
    return copy;
}

static void group_head(const struct scope *s, struct scope_errors *errors)
{
    struct site site = scope_site(s);
    errors->scope_name = load_relaxed_ptr(&s->name); /* Relaxed: our own word. */
    errors->scope_file = site.file;
    errors->scope_line = site.line;
}

/* Sums up the group of s. */
static void group_finish(const struct scope *s, struct scope_errors *errors, uint64_t total)
{
    struct group_space *space = scope_group_space(s);
    group_head(s, errors);
    errors->total = total;
    errors->kept = total < SCOPE_ERRORS_KEPT ? total : SCOPE_ERRORS_KEPT;
    errors->height = 1;
    for (uint64_t i = 0; i < errors->kept; i++)
        if (errors->errors[i].nested && errors->errors[i].nested->height >= errors->height)
            errors->height = errors->errors[i].nested->height + 1;
    /* Relaxed: as in report_fill. */
    for (size_t i = 0; i < SCOPE_CODES_KEPT; i++) {
        errors->codes[i].code = (int)(uint32_t)load_relaxed(&space->codes[i].key);
        errors->codes[i].count = load_relaxed(&space->codes[i].count);
        store_relaxed(&space->codes[i].key, 0);
        store_relaxed(&space->codes[i].count, 0);
    }
    errors->other_codes = load_relaxed(&space->other_codes);
    store_relaxed(&space->other_codes, 0);
}

static void report_fill(struct scope_report *report, const struct scope *s, int status, enum scope_reason reason)
{
    /* Relaxed: every task has ended, and the join has ordered what it counted. */
    report->status = status;
    report->reason = reason;
    report->policy = scope_policy(s);
    report->spawned = s->root.spawned + load_relaxed(&s->spawned);
    report->failed = load_relaxed(&s->failed);
    report->cancelled = load_relaxed(&s->cancelled);
    report->skipped = s->root.skipped + load_relaxed(&s->skipped);
    report->ok = report->spawned - report->failed - report->cancelled - report->skipped;
}

/* Who cancelled it, and how long that took. */
static void report_cancelled(struct scope_report *report, const struct scope *s)
{
    const struct culprit *by = &s->culprit;
    const struct special *special = &s->special;
    uint64_t asked = scopei_cancelled_ns(s), now = scopei_now_ns();
    if (by->known) {
        report->cause.code = by->code;
        report->cause.index = by->index;
        report->cause.name = by->task ? by->task->name : NULL;
        report->cause.file = by->task ? by->task->file : NULL;
        report->cause.line = by->task ? by->task->line : 0;
    }
    report->quiet_ns = asked && now > asked ? now - asked : 0;
    for (size_t i = 0; i < SCOPE_STRAGGLERS_KEPT && special->late[i].task; i++) {
        const struct scope_task *task = special->late[i].task;
        report->stragglers[i] = (struct scope_straggler){task->name, task->file, task->line, special->late[i].ns};
    }
}

/* What scope_run expects of the frame. */
static void scope_reset(struct scope *s)
{
    store_relaxed_u32(&s->policy, SCOPE_FAIL_FAST);
    s->culprit = (struct culprit){0};
    memset(s->special.late, 0, sizeof(s->special.late));
    /* Relaxed: nobody else has the scope any more. */
    store_relaxed(&s->spawned, 0);
    store_relaxed(&s->skipped, 0);
    store_relaxed(&s->failed, 0);
    store_relaxed(&s->cancelled, 0);
    store_relaxed(&s->errors, 0);
    store_relaxed(&s->cancelled_ns, 0);
    store_relaxed_ptr(&s->canceller, NULL);
    store_relaxed_ptr(&s->name, NULL);
    store_relaxed_ptr(&s->group, NULL);
    s->root.skipped = 0;
}

static int outcome_of(const struct scope *s, int body_code, enum scope_reason reason)
{
    /* Relaxed: as in report_fill. */
    bool cancelled = reason != SCOPE_REASON_NONE || load_relaxed(&s->cancelled) || body_code == SCOPE_ECANCELED;
    bool race = scope_policy(s) == SCOPE_RACE;
    if (race && reason == SCOPE_REASON_WON)
        return SCOPE_OK;
    if (load_relaxed(&s->errors))
        return SCOPE_ERROR;
    if (reason == SCOPE_REASON_DEADLINE)
        return SCOPE_TIMEOUT;
    return cancelled ? SCOPE_ECANCELED : race ? SCOPE_ENOWINNER : SCOPE_OK;
}

int scopei_error_outcome(struct scope *s, int body_code, struct scope_report *report, struct scope_errors **kept)
{
    uint64_t total = load_relaxed(&s->errors);  /* Relaxed: as in report_fill. */
    enum scope_reason reason = scope_reason(s); /* once: it can still be cancelled now */
    int status = outcome_of(s, body_code, reason);
    struct scope_errors *errors = scope_group(s);
    if (total)
        group_finish(s, errors, total);
    if (report) {
        group_head(s, &report->group);
        report_fill(report, s, status, reason);
    }
    if (report && reason != SCOPE_REASON_NONE)
        report_cancelled(report, s);
    *kept = status == SCOPE_ERROR && load_relaxed_ptr(&s->parent) ? group_keep(errors) : NULL;
    if (total && !report) {
        for (uint64_t i = 0; i < errors->kept; i++)
            scopei_errors_drop(errors->errors[i].nested);
        memset(errors, 0, sizeof(*errors));
    }
    scope_reset(s);
    return status;
}

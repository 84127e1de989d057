/* Errors: recording them, groups inside groups, the outcome of a scope, reports in words.
 *
 * The total of a scope is exact.  Whoever raises it from n to n + 1 owns place n of the group, if n is below
 * SCOPE_ERRORS_KEPT, so recording takes no lock.  The group is the caller's report if there is one.  Otherwise it is
 * allocated at the first error, in case an enclosing scope wants it; without memory only the totals are kept. */
#include "scope/scope.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Groups nested deeper than this are counted, not shown. */
#define PRINT_DEPTH 16

/* A group on the heap; nested ones can be shared by two reports, never changed. */
struct group {
    struct atomic_u64 references;
    struct group *next; /* while being freed */
    struct scope_errors errors;
};

/* In place of a group that could not be allocated: no later one is tried, or the first errors would be missing in it. */
static struct scope_errors no_memory;

/* ------------------------------------------------------------------------------------------------------------ Groups */

static struct group *group_of(struct scope_errors *errors)
{
    return (struct group *)(void *)((char *)errors - offsetof(struct group, errors));
}

static struct scope_errors *group_create(void)
{
    struct group *group = calloc(1, sizeof(*group));
    if (!group)
        return NULL;
    store_relaxed(&group->references, 1); /* Relaxed: nobody else has it yet. */
    return &group->errors;
}

static void group_retain(struct scope_errors *errors)
{
    if (errors)
        (void)add_relaxed(&group_of(errors)->references, 1); /* Relaxed: the caller holds one already. */
}

/* Without recursion, as groups can be nested as deeply as scopes. */
static void group_release(struct scope_errors *errors)
{
    struct group *todo = NULL;
    while (errors || todo) {
        if (errors && sub_acq_rel(&group_of(errors)->references, 1) == 1) { /* pairs with: group_release */
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

static void said_drop(struct said *said)
{
    if (said->inner)
        group_release(said->inner);
    *said = (struct said){0};
}

struct said scopei_said_save(struct worker *w)
{
    struct said said = w->said;
    w->said = (struct said){0};
    w->said_any = 0;
    return said;
}

void scopei_said_restore(struct worker *w, struct said said)
{
    said_drop(&w->said);
    w->said = said;
    w->said_any = said.scope || said.inner;
}

void scopei_said_add(struct worker *w, struct said said)
{
    if (said.inner)
        scopei_error_inner(w, said.inner);
    if (said.scope) {
        w->said.scope = said.scope;
        w->said.code = said.code;
        w->said.places |= said.places;
        w->said_any = 1;
    }
}

void scopei_error_inner(struct worker *w, struct scope_errors *errors)
{
    if (w->said.inner)
        group_release(w->said.inner);
    w->said.inner = errors;
    w->said_any = 1;
}

void scopei_errors_drop(struct scope_errors *errors)
{
    group_release(errors);
}

/* Where the errors of s are kept; NULL: nowhere. */
static struct scope_errors *scope_group(struct scope *s)
{
    struct scope_errors *errors = load_acquire_ptr(&s->group); /* pairs with: scope_group */
    if (!errors) {
        struct scope_errors *made = group_create();
        if (!cas_acq_rel_ptr(&s->group, NULL, made ? made : &no_memory)) /* pairs with: scope_group */
            group_release(made);
        errors = load_acquire_ptr(&s->group); /* pairs with: scope_group */
    }
    return errors == &no_memory ? NULL : errors;
}

/* --------------------------------------------------------------------------------------------------------- Recording */

/* The error in a place; NULL: it is not kept. */
static struct scope_error *error_at(struct scope *s, uint64_t place)
{
    struct scope_errors *errors = place < SCOPE_ERRORS_KEPT ? scope_group(s) : NULL;
    return errors ? &errors->errors[place] : NULL;
}

/* Counts an error of s, keeps it if there is room, and returns its place. */
static uint64_t error_record(struct scope *s, int code, uint64_t index)
{
    scopei_event(s);
    uint64_t place = add_relaxed(&s->errors, 1); /* Relaxed: the join orders it before the outcome. */
    struct scope_error *error = error_at(s, place);
    if (error) {
        error->code = code;
        error->index = index;
    }
    return place;
}

/* The task that said it turns out to be the one with that index.  Returns what it said with that code; NULL: nothing kept. */
static struct scope_error *said_resolve(struct scope *s, const struct said *said, int code, uint64_t index)
{
    struct scope_error *same = NULL;
    for (uint64_t place = 0; place < SCOPE_ERRORS_KEPT; place++) {
        struct scope_error *error = said->places & 1u << place ? error_at(s, place) : NULL;
        if (error) {
            error->index = index;
            if (error->code == code)
                same = error;
        }
    }
    return same;
}

void scopei_error_returned(struct worker *w, struct scope *s, int code, uint64_t index)
{
    struct said said = scopei_said_save(w);
    bool body = index == SCOPE_INDEX_BODY;
    struct scope_error *error = said.scope ? said_resolve(s, &said, code, index) : NULL;
    /* Relaxed, both adds: the join orders them before the outcome. */
    if (code == SCOPE_ECANCELED && !body) {
        scopei_event(s);
        (void)add_relaxed(&s->cancelled, 1);
    }
    if (code != 0 && code != SCOPE_ECANCELED) {
        if (!body)
            (void)add_relaxed(&s->failed, 1);
        if (!error && !(said.scope && said.code == code))
            error = error_at(s, error_record(s, code, index));
        if (error && code == SCOPE_ERROR && !error->nested) {
            error->nested = said.inner;
            said.inner = NULL;
        }
        if (body || s->policy == SCOPE_FAIL_FAST)
            (void)scopei_cancel(s, body ? SCOPE_REASON_BODY : SCOPE_REASON_SIBLING);
    }
    said_drop(&said);
}

/* Remembers that w's running task has told its own scope. */
static void said_note(struct worker *w, struct scope *s, int code, uint64_t place)
{
    w->said.scope = s;
    w->said.code = code;
    w->said_any = 1;
    if (place < SCOPE_ERRORS_KEPT)
        w->said.places |= 1u << place;
}

int scope_fail(struct scope *s, int code, const char *format, ...)
{
    if (!s)
        return SCOPE_EINVAL;
    if (code == 0)
        code = SCOPE_EINVAL;
    uint64_t place = error_record(s, code, SCOPE_INDEX_BODY);
    struct scope_error *error = error_at(s, place);
    if (error && format) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(error->message, sizeof(error->message), format, args);
        va_end(args);
    }
    struct worker *w = worker_self();
    if (w && w->open == s)
        said_note(w, s, code, place);
    if (s->policy == SCOPE_FAIL_FAST)
        (void)scopei_cancel(s, SCOPE_REASON_SIBLING);
    return code;
}

/* ----------------------------------------------------------------------------------------------------------- Outcome */

/* What is left of a group at the end of its scope, to be nested in another; NULL: nothing, or no memory. */
static struct scope_errors *group_keep(struct scope_errors *errors, bool in_report)
{
    if (!errors || !in_report)
        return errors;
    struct scope_errors *copy = group_create();
    if (!copy)
        return NULL;
    *copy = *errors;
    for (uint64_t i = 0; i < copy->kept; i++)
        group_retain(copy->errors[i].nested);
    return copy;
}

static void report_fill(struct scope_report *report, const struct scope *s, int status, enum scope_reason reason)
{
    /* Relaxed: every task has ended, and the join has ordered what it counted. */
    report->status = status;
    report->reason = reason;
    report->spawned = s->root.spawned + load_relaxed(&s->spawned);
    report->failed = load_relaxed(&s->failed);
    report->cancelled = load_relaxed(&s->cancelled);
    report->skipped = s->root.skipped + load_relaxed(&s->skipped);
    report->ok = report->spawned - report->failed - report->cancelled - report->skipped;
}

/* What scope_run expects of the frame. */
static void scope_reset(struct scope *s)
{
    s->name = NULL;
    s->policy = SCOPE_FAIL_FAST;
    /* Relaxed: nobody else has the scope any more. */
    store_relaxed(&s->spawned, 0);
    store_relaxed(&s->skipped, 0);
    store_relaxed(&s->failed, 0);
    store_relaxed(&s->cancelled, 0);
    store_relaxed(&s->errors, 0);
    store_relaxed_ptr(&s->group, NULL);
    s->root.skipped = 0;
}

int scopei_error_outcome(struct scope *s, int body_code, struct scope_report *report, struct scope_errors **kept)
{
    /* Relaxed: as in report_fill. */
    uint64_t total = load_relaxed(&s->errors);
    enum scope_reason reason = scope_reason(s); /* once: a token can still be cancelled now */
    bool cancelled = reason != SCOPE_REASON_NONE || load_relaxed(&s->cancelled) || body_code == SCOPE_ECANCELED;
    int status = total ? SCOPE_ERROR : cancelled ? SCOPE_ECANCELED : SCOPE_OK;
    struct scope_errors *errors = load_acquire_ptr(&s->group); /* pairs with: scope_group */
    if (errors == &no_memory)
        errors = NULL;
    if (errors) {
        errors->scope_name = s->name;
        errors->total = total;
        errors->kept = total < SCOPE_ERRORS_KEPT ? total : SCOPE_ERRORS_KEPT;
    }
    if (report)
        report_fill(report, s, status, reason);
    *kept = NULL;
    if (total && load_relaxed_ptr(&s->parent))
        *kept = group_keep(errors, report != NULL);
    else if (!report && errors)
        group_release(errors);
    scope_reset(s);
    return status;
}

/* ---------------------------------------------------------------------------------------------------------- In words */

const char *scope_strerror(int code)
{
    switch (code) {
    case SCOPE_OK:
        return "success";
    case SCOPE_ERROR:
        return "a task failed";
    case SCOPE_TIMEOUT:
        return "the deadline has passed";
    case SCOPE_ECANCELED:
        return "cancelled";
    case SCOPE_EINVAL:
        return "invalid argument";
    case SCOPE_ENOMEM:
        return "out of memory";
    case SCOPE_EDEPTH:
        return "too many scopes open inside each other";
    case SCOPE_EPERM:
        return "the calling thread is not inside the scope";
    case SCOPE_EBUSY:
        return "the pool has open scopes, or the caller is one of its workers";
    case SCOPE_EAGAIN:
        return "the system refused a thread";
    case SCOPE_EFORK:
        return "the pool belongs to the parent process";
    default:
        return "task error";
    }
}

void scope_report_fini(struct scope_report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < SCOPE_ERRORS_KEPT; i++)
        group_release(report->group.errors[i].nested);
    memset(&report->group, 0, sizeof(report->group));
}

/* A text that is cut where its memory ends, and still counted. */
struct text {
    char *at;
    size_t left;
    size_t length;
};

static void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void text_add(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int wrote = vsnprintf(text->at, text->left, format, args);
    va_end(args);
    size_t length = wrote > 0 ? (size_t)wrote : 0;
    size_t fits = length < text->left ? length : text->left ? text->left - 1 : 0;
    text->length += length;
    text->left -= fits;
    if (text->at)
        text->at += fits;
}

static void error_print(struct text *text, const struct scope_error *error, int depth)
{
    text_add(text, "%*s", 4 * depth, "");
    if (error->index == SCOPE_INDEX_BODY)
        text_add(text, "body: ");
    else
        text_add(text, "task %llu: ", (unsigned long long)error->index);
    text_add(text, "error %d (%s)", error->code, scope_strerror(error->code));
    if (error->message[0])
        text_add(text, ": %s", error->message);
    text_add(text, "\n");
}

/* Walks the tree with a stack of its own. */
static void group_print(struct text *text, const struct scope_errors *errors)
{
    struct {
        const struct scope_errors *errors;
        uint64_t next;
    } stack[PRINT_DEPTH];
    int depth = 0;
    stack[0].errors = errors;
    stack[0].next = 0;
    while (depth >= 0) {
        const struct scope_errors *group = stack[depth].errors;
        if (stack[depth].next == group->kept) {
            if (group->total > group->kept)
                text_add(text, "%*s%llu more\n", 4 * (depth + 1), "", (unsigned long long)(group->total - group->kept));
            depth--;
            continue;
        }
        const struct scope_error *error = &group->errors[stack[depth].next++];
        error_print(text, error, depth + 1);
        if (error->nested && depth + 1 < PRINT_DEPTH) {
            depth++;
            stack[depth].errors = error->nested;
            stack[depth].next = 0;
        }
    }
}

static const char *reason_text(enum scope_reason reason)
{
    switch (reason) {
    case SCOPE_REASON_NONE:
        return "not cancelled";
    case SCOPE_REASON_EXPLICIT:
        return "cancelled by scope_cancel";
    case SCOPE_REASON_SIBLING:
        return "cancelled since a task failed";
    case SCOPE_REASON_BODY:
        return "cancelled since the body failed";
    case SCOPE_REASON_PARENT:
        return "cancelled with the enclosing scope";
    case SCOPE_REASON_TOKEN:
        return "cancelled by its token";
    }
    return "cancelled";
}

size_t scope_report_print(const struct scope_report *report, char *out, size_t size)
{
    struct text text = {.at = size ? out : NULL, .left = out ? size : 0};
    if (!report)
        return 0;
    text_add(&text, "scope %s: %s, %s\n", report->group.scope_name ? report->group.scope_name : "(unnamed)",
             scope_strerror(report->status), reason_text(report->reason));
    text_add(&text, "    %llu tasks: %llu ok, %llu failed, %llu cancelled, %llu skipped\n",
             (unsigned long long)report->spawned, (unsigned long long)report->ok, (unsigned long long)report->failed,
             (unsigned long long)report->cancelled, (unsigned long long)report->skipped);
    group_print(&text, &report->group);
    return text.length;
}

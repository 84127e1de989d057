/* Reading reports: in words, as a walk over the leaves, split by a predicate. */
#include "scope/scope.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
        return "the pool has open scopes, or the task has not ended";
    case SCOPE_EAGAIN:
        return "the scope's limit is reached, or the system refused a thread or the time";
    case SCOPE_EFORK:
        return "the pool belongs to the parent process";
    case SCOPE_ENOWINNER:
        return "nobody took part in the race";
    default:
        return "task error";
    }
}

void scope_report_fini(struct scope_report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < SCOPE_ERRORS_KEPT; i++)
        scopei_errors_drop(report->group.errors[i].nested);
    memset(&report->group, 0, sizeof(report->group));
}

/* ----------------------------------------------------------------------------------------------------------- Leaves */

struct scope_leaves scope_leaves_begin(const struct scope_errors *errors)
{
    struct scope_leaves walk = {.depth = 0};
    if (errors) {
        walk.group[0] = errors;
        walk.depth = 1;
    }
    return walk;
}

/* The next error of the innermost group, whose own group is innermost from then on; NULL: that was the end of a group. */
static const struct scope_error *walk_next(struct scope_leaves *walk)
{
    unsigned i = walk->depth - 1;
    if (walk->next[i] >= walk->group[i]->kept) {
        walk->depth--;
        return NULL;
    }
    const struct scope_error *error = &walk->group[i]->errors[walk->next[i]++];
    if (error->nested && walk->depth < SCOPE_HEIGHT_MAX) {
        walk->group[walk->depth] = error->nested;
        walk->next[walk->depth++] = 0;
    }
    return error;
}

const struct scope_error *scope_leaves_next(struct scope_leaves *walk)
{
    while (walk && walk->depth > 0) {
        bool deepest = walk->depth == SCOPE_HEIGHT_MAX;
        const struct scope_error *error = walk_next(walk);
        if (error && (!error->nested || deepest))
            return error;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------------ Split */

bool scope_error_has_code(const struct scope_error *error, void *arg)
{
    return error->code == *(const int *)arg;
}

void scope_errors_free(struct scope_errors *errors)
{
    scopei_errors_drop(errors);
}

/* Adds an error to a group, which is created if need be, with what it has of `like`.  False: out of memory. */
static bool group_add(struct scope_errors **group, const struct scope_errors *like, const struct scope_error *error,
                      struct scope_errors *nested)
{
    if (!*group && !(*group = scopei_errors_create()))
        return false;
    struct scope_errors *to = *group;
    to->scope_name = like->scope_name;
    to->scope_file = like->scope_file;
    to->scope_line = like->scope_line;
    to->errors[to->kept] = *error;
    to->errors[to->kept].nested = nested;
    unsigned height = nested ? nested->height + 1 : 1;
    to->height = height > to->height ? height : to->height;
    size_t i = 0; /* there are as many places for codes as for errors */
    while (to->codes[i].count && to->codes[i].code != error->code)
        i++;
    to->codes[i].code = error->code;
    to->codes[i].count++;
    to->total = ++to->kept;
    return true;
}
static_assert(SCOPE_CODES_KEPT >= SCOPE_ERRORS_KEPT, "each kept error may have a code of its own");

/* part[0] gets what matches, part[1] the rest.  depth: how deep recursion may get. */
static bool split(const struct scope_errors *errors, unsigned depth, scope_match_fn *match, void *arg,
                  struct scope_errors *part[2])
{
    bool enough = true;
    for (uint64_t i = 0; i < errors->kept && enough; i++) {
        const struct scope_error *error = &errors->errors[i];
        if (!error->nested || depth == 1) {
            scopei_errors_retain(error->nested);
            enough = group_add(&part[match(error, arg) ? 0 : 1], errors, error, error->nested);
            if (!enough)
                scopei_errors_drop(error->nested);
            continue;
        }
        struct scope_errors *inner[2] = {NULL, NULL};
        enough = split(error->nested, depth - 1, match, arg, inner);
        for (int k = 0; k < 2; k++)
            if (inner[k] && !(enough && group_add(&part[k], errors, error, inner[k]))) {
                enough = false;
                scopei_errors_drop(inner[k]);
            }
    }
    return enough;
}

int scope_errors_split(const struct scope_errors *errors, scope_match_fn *match, void *arg,
                       struct scope_errors **matched, struct scope_errors **rest)
{
    struct scope_errors *part[2] = {NULL, NULL};
    if (!errors || !match || !matched || !rest)
        return SCOPE_EINVAL;
    if (!split(errors, SCOPE_HEIGHT_MAX, match, arg, part)) {
        scopei_errors_drop(part[0]);
        scopei_errors_drop(part[1]);
        return SCOPE_ENOMEM;
    }
    *matched = part[0];
    *rest = part[1];
    return SCOPE_OK;
}

/* ---------------------------------------------------------------------------------------------------------- In words */

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

/* The task, or body, and its place: task 3 (parse, main.c:41) */
static void who_print(struct text *text, const struct scope_error *error)
{
    if (error->index == SCOPE_INDEX_BODY)
        text_add(text, "body");
    else
        text_add(text, "task %llu", (unsigned long long)error->index);
    if (error->name || error->file)
        text_add(text, " (%s%s%s", error->name ? error->name : "", error->name && error->file ? ", " : "",
                 error->file ? error->file : "");
    if (error->file)
        text_add(text, ":%d", error->line);
    if (error->name || error->file)
        text_add(text, ")");
}

/* parse (main.c:41) */
static void named_print(struct text *text, const char *name, const char *file, int line)
{
    text_add(text, "%s", name ? name : "(unnamed)");
    if (file)
        text_add(text, " (%s:%d)", file, line);
}

static void scope_print(struct text *text, const struct scope_errors *errors)
{
    text_add(text, "scope ");
    named_print(text, errors->scope_name, errors->scope_file, errors->scope_line);
}

static void error_print(struct text *text, const struct scope_error *error, int depth)
{
    text_add(text, "%*s", 4 * depth, "");
    who_print(text, error);
    text_add(text, ": error %d (%s)", error->code, scope_strerror(error->code));
    if (error->message[0])
        text_add(text, ": %s", error->message);
    if (error->nested && (error->nested->scope_name || error->nested->scope_file)) {
        text_add(text, ": ");
        scope_print(text, error->nested);
    }
    text_add(text, "\n");
}

static void group_print(struct text *text, const struct scope_errors *errors)
{
    struct scope_leaves walk = scope_leaves_begin(errors);
    while (walk.depth > 0) {
        const struct scope_errors *group = walk.group[walk.depth - 1];
        int depth = (int)walk.depth;
        const struct scope_error *error = walk_next(&walk);
        if (error)
            error_print(text, error, depth);
        else if (group->total > group->kept)
            text_add(text, "%*s%llu more\n", 4 * depth, "", (unsigned long long)(group->total - group->kept));
    }
}

const char *scopei_reason_text(enum scope_reason reason)
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
    case SCOPE_REASON_DEADLINE:
        return "cancelled by its deadline";
    case SCOPE_REASON_WON:
        return "cancelled since a task won";
    case SCOPE_REASON_COMPLETE:
        return "cancelled by on_complete";
    }
    return "cancelled";
}

static const char *reason_text(const struct scope_report *report)
{
    if (report->reason == SCOPE_REASON_SIBLING && report->cause.index == SCOPE_INDEX_BODY)
        return "cancelled by scope_fail"; /* and no task returned that */
    if (report->reason == SCOPE_REASON_NONE && report->status == SCOPE_ECANCELED)
        return "as a task or the body said";
    return scopei_reason_text(report->reason);
}

static void cancelled_print(struct text *text, const struct scope_report *report)
{
    bool task = report->cause.code || report->reason == SCOPE_REASON_WON;
    if (task && report->cause.index != SCOPE_INDEX_BODY) {
        text_add(text, "    cancelled by ");
        who_print(text, &report->cause);
        text_add(text, "\n");
    }
    if (report->quiet_ns)
        text_add(text, "    quiet %.3f ms after the request\n", (double)report->quiet_ns / 1e6);
    for (size_t i = 0; i < SCOPE_STRAGGLERS_KEPT && report->stragglers[i].late_ns; i++) {
        const struct scope_straggler *late = &report->stragglers[i];
        text_add(text, "    ");
        named_print(text, late->name, late->file, late->line);
        text_add(text, " did not notice for %.3f ms\n", (double)late->late_ns / 1e6);
    }
}

const char *scopei_policy_text(enum scope_policy policy)
{
    return policy == SCOPE_COLLECT ? "collect" : policy == SCOPE_RACE ? "race" : "fail fast";
}

size_t scope_report_print(const struct scope_report *report, char *out, size_t size)
{
    struct text text = {.at = size ? out : NULL, .left = out ? size : 0};
    if (!report)
        return 0;
    scope_print(&text, &report->group);
    text_add(&text, ": %s, %s", scope_strerror(report->status), reason_text(report));
    if (report->policy != SCOPE_FAIL_FAST)
        text_add(&text, ", policy %s", scopei_policy_text(report->policy));
    text_add(&text, "\n");
    text_add(&text, "    %llu tasks: %llu ok, %llu failed, %llu cancelled, %llu skipped\n",
             (unsigned long long)report->spawned, (unsigned long long)report->ok, (unsigned long long)report->failed,
             (unsigned long long)report->cancelled, (unsigned long long)report->skipped);
    if (report->reason != SCOPE_REASON_NONE)
        cancelled_print(&text, report);
    group_print(&text, &report->group);
    return text.length;
}

/* What a running task has said of its failure: what it told which scopes by scope_fail, and the errors of the inner scope that failed
 * last in it.  It stands in the worker (struct said) until the task returns, when error.c makes sense of it; a task that runs inside
 * another puts that one's aside. */
#include "scope/scope.h"

void scopei_told_add(struct told *to, struct told told)
{
    if (!told.scope)
        return;
    if (to->scope != told.scope)
        *to = (struct told){.scope = told.scope};
    to->code = told.code;
    to->places |= told.places;
}

static bool said_anything(const struct said *said)
{
    return said->own.scope || said->outer.scope || said->inner;
}

void scopei_said_drop(struct said *said)
{
    if (said->inner)
        scopei_errors_drop(said->inner);
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
    scopei_said_drop(&w->said);
    w->said = said;
    w->said_any = said_anything(&said);
}

/* errors: of the inner scope that failed last. */
static void said_inner(struct said *said, struct scope_errors *errors)
{
    if (said->inner)
        scopei_errors_drop(said->inner);
    said->inner = errors;
    said->own.places &= ~(unsigned)TOLD_RETURNED;
    said->outer.places &= ~(unsigned)TOLD_RETURNED;
}

/* What was said later comes to what was said before. */
static void said_merge(struct said *said, struct said later)
{
    if (later.inner)
        said_inner(said, later.inner);
    scopei_told_add(&said->own, later.own);
    scopei_told_add(&said->outer, later.outer);
}

void scopei_said_aside(struct worker *w, struct said *past)
{
    said_merge(past, scopei_said_save(w));
}

void scopei_said_back(struct worker *w, struct said *past)
{
    if (!said_anything(past))
        return;
    scopei_said_aside(w, past);
    scopei_said_restore(w, *past);
}

void scopei_said_add(struct worker *w, struct said said)
{
    said_merge(&w->said, said);
    w->said_any = said_anything(&w->said);
}

void scopei_error_inner(struct worker *w, struct scope_errors *errors)
{
    said_inner(&w->said, errors);
    w->said_any = 1;
}

bool scopei_told_same(const struct told *told, const struct scope_errors *inner, int code)
{
    bool nested = code == SCOPE_ERROR && told->places & TOLD_RETURNED && inner && inner->total == 1;
    return told->scope && (told->code == code || nested);
}

struct said scopei_said_outward(struct worker *w, const struct scope *s, const int *code)
{
    struct said said = {.inner = NULL};
    struct told told = w->said.outer;
    if (code && scopei_told_same(&told, w->said.inner, *code))
        told.places |= TOLD_RETURNED;
    else if (code)
        told.places &= ~(unsigned)TOLD_RETURNED;
    if (told.scope == load_relaxed_ptr(&s->parent)) /* Relaxed: our own word. */
        said.own = told;
    else
        said.outer = told;
    w->said.outer = (struct told){.scope = NULL};
    if (!code) {
        said.inner = w->said.inner;
        w->said.inner = NULL;
    }
    return said;
}

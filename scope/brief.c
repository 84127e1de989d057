/* Loops of items that cost next to nothing.
 *
 * A loop that may be divided needs a struct loop and a struct part, some 350 bytes on the stack that are written and read again at once.
 * That alone takes 10 ns, and where the stack lies so that the low 12 bits of such an address are those of a word which is loaded soon
 * after, as of the worker, that load waits, too.  So a plain loop begins without them: chunk after chunk, each 64 times the one before at
 * most, until all is done, or its items turn out to cost something.  Then the engine (loop.c) has the rest, and what was measured.  It has
 * all from the beginning if somebody is to hear of the loop before its first items have run. */
#include "scope/chunk.h"

/* True if nobody is to hear of such a loop before its first items have run, and perhaps not then: who is awake, too, if that was in vain
 * of late.  *asked: somebody may have to; *guess: as in struct part. */
static bool loop_is_quiet(struct worker *w, const struct scope *s, size_t items, uintptr_t body, bool *asked,
                          enum guess *guess)
{
    if (!s || !w || w->open != s || items == 0 || w->said_any || seeded(w))
        return false;
    enum hunger hunger = who_asks(w);
    *asked = hunger != HUNGER_NONE;
    if (guess_ns(w, body, hunger) > 0)
        return false;
    if (hunger == HUNGER_AWAKE && (guess_few(w, items) ? !guess_is_vain(w, items) : guess_hedges_now(w)))
        return false;
    *guess = guess_whom(w, items);
    return *guess != GUESS_ANYBODY;
}

/* How many of the items that are left behind a chunk of count, which began at before, are to be run before another look, as chunk_adapt has
 * it; 0: the loop is not brief.  *before becomes when it ended, if that was looked at. */
static size_t brief_chunk(struct worker *w, struct brief *brief, size_t count, bool asked, uint64_t *before)
{
    bool at_most = !*before;
    size_t left = brief->end - brief->begin, most = left / CHUNK_GROWTH >= count ? count * CHUNK_GROWTH : left;
    if (count >= CHUNK_QUIET && (at_most ? left : left / 2) <= count && !is_asked(w))
        return left;
    double taken_ns, done = (double)count;
    *before = clock_look(w, *before, &taken_ns);
    brief->since = brief->since ? brief->since : *before;
    if (taken_ns * CHUNK_GROWTH <= (at_most ? 2 * CHUNK_LEAST_NS : CHUNK_LEAST_NS))
        return most;
    if (!at_most && taken_ns >= MEASURED_NS) {
        brief->item_ns = taken_ns / done;
        brief->proven = taken_ns >= PROVEN_ALONE_NS;
    }
    if (taken_ns * (double)left < WORTH_STEAL_NS * done && left == most)
        return left;
    double least = CHUNK_LEAST_NS * done / taken_ns, share = (double)left / (asked ? CHUNK_SHARE : 1);
    double items = share < least                             ? least
                   : share * taken_ns < CHUNK_MOST_NS * done ? share
                                                             : CHUNK_MOST_NS * done / taken_ns;
    return !at_most || items < 1 ? 0 : items < (double)most ? (size_t)items : most;
}

static int brief_run(struct scope *s, size_t begin, size_t end, scope_for_fn *body, void *arg)
{
    int code = scope_cancelled(s) ? SCOPE_ECANCELED : body(s, begin, end, arg);
    if (SCOPEI_LIKELY(!code))
        return 0;
    struct loop loop = {.stop = {LOOP_NO_STOP}};
    return scopei_loop_code(&loop, s, scopei_loop_fail(&loop, s, code, (struct scope_range){begin, end}));
}

int scopei_loop_brief(struct scope *s, struct brief *brief, scope_for_fn *body, void *arg)
{
    struct worker *w = worker_self();
    enum guess guess;
    bool asked, called __attribute__((cleanup(scopei_must_return))) = false;
    if (!loop_is_quiet(w, s, brief->end - brief->begin, (uintptr_t)body, &asked, &guess))
        return 0;
    called = true;
    int code;
    uint64_t before = asked && guess != GUESS_MANY ? os_ticks() : 0;
    uint64_t looked = w->looked;
    size_t left = brief->end - brief->begin, chunk = asked ? 1 : left < CHUNK_QUIET ? left : CHUNK_QUIET;
    do {
        if (chunk >= LOOP_ALIGN && chunk < brief->end - brief->begin)
            chunk -= (brief->begin + chunk) % LOOP_ALIGN;
        code = brief_run(s, brief->begin, brief->begin + chunk, body, arg);
        brief->begin += chunk;
        bool over = code || brief->begin == brief->end || w->said_any;
        if (!before)
            w->looked = looked; /* loops inside this one may have looked */
        chunk = over ? 0 : brief_chunk(w, brief, chunk, asked, &before);
    } while (chunk);
    if (asked && brief->begin == brief->end)
        scopei_loop_took(w, (uintptr_t)body, guess, brief->since, brief->item_ns > 0, 0);
    called = false;
    return code;
}

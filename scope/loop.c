/* The engine under all loops.
 *
 * One part of the range belongs to one task at a time, which runs chunk after chunk of it.  Between them it looks at a word of its
 * own: is anybody asking (deque.h)?  If so, and if what is left is worth it, the far half becomes a forked task of its own, and
 * when the near half is done the two are joined.  So a short loop without idle workers makes not one task, and touches no shared
 * word.
 *
 * A worker that is inside a long item does not look, and what is left behind that item would wait for it.  So the parts of a loop that
 * was found to be long are divided before they are run, and shown, whoever asks: half, a quarter, and so on, down to some 30 us.  (Not
 * if a division costs more than the fork: loop->split.)  Nearly all of them come back unstolen, and go by the newest measurement in any
 * part: the first may have been of an item that was not like the others.
 *
 * In a loop of many items all that is not known before some of them have run, and meanwhile who asks waits.  So when the last few loops
 * of the same body were shared with who asked, the next one is taken to be as long as the last, and divided before its first item.
 *
 * A loop of few items is another matter, since each may take long, and all others would wait for the first of them.  So its far
 * half is offered before its cost is known: to those who are awake for little (a fence, a swing, and cache lines that go to and
 * fro), and who leave it alone for a moment; to sleepers for the price of a wake-up.  If that was a wrong guess the next loops
 * wake nobody, more of them each time; after some wrong guesses they are not offered to anybody before their first items have shown
 * what they cost. */
#include "sched/idle.h"
#include "sched/seed.h"
#include "scope/chunk.h"

/* What is left is divided, down to so much, and shown even if nobody is idle: who is so later finds it though this worker may then
 * be busy with one long item.  A part costs 0.4 us more than its items. */
#define AHEAD_NS 30000

/* Nor into more parts than so many for each worker: in a long loop little is hidden behind a long item even so. */
#define AHEAD_PER_WORKER 32

/* What is left of a part is offered while its thief runs his first item, which may be long, if it is worth so much; and while an item of
 * this length is run. */
#define WORTH_FIRST_NS 10000
#define LONG_NS 3000

/* But for that of a thief it is divided in the middle if it is more, as each division is a call inside the one before. */
#define FIRST_MOST 16

/* Behind it a thief begins at the end if items take so long, or are few: if they cost more and more, or less and less, both workers then meet where
 * they cost about as much.  Shorter ones may be read one after the other from memory, which is faster forwards. */
#define BACKWARDS_NS 1000

/* So much later than its owner a thief who is awake begins with his half of a part.  It is felt if that is no longer than the most. */
#define LATE_NS 600
#define LATE_MOST_NS 10000

/* Such a part of what is left is little. */
#define LITTLE 16

/* Until anything is measured of a loop that is taken to be like the last ones there are only so many, or one for so long: if that was
 * wrong they cost less than a hundredth of the last one. */
#define ASSUMED_LEAST 4
#define ASSUMED_NS 100000

/* How a part is divided: behind its first item, or in the middle for thieves who leave it alone for a moment; for such as are awake; or
 * somebody is woken. */
enum division { DIVIDE_NOT, DIVIDE_FIRST, DIVIDE_EARLY, DIVIDE_QUIETLY, DIVIDE_LOUDLY };

/* ------------------------------------------------------------------------------------------------------------- Looks */

/* A chunk of count items, which began at before, has ended; 0: it is not known when.  Returns when it ended, in ticks.  Not inlined,
 * as most loops of few items end without it. */
__attribute__((noinline)) static uint64_t part_measure(struct worker *w, struct part *part, size_t count,
                                                       uint64_t before)
{
    double taken_ns;
    uint64_t now = clock_look(w, before, &taken_ns);
    part->since = part->since ? part->since : now;
    if (part->stepped && before)
        chunk_steps_cost(part, count, taken_ns);
    chunk_adapt(w, part, count, taken_ns, !before);
    if (part->divided && before)
        part_tell(part, count, taken_ns);
    if (before && taken_ns >= WORTH_WAKE_NS)
        guess_right(w);
    return now;
}

/* The same, or 0, after finding out as much as is needed. */
static inline uint64_t part_look(struct worker *w, struct part *part, size_t count, uint64_t before)
{
    if (seeded(w))
        part->chunk = 1 + scopei_seed_draw(w, part_left(part));
    else if (!part->divided && part_ends(w, part, count, before != 0))
        part->chunk = part_left(part);
    else
        return part_measure(w, part, count, before);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------- Divisions */

/* Whether half of the part is to be offered before its first chunk, if its items' cost is not known.  Not if a division costs more
 * than the fork, to somebody who is awake: he will find something else. */
static bool part_guessed(const struct worker *w, const struct part *part)
{
    if (part->guess == GUESS_ANYBODY)
        return true;
    return part->guess == GUESS_AWAKE && !part->loop->split && part_left(part) > 1 && who_asks(w) == HUNGER_AWAKE;
}

/* Such a part.  One that is for anybody is divided though nobody may be idle just now: who is so in a moment should find something. */
static enum division part_guess(const struct worker *w, const struct part *part)
{
    if (part_left(part) < 2)
        return DIVIDE_NOT;
    bool hungry = scopei_idle_hunger(w) != HUNGER_NONE;
    if (part->fresh && !hungry)
        return DIVIDE_FIRST;
    return part->guess == GUESS_AWAKE || !hungry ? DIVIDE_EARLY : DIVIDE_LOUDLY;
}

/* Into how many parts, for each worker, a loop is divided though nobody asks. */
static double parts_most(const struct part *part)
{
    double assumed = part->item_ns * (double)part->loop->items / ASSUMED_NS;
    if (!part->assumed || assumed > AHEAD_PER_WORKER)
        return AHEAD_PER_WORKER;
    return assumed > ASSUMED_LEAST ? assumed : ASSUMED_LEAST;
}

/* True if a part that takes so long is to be divided though nobody asks. */
static bool part_large(const struct worker *w, const struct part *part, double left_ns)
{
    double parts = parts_most(part) * (double)w->pool->workers;
    return left_ns >= AHEAD_NS && (double)part_left(part) * parts > (double)part->loop->items && w->pool->workers > 1 &&
           !part->loop->split;
}

/* True if all that is left, most of the loop, is to be run without another look, as what is done was cheap.  If the first items were unlike
 * the others, as those that are skipped, it may take for ever.  So half of it is offered to who is awake, and half of the rest, down to
 * a sixteenth of the loop, as in a loop of few items; and that is given up as it is there. */
static bool part_hedges(struct part *part)
{
    size_t left = part_left(part), items = part->loop->items;
    if (!part->awake || left < 2 || left > part->chunk || left <= items / (part->hedged ? 16 : 2) || part->loop->split)
        return false;
    if (!part->divided && !part->hedged)
        part->hedged = os_ticks();
    return part->hedged != 0;
}

/* True if what is left behind the next item is to be offered while that runs: a thief's first one, or a long one, if nothing else is shown. */
static bool part_hides(const struct worker *w, const struct part *part)
{
    if (part_left(part) < 2 || part->loop->split)
        return false;
    if (part->fresh)
        return part->item_ns <= 0 || part->item_ns * (double)part_left(part) >= WORTH_FIRST_NS;
    return part->divided && part->item_ns >= LONG_NS && !is_shown(w, part);
}

/* A part whose items' cost is known, if it is. */
static enum division part_divide(struct worker *w, struct part *part)
{
    const struct loop *loop = part->loop;
    double left_ns = part->item_ns * (double)part_left(part);
    bool worth_wake = (part->proven || part->assumed) && left_ns >= WORTH_WAKE_NS;
    if (worth_wake && part->proven)
        guess_right(w);
    if (left_ns < part_worth_ns(part) + 4 * loop->split_ns || part_left(part) < 2)
        return DIVIDE_NOT;
    if (part->guess != GUESS_MANY)
        guess_paid(w, left_ns);
    enum hunger hunger = who_asks(w);
    if (hunger == HUNGER_AWAKE)
        return DIVIDE_QUIETLY;
    bool wakes = worth_wake || ((part->proven || part->assumed) && alone_wakes(w));
    if (hunger == HUNGER_ASLEEP && wakes) {
        alone_woke(w);
        return DIVIDE_LOUDLY;
    }
    if (part->offered && wakes && deque_requested(&w->deque)) {
        scopei_idle_notify(w->pool, (const struct lineage *)w->node);
        alone_woke(w);
        part->offered = false;
    }
    return (part->proven || part->divided) && !part->fresh && part_large(w, part, left_ns) ? DIVIDE_QUIETLY
                                                                                           : DIVIDE_NOT;
}

/* With a seed: whoever is hungry, and whatever the items cost.  A chunk is then half of what is left on average, so the longest
 * loop has some 2^18 of them. */
static enum division part_divide_at_random(struct worker *w, const struct part *part)
{
    static const enum division ways[] = {DIVIDE_EARLY, DIVIDE_QUIETLY, DIVIDE_LOUDLY};
    return part_left(part) > 1 && seed_chance(w, 4) ? ways[scopei_seed_draw(w, 3)] : DIVIDE_NOT;
}

static int part_run(struct scope *s, void *arg);

/* How many items are given away: half of what the part was, if little of that is done, so that loops over the same array are cut at the same
 * places; less of a short part that somebody is about to take, so that both end at the same time. */
static size_t part_half(const struct part *part, enum division how)
{
    size_t row = part_row(part), left = part_left(part), done = part->items - left;
    size_t half = (done <= left / LITTLE ? left + done : left) / 2;
    double half_ns = part->item_ns * (double)half;
    if (how == DIVIDE_QUIETLY && half_ns > LATE_NS && half_ns < LATE_MOST_NS)
        half -= (size_t)(LATE_NS / 2.0 / part->item_ns);
    if (how == DIVIDE_FIRST)
        return left - 1;
    size_t over = row ? (part->backwards ? part->begin + half : part->end - half) % row : 0;
    if (part->backwards && over)
        over = row - over;
    return half + over < left ? half + over : half;
}

/* Gives the far half away and runs the near one.  False: it could not be divided. */
static bool part_split(struct worker *w, struct scope *s, struct part *near, enum division how, int *code)
{
    struct loop *loop = near->loop;
    struct part far = *near;
    far.items = part_half(near, how);
    bool front = near->backwards; /* is given away */
    if (front)
        far.end = far.begin + far.items;
    else
        far.begin = far.end - far.items;
    far.offered = far.fresh = false;
    if (how == DIVIDE_FIRST) {
        bool few = near->guess != GUESS_MANY && near->item_ns <= 0;
        far.backwards |= near->fresh && loop->any_order && (few || near->item_ns >= BACKWARDS_NS);
        near->fresh = false;
    }
    if (loop->split && !loop->split(near, &far))
        return false;
    far.begun = false;
    far.divided = near->divided = true;
    if (near->item_ns > 0)
        loop_tell(loop, near->item_ns, false);
    if (front)
        near->begin = far.end;
    else
        near->end = far.begin;
    near->items -= far.items;
    near->offered = how != DIVIDE_LOUDLY;
    if (near->offered)
        *code = scopei_fork2_offer(w, part_run, &far, part_run, near, how == DIVIDE_EARLY);
    else
        *code = scope_fork2(s, part_run, &far, part_run, near);
    if (far.by != w) {
        near->helped = true;
        alone_helped(w);
    }
    if (loop->join)
        loop->join(near, &far);
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ Running */

int scopei_loop_fail(struct loop *loop, struct scope *s, int code, struct scope_range chunk)
{
    if (code != SCOPE_ECANCELED) {
        (void)cas_relaxed(&loop->code, 0, (uint32_t)code); /* Relaxed: read when all parts are joined. */
        scopei_error_items(worker_self(), s, code, chunk);
    }
    store_relaxed(&loop->stop, 0); /* Relaxed: sooner or later is soon enough. */
    return code;
}

int scopei_loop_code(const struct loop *loop, struct scope *s, int code)
{
    int failed = (int)(uint32_t)load_relaxed(&loop->code); /* Relaxed: all parts are joined. */
    if (!failed)
        return code;
    scopei_error_loop(worker_self(), s, failed);
    return failed;
}

/* Runs the next count items.  Returns what that does. */
static inline int chunk_run(struct scope *s, struct part *part, size_t count)
{
    struct loop *loop = part->loop;
    size_t begin = part->backwards ? part->end - count : part->begin;
    struct scope_range chunk = {begin, begin + count};
    int code = loop->run(s, part, &chunk);
    if (SCOPEI_UNLIKELY(code))
        return scopei_loop_fail(loop, s, code, chunk);
    if (part->backwards)
        part->end = begin;
    else
        part->begin = begin + count;
    return 0;
}

/* True if a chunk may go on with its next step: nobody asks who did not when it began. */
static inline bool chunk_goes_on(const struct worker *w, const struct scope *s, const struct part *part,
                                 enum hunger seen)
{
    return who_asks(w) <= seen && !w->said_any && !scope_cancelled(s) &&
           part->begin < load_relaxed(&part->loop->stop); /* Relaxed: as in part_chunks. */
}

/* before: when the chunk before has ended, in ticks; 0: it is not known, or there is none.  past: what was said before the chunk
 * that runs. */
static int part_chunks(struct worker *w, struct scope *s, struct part *part, enum division how, uint64_t before,
                       struct said *past)
{
    int code;
    while (part->begin < load_relaxed(&part->loop->stop)) { /* Relaxed: a late look costs one chunk. */
        if (scope_cancelled(s))
            return SCOPE_ECANCELED;
        if (part->item_ns > 0)
            how = part_divide(w, part);
        else if (seeded(w))
            how = part_divide_at_random(w, part);
        if (how == DIVIDE_NOT && part_hedges(part))
            how = DIVIDE_EARLY;
        if (how == DIVIDE_NOT && part_hides(w, part))
            how = part->fresh || part_left(part) <= FIRST_MOST ? DIVIDE_FIRST : DIVIDE_QUIETLY;
        if (how != DIVIDE_NOT && part_split(w, s, part, how, &code))
            return code;
        how = DIVIDE_NOT;
        if (SCOPEI_UNLIKELY(w->said_any))
            scopei_said_aside(w, past);
        size_t count = chunk_count(part, part->chunk), step = chunk_step(w, part, count), done = 0;
        enum hunger seen = who_asks(w);
        do {
            size_t next = chunk_count(part, step);
            next = next < count - done ? next : count - done;
            code = chunk_run(s, part, next);
            done += next;
        } while (SCOPEI_LIKELY(!code) && done < count && chunk_goes_on(w, s, part, seen));
        part->fresh = false;
        part->stepped = step < done;
        if (SCOPEI_UNLIKELY(code))
            return code;
        if (part->begin == part->end) {
            if (part->divided && before && !seeded(w)) {
                w->looked = os_ticks();
                part_tell(part, done, ticks_ns(w->pool, before + w->pool->tick_cost, w->looked));
            }
            return 0;
        }
        before = part_look(w, part, done, before);
    }
    return 0;
}

static int part_finish(struct worker *w, struct scope *s, struct part *part, enum division how, uint64_t before)
{
    struct said past = {.inner = NULL};
    int code = part_chunks(w, s, part, how, before, &past);
    scopei_said_back(w, &past);
    return code;
}

static int part_run(struct scope *s, void *arg)
{
    struct worker *w = worker_self();
    struct part *part = arg;
    bool stolen = part->by != w;
    if (stolen) { /* Nobody has left this worker alone until now. */
        part->by = w;
        part->fresh = !part->loop->split && !seeded(w);
        part->backwards = false;
        w->looked = w->alone_since = os_ticks();
    }
    part_begin(part, stolen || !part->divided);
    bool known = part->item_ns > 0, guessed = part_guessed(w, part);
    bool alone = part->fresh || (part->divided && part_left(part) == 1); /* tells the others what it is like */
    uint64_t before = known || guessed || alone ? os_ticks() : 0;
    part->since = part->since ? part->since : before;
    return part_finish(w, s, part, guessed && !known ? part_guess(w, part) : DIVIDE_NOT, before);
}

/* A loop that nobody is to hear of before it is known to be worth it.  Most of those end here, after two chunks.  If each of a few
 * items may take long, and somebody waits for that, the first is timed. */
static int loop_quiet(struct worker *w, struct scope *s, struct part *part)
{
    uint64_t before = part->chunk == 1 && part->guess != GUESS_MANY ? os_ticks() : 0;
    size_t count = chunk_count(part, part->chunk);
    uint64_t looked = w->looked;
    int code = scope_cancelled(s) ? SCOPE_ECANCELED : chunk_run(s, part, count);
    if (code || part_left(part) == 0)
        return code;
    if (!before)
        w->looked = looked; /* loops inside this one may have looked */
    before = part_look(w, part, count, before);
    bool last = part->chunk == part_left(part) && part->begin < load_relaxed(&part->loop->stop); /* Relaxed: our own. */
    if (!last || w->said_any || part_hedges(part))
        return part_finish(w, s, part, DIVIDE_NOT, before);
    return scope_cancelled(s) ? SCOPE_ECANCELED : chunk_run(s, part, part->chunk);
}

/* A loop of few items, of which half is offered at once to who may ask. */
static int loop_offered(struct worker *w, struct scope *s, struct part *part)
{
    uint64_t begun = os_ticks();
    int code = part_run(s, part);
    double taken_ns = ticks_ns(w->pool, begun, os_ticks());
    if (part->guess == GUESS_ANYBODY)
        guess_woke(w, part->helped ? 2 * taken_ns : taken_ns);
    double told_ns = part->helped ? loop_told(part->loop) * (double)part->loop->items : 0;
    if (taken_ns >= WORTH_STEAL_NS || told_ns >= WORTH_STEAL_NS)
        guess_paid(w, taken_ns);
    else if (part->divided && (!part->helped || told_ns > 0))
        guess_vain(w);
    return code;
}

/* What the loop is taken to take alone, as the last ones of its body did, for those who ask; 0: nothing is known. */
static double loop_guess(struct worker *w, const struct part *part, enum hunger hunger)
{
    bool any = part->guess != GUESS_ANYBODY && part_left(part) > 1 && !seeded(w);
    return any ? guess_ns(w, part->loop->body, hunger) : 0;
}

void scopei_loop_took(struct worker *w, uintptr_t body, enum guess guess, uint64_t since, bool measured,
                      double alone_ns)
{
    struct history *history = history_of(w, body);
    if (!since || !guess_looks(history, measured)) {
        history_add(history, 0);
        return;
    }
    w->looked = os_ticks();
    double taken_ns = ticks_ns(w->pool, since, w->looked), most_ns = taken_ns * (double)w->pool->workers;
    guess_took(w, history, guess, alone_ns <= 0 ? taken_ns : alone_ns < most_ns ? alone_ns : most_ns);
}

int scopei_loop_run(struct scope *s, void *arg)
{
    struct worker *w = worker_self();
    struct part *part = arg;
    struct loop *loop = part->loop;
    if (part_left(part) == 0)
        return SCOPE_OK;
    bool known = part->item_ns > 0;
    part->by = w;
    if (!part->items)
        part->items = part_left(part);
    size_t items = loop->items = part->items;
    part->guess = guess_whom(w, items);
    enum hunger hunger = who_asks(w);
    double likely_ns = known ? 0 : loop_guess(w, part, hunger);
    bool asked = hunger != HUNGER_NONE, likely = likely_ns > 0, offered = !known && !likely && part_guessed(w, part);
    part->awake = hunger == HUNGER_AWAKE && part->guess == GUESS_MANY && guess_hedges(w);
    if (likely) {
        part->item_ns = likely_ns / (double)items;
        loop_tell(loop, part->item_ns, true);
    }
    part->assumed = likely;
    part->begun = !likely;
    part->chunk = known ? part_least(part) : offered || seeded(w) || asked || part->since ? 1 : CHUNK_QUIET;
    int code = offered                                       ? loop_offered(w, s, part)
               : known || likely || seeded(w) || w->said_any ? part_run(s, part)
                                                             : loop_quiet(w, s, part);
    if (asked && items > 1)
        scopei_loop_took(w, loop->body, part->guess, part->since, part->divided || part->item_ns > 0,
                         part->divided && !part->assumed ? loop_told(loop) * (double)items : 0);
    if (part->hedged)
        guess_hedged(w, ticks_ns(w->pool, part->hedged, os_ticks()));
    return scopei_loop_code(loop, s, code);
}

int scopei_loop_in(struct scope *s, scope_fn *work, void *arg)
{
    const struct worker *w = worker_self();
    if (s && (!w || w->open != s))
        return SCOPE_EPERM;
    /* The parts of a loop are on the stack, and sums in memory: none may be left but by returning. */
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    int code = s ? work(s, arg) : scope_run(work, arg);
    called = false;
    return code;
}

/* What a worker's last loops say of its next one, before that has measured anything: how much is worth sharing, whom it is offered to,
 * whether somebody is woken.  All of it stands in the worker's own words (sched/worker.h), and a wrong guess costs time alone.  Inline, as
 * the loops that ask take 30 ns and more. */
#ifndef SCOPE_GUESS_H
#define SCOPE_GUESS_H

#include "sched/idle.h"
#include "scope/loop.h"

/* Work is shared with a worker that is awake if it takes so long: a steal and a join cost about 0.5 us (bench/steal), and to move an
 * array to another cache as long as a cheap loop over it (bench/loop: 10^4 items of 0.3 ns got slower with 2 us). */
#define WORTH_STEAL_NS 5000

/* And with one that sleeps: to wake it costs the caller 7 to 20 us, and it starts 30 to 100 us later (bench/wake). */
#define WORTH_WAKE_NS 200000

/* ------------------------------------------------------------------------------------------------ Loops of few items */

/* So many items a worker, and fewer, are few. */
#define FEW_PER_WORKER 32

/* After a first wrong guess so many loops of few items wake nobody; after the next ones twice as many each, up to the most. */
#define GUESS_PAUSE_LEAST 256
#define GUESS_PAUSE_MOST ((uint64_t)1 << 20)

/* After so many of them that were offered in vain to those who are awake the next ones are not, but for those of so few items that to
 * wait for the first would be bad, and one in so many.  One that turns out to be worth it pays for others: one for each so many
 * nanoseconds, which is a tenth of them, and up to the most. */
#define VAIN_MOST 64
#define VAIN_ITEMS 4
#define VAIN_RETRY 257
#define VAIN_PAID_NS 1000
#define VAIN_PAID_MOST 1e6

static inline bool guess_few(const struct worker *w, size_t items)
{
    return items > 1 && w->pool->workers > 1 && items / FEW_PER_WORKER <= w->pool->workers;
}

/* Who is offered half of the loop that begins. */
static inline enum guess guess_whom(struct worker *w, size_t items)
{
    if (!guess_few(w, items))
        return GUESS_MANY;
    if (w->guess_skip == 0)
        return GUESS_ANYBODY;
    bool retry = w->guess_skip-- % VAIN_RETRY == 0;
    return w->vain >= VAIN_MOST && items >= VAIN_ITEMS && !retry ? GUESS_VAIN : GUESS_AWAKE;
}

/* True if a loop of few items is offered to nobody who is awake, for all that guess_whom will say. */
static inline bool guess_is_vain(const struct worker *w, size_t items)
{
    return w->vain >= VAIN_MOST && items >= VAIN_ITEMS && w->guess_skip % VAIN_RETRY != 0;
}

/* To wake somebody would have been right. */
static inline void guess_right(struct worker *w)
{
    w->guess_skip = w->guess_pause = 0;
}

/* Somebody was woken for a loop that took so long. */
static inline void guess_woke(struct worker *w, double taken_ns)
{
    uint64_t pause = 2 * w->guess_pause;
    w->guess_pause = taken_ns >= WORTH_WAKE_NS   ? 0
                     : pause < GUESS_PAUSE_LEAST ? GUESS_PAUSE_LEAST
                     : pause < GUESS_PAUSE_MOST  ? pause
                                                 : GUESS_PAUSE_MOST;
    w->guess_skip = w->guess_pause;
}

/* An offer of what takes so long to those who are awake would have been right. */
static inline void guess_paid(struct worker *w, double taken_ns)
{
    double paid = taken_ns / VAIN_PAID_NS;
    int64_t vain = VAIN_MOST - (int64_t)(paid < VAIN_PAID_MOST ? paid : VAIN_PAID_MOST);
    if (w->vain > vain)
        w->vain = vain;
}

/* Nobody took one, or the whole loop was not worth it. */
static inline void guess_vain(struct worker *w)
{
    if (w->vain < VAIN_MOST)
        w->vain++;
}

/* ------------------------------------------------------------------------------------------------ A cheap beginning */

/* Half of a loop of many items whose first ones are cheap is offered to who is awake, as the others may not be.  If they are, and he takes
 * it, that costs 1 to 3 us, so after so many times few of those loops are: one in VAIN_RETRY, until one took so long that it was right. */
#define HEDGE_MOST 16
#define HEDGE_RIGHT_NS 10000

static inline bool guess_hedges(struct worker *w)
{
    return w->hedged_vain < HEDGE_MOST || w->hedges++ % VAIN_RETRY == 0;
}

/* The same for one that is done if it is not. */
static inline bool guess_hedges_now(struct worker *w)
{
    if (w->hedged_vain < HEDGE_MOST || w->hedges % VAIN_RETRY == 0)
        return true;
    w->hedges++;
    return false;
}

/* It was, and what was left took so long. */
static inline void guess_hedged(struct worker *w, double taken_ns)
{
    if (taken_ns >= HEDGE_RIGHT_NS)
        w->hedged_vain = 0;
    else if (w->hedged_vain < HEDGE_MOST)
        w->hedged_vain++;
}

/* ------------------------------------------------------------------------------------------- Loops that follow each other */

/* A loop that alone is not worth a wake-up may be one of many.  So somebody is woken, too, when nobody has helped for that long with loops
 * that follow each other closely.  If nobody comes, as another program has the processor, or as the loops end too early, the next
 * wake-up is due twice as long after this one, and so on, up to so many times: that costs 0.3 %. */
#define ALONE_WAKES_MOST 5

static inline bool alone_wakes(const struct worker *w)
{
    return ticks_ns(w->pool, w->alone_since, w->looked) >= WORTH_WAKE_NS &&
           ticks_ns(w->pool, w->alone_woke, w->looked) >= WORTH_WAKE_NS * (double)(1u << w->alone_wakes);
}

/* Somebody was woken for it. */
static inline void alone_woke(struct worker *w)
{
    w->alone_woke = w->looked;
    if (w->alone_wakes < ALONE_WAKES_MOST)
        w->alone_wakes++;
}

/* Somebody has helped. */
static inline void alone_helped(struct worker *w)
{
    w->alone_since = w->looked;
    w->alone_wakes = 0;
}

/* -------------------------------------------------------------------------------------------- Loops of the same body
 *
 * A program may run many loops in turns, some short, some long.  So what they came to is kept apart, by the user's function; of so many
 * of them, at most: others take their places, and those begin anew. */
static inline unsigned history_slot(uintptr_t body)
{
    /* Fibonacci hashing (Knuth, The Art of Computer Programming, vol. 3, 6.4): the highest bits of the product. */
    return (unsigned)((uint64_t)body * 0x9e3779b97f4a7c15 >> (64 - WORKER_HISTORY_BITS));
}

static inline struct history *history_of(struct worker *w, uintptr_t body)
{
    struct history *history = &w->history[history_slot(body)];
    if (history->body != body)
        *history = (struct history){.body = body};
    return history;
}

/* After so many in a row that were worth it, while somebody asked when they began, the next one is taken to be as long as the last, and
 * divided for him before its first item: he begins 1 us earlier.  If that is wrong, it costs the loop about 1 us, and so many others
 * are needed again. */
#define LIKELY_LEAST 4

/* What the next loop is taken to take alone, for those who ask: who is awake, or due to be woken.  0: nothing is known. */
static inline double guess_ns(struct worker *w, uintptr_t body, enum hunger hunger)
{
    if (hunger == HUNGER_NONE)
        return 0;
    const struct history *history = history_of(w, body);
    bool likely =
        history->worth >= LIKELY_LEAST && (hunger == HUNGER_AWAKE || history->ns >= WORTH_WAKE_NS || alone_wakes(w));
    return likely ? history->ns : 0;
}

/* Such a loop would have taken so long alone; 0: that is not known. */
static inline void history_add(struct history *history, double taken_ns)
{
    if (taken_ns < WORTH_STEAL_NS) {
        history->worth = 0;
        return;
    }
    history->ns = taken_ns;
    if (history->worth < LIKELY_LEAST)
        history->worth++;
}

/* A loop whose beginning was cheap may have taken long all the same.  Of those one in so many is looked at when it ends, and all from then on
 * while they take so long. */
#define LOOK_ONE_IN 17
#define LOOK_LEAST_NS 1000

/* True if the loop that ends is to be looked at; measured: its items cost something. */
static inline bool guess_looks(struct history *history, bool measured)
{
    if (measured || history->unlooked == 0)
        return true;
    history->unlooked--;
    return false;
}

/* It took so long alone. */
static inline void guess_took(struct worker *w, struct history *history, enum guess guess, double taken_ns)
{
    history->unlooked = taken_ns < LOOK_LEAST_NS ? LOOK_ONE_IN - 1 : 0;
    history_add(history, taken_ns);
    if (guess != GUESS_MANY && taken_ns >= WORTH_STEAL_NS)
        guess_paid(w, taken_ns);
    if (taken_ns >= WORTH_WAKE_NS)
        guess_right(w);
}

#endif

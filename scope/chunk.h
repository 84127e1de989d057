/* What a part of a loop learns while it runs: what its items cost, and so how long the next chunk may be.  (What the next loop makes
 * of it is in guess.h.)
 *
 * That is found by growing them.  The clock cannot be read for each item, as a look at it costs as much as 80
 * items of a cheap loop (24 ns on the machine of bench/results/epyc); and not at the beginning and after the first item, as that
 * would be felt in a loop of 100.  So the first look is after the first item, and says no more than how long ago the worker's last
 * look was: if not long, the item was cheap. */
#ifndef SCOPE_CHUNK_H
#define SCOPE_CHUNK_H

#include "sched/idle.h"
#include "sched/seed.h"
#include "scope/guess.h"

#include <string.h>

/* The first chunk is one item, as that may take long, or so many if nobody asks; the next ones are so many times the one before at
 * most, but for what is said of halves and rows below. */
#define CHUNK_QUIET 8
#define CHUNK_GROWTH 64

/* A chunk is to take an eighth of what is left, so that little remains to be shared at the end, but within these limits: below,
 * reading the clock would be felt (1 %), above, those who ask would wait. */
#define CHUNK_LEAST_NS 2000
#define CHUNK_MOST_NS 10000
#define CHUNK_SHARE 8

/* Longer ones are run in steps of this, as to see whether anybody asks costs less than the clock, but in so many at most, and in one if
 * those who ask find something else: each is a call of the user's, which may cost something by itself. */
#define STEP_NS 1000
#define STEPS_MOST 8
#define STEPS_COST 1.5

/* If those who ask find another part, or task, it may take longer, and half of another one is not left for later. */
#define CHUNK_SHOWN_NS 20000
#define CHUNK_CRUMBS 1.5

/* Rows that take longer may be cut; those of LOOP_ALIGN items, which matter for vectors alone, sooner. */
#define ROW_MOST_NS 1000
#define ALIGN_MOST_NS 100

/* A chunk that took less tells too little of the items' cost to divide a loop for it. */
#define MEASURED_NS 250

/* Nor does one item that took less, if anything is told of the others: on another core the first one takes 0.2 us longer. */
#define MEASURED_ONE_NS 500

/* Nor is anybody woken, or more shown than is asked for, but for a chunk that took so long behind another that was measured, or one
 * that took so much longer: the first item after a pause waits for memory and code, and may take a thousand times as long as the
 * next ones. */
#define PROVEN_NS 1000
#define PROVEN_ALONE_NS 4000

/* Once a loop is divided less than WORTH_STEAL_NS will do, as its array has been moved. */
#define WORTH_MORE_NS 3000

/* ---------------------------------------------------------------------------------------- What is left, and who asks for it */

static inline size_t part_left(const struct part *part)
{
    return part->end - part->begin;
}

static inline double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* What an item takes, as a part has told the others.  Relaxed: a guess. */
static inline double loop_told(const struct loop *loop)
{
    return double_of(load_relaxed(&loop->item_ns));
}

/* At multiples of what a part is cut; 0: anywhere, as a row takes so long that one more cut is not felt. */
static inline size_t part_row(const struct part *part)
{
    size_t row = part->loop->row;
    return part->item_ns * (double)row < (row == LOOP_ALIGN ? ALIGN_MOST_NS : ROW_MOST_NS) ? row : 0;
}

/* So many items, or some more or less, so that they end, or begin, at the nearest row, if they are as many as one. */
static inline size_t chunk_count(const struct part *part, size_t count)
{
    size_t row = part->loop->row, left = part_left(part);
    if (left <= count)
        return left;
    if (count < row || !part_row(part))
        return count;
    size_t edge = part->backwards ? part->end - count : part->begin + count;
    size_t over = row == LOOP_ALIGN ? edge % LOOP_ALIGN : edge % row; /* division takes 10 ns */
    size_t less = part->backwards ? row - over : over, more = row - less;
    return less < more ? count - less : left - count > more ? count + more : left;
}

/* From how much on what is left is worth sharing with somebody who is awake. */
static inline double part_worth_ns(const struct part *part)
{
    return part->divided ? WORTH_MORE_NS : WORTH_STEAL_NS;
}

/* Who waits for work, has asked w for it, and has not been offered enough of w's yet. */
static inline enum hunger who_asks(const struct worker *w)
{
    return deque_requested(&w->deque) ? scopei_idle_hunger(w) : HUNGER_NONE;
}

static inline bool is_asked(const struct worker *w)
{
    return who_asks(w) != HUNGER_NONE;
}

/* True if who asks need not wait for this part, as there are others. */
static inline bool is_shown(const struct worker *w, const struct part *part)
{
    return part->divided && scopei_deque_stealable(&w->deque) > 0;
}

/* From when on a chunk of count items tells what they cost, though something is told of them. */
static inline double measured_ns(size_t count)
{
    return count == 1 ? MEASURED_ONE_NS : MEASURED_NS;
}

/* What count items take that were measured to take so long: most of a short time is the chunk's beginning, and then what is told of them
 * is better, if it is less. */
static inline double chunk_ns(const struct part *part, size_t count, double taken_ns)
{
    double told_ns = part->divided && taken_ns < measured_ns(count) ? loop_told(part->loop) * (double)count : 0;
    return told_ns > 0 && told_ns < taken_ns ? told_ns : taken_ns;
}

/* A chunk of count items took so long, or at most so long. */
static inline void chunk_adapt(const struct worker *w, struct part *part, size_t count, double taken_ns, bool at_most)
{
    double proves_ns = part->item_ns > 0 && !part->assumed ? PROVEN_NS : PROVEN_ALONE_NS;
    taken_ns = chunk_ns(part, count, taken_ns);
    part->chunk = part_left(part);
    part->item_ns = 0;
    /* The next one takes little even if it grows as far as it may; a bound includes what the worker did before. */
    if (taken_ns * CHUNK_GROWTH <= (at_most ? 2 * CHUNK_LEAST_NS : CHUNK_LEAST_NS)) {
        if (part->chunk / CHUNK_GROWTH >= count)
            part->chunk = count * CHUNK_GROWTH;
        return;
    }
    double done = (double)count, left = (double)part_left(part);
    if (!at_most && taken_ns >= MEASURED_NS)
        part->item_ns = taken_ns / done;
    if (taken_ns * left < part_worth_ns(part) * done && left <= done * CHUNK_GROWTH)
        return; /* what is left is not worth another look */
    taken_ns = taken_ns > 1 ? taken_ns : 1;
    part->proven |= !at_most && taken_ns >= proves_ns;
    double per_ns = done / taken_ns, least = CHUNK_LEAST_NS * per_ns;
    bool shown = is_shown(w, part);
    double most = at_most || part->proven ? (shown ? CHUNK_SHOWN_NS : CHUNK_MOST_NS) * per_ns : least;
    double share = is_asked(w) ? left / CHUNK_SHARE : left;
    double items = share < least ? least : share < most ? share : most, grown = done * CHUNK_GROWTH;
    items = items < 1 ? 1 : items < grown ? items : grown;
    if ((shown ? items * CHUNK_CRUMBS : items) < left)
        part->chunk = (size_t)items;
}

/* What is learnt of items in one part is told to all that have not begun: what was known when they were divided may have been the time
 * of one item that was not like the others, or of a pause.  Not if it is about the same, as all parts read it.
 * Relaxed: a guess. */
static inline void loop_tell(struct loop *loop, double item_ns, bool anyway)
{
    double told = loop_told(loop);
    if (anyway || item_ns > 2 * told || item_ns < told / 2)
        store_relaxed(&loop->item_ns, bits_of(item_ns));
}

/* A chunk of count items took so long.  A short one can only tell that what was told is far too much. */
static inline void part_tell(struct part *part, size_t count, double taken_ns)
{
    if (taken_ns >= (loop_told(part->loop) > 0 ? measured_ns(count) : MEASURED_NS)) {
        loop_tell(part->loop, taken_ns / (double)count, part->assumed);
        part->assumed = false;
    } else if (loop_told(part->loop) * (double)count > 2 * MEASURED_NS) {
        loop_tell(part->loop, 0, true);
    }
}

/* Of how many items the steps of a chunk of so many are, between which it is seen whether anybody asks. */
static inline size_t chunk_step(const struct worker *w, const struct part *part, size_t count)
{
    double step = STEP_NS / part->item_ns;
    if (part->item_ns <= 0 || part->whole || w->pool->workers == 1 || step >= (double)count || is_shown(w, part))
        return count;
    size_t least = count / STEPS_MOST + 1;
    return step > (double)least ? (size_t)step : least;
}

/* A chunk of so many items was run in steps and took so long.  If that is much more than they took before, it is the calls that cost. */
static inline void chunk_steps_cost(struct part *part, size_t count, double taken_ns)
{
    part->whole |= taken_ns > STEPS_COST * part->item_ns * (double)count;
}

/* The shortest chunk, if it is known what items cost. */
static inline size_t part_least(const struct part *part)
{
    double least = CHUNK_LEAST_NS / part->item_ns;
    return least < 1 ? 1 : least < (double)part_left(part) ? (size_t)least : part_left(part);
}

/* first: nothing but what is assumed is known, or a thief begins, who may have got other items than those that were measured. */
static inline void part_begin(struct part *part, bool first)
{
    if (part->begun)
        return;
    double told_ns = loop_told(part->loop);
    part->begun = true;
    part->hedged = first ? part->hedged : 0;
    part->assumed = part->assumed && told_ns == part->item_ns;
    part->item_ns = told_ns;
    part->chunk = first                           ? 1
                  : told_ns > 0                   ? part_least(part)
                  : part->chunk < part_left(part) ? part->chunk
                                                  : part_left(part);
}

/* True if nobody asks, and what is left takes no longer than what is done, or than two chunks that were measured to be short. */
static inline bool part_ends(const struct worker *w, const struct part *part, size_t count, bool measured)
{
    size_t left = measured ? part_left(part) / 2 : part_left(part);
    return count >= CHUNK_QUIET && left <= count && !is_asked(w);
}

/* A chunk that began at before has ended; 0: it is not known when, and *taken_ns is a bound.  Returns when it ended, in ticks. */
static inline uint64_t clock_look(struct worker *w, uint64_t before, double *taken_ns)
{
    uint64_t now = os_ticks();
    *taken_ns = ticks_ns(w->pool, before ? before + w->pool->tick_cost : w->looked, now);
    if (ticks_ns(w->pool, w->looked, before ? before : now) > SPIN_NS)
        w->alone_since = now; /* a pause: whoever was awake has gone to sleep meanwhile */
    w->looked = now;
    return now;
}

#endif

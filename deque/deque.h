/* A Chase-Lev work-stealing deque with a lazily published bottom.
 *
 * One owner pushes and pops at the bottom; thieves steal at the top.  Tasks lie in an array of slots:
 *
 *      position   0 ........ | taken by thieves | published | private | free ........ capacity
 *                            (history)          ^ top       ^ shared  ^ bottom
 *
 * The private part is the owner's alone: push and pop there are plain stores and loads.  The published part is a textbook
 * Chase-Lev deque.  The owner moves the border between them: publish makes the oldest private tasks stealable, take wins
 * the newest published one back, withdraw many of them.
 *
 * Thieves ask for more by poisoning limit and floor, the words that the owner compares bottom with anyway, so a request
 * costs the owner nothing until there is one.
 *
 * Positions and indices.  A slot has a position.  What the protocol counts is an index, which only grows at the top, so
 * that a compare-and-swap on top cannot mistake a later task for an earlier one (no ABA).  index = position + drift; the
 * owner changes drift only while the deque is empty, which lets it use the same few positions for any number of tasks.
 *
 * A slot is words; what they mean is the caller's business.  Nothing here allocates, blocks or fails. */
#ifndef DEQUE_DEQUE_H
#define DEQUE_DEQUE_H

#include "deque/atomic.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE 64
#define SLOT_WORDS 8

/* limit when poisoned: every push looks like a full deque. */
#define DEQUE_LIMIT_POISON 0
/* floor when poisoned: every pop looks like an empty deque. */
#define DEQUE_FLOOR_POISON UINT64_MAX

/* Written by the owner while the position is private, read by anybody: a thief may read a slot that is being rewritten, and
 * then fails its compare-and-swap. */
struct slot {
    alignas(CACHE_LINE) struct atomic_u64 word[SLOT_WORDS];
};

struct deque {
    /* The owner resets these, thieves poison them.  Addresses of slots, as numbers */
    alignas(CACHE_LINE) struct atomic_u64 limit; /* bottom may not pass this one by a plain push */
    struct atomic_u64 floor;                     /* bottom may not sink to this one by a plain pop: >= shared */

    /* O, owner only */
    alignas(CACHE_LINE) struct slot *bottom; /* where the next push goes */
    struct slot *shared;                     /* the oldest private task: [shared, bottom) is private */
    uint64_t index;                          /* index of shared; published again as pub */
    /* I, immutable after init */
    struct slot *slots;
    struct slot *end; /* of slots */

    /* P, owner writes, thieves read */
    alignas(CACHE_LINE) struct atomic_u64 pub; /* index where the published part ends */
    struct atomic_u64 drift;                   /* index - position, modulo 2^64 */

    /* T, thieves and owner compare-and-swap */
    alignas(CACHE_LINE) struct atomic_u64 top; /* index of the oldest published task; never decreases */
};

/* A task that a thief has looked at and may commit to. */
struct theft {
    uint64_t index;
    uint64_t word[SLOT_WORDS];
};

/* Empty and lost are different: after losing a race there may well be more. */
enum theft_result { THEFT_WON, THEFT_EMPTY, THEFT_LOST };

/* slots: capacity of them, which must outlive every thief.  first: the first index, any number (tests start it just below
 * the wrap-around).  No thief may look at the deque before this returns. */
void scopei_deque_init(struct deque *d, struct slot *slots, uint64_t capacity, uint64_t first);

/* -------------------------------------------------------------------------------------------------------- The owner */

static inline uint64_t slot_address(const struct slot *slot)
{
    return (uint64_t)(uintptr_t)slot;
}

/* The slot of a new private task, to be filled before the owner's next call here; NULL: look at the request, or full. */
static inline struct slot *deque_push(struct deque *d)
{
    /* Relaxed: only a hint that somebody asks; the caller's slow path synchronizes. */
    if (__builtin_expect(slot_address(d->bottom) >= load_relaxed(&d->limit), 0))
        return NULL;
    return d->bottom++;
}

/* The newest private task, whose slot is valid until the owner's next push; NULL: look at the request, or none is private. */
static inline struct slot *deque_pop(struct deque *d)
{
    /* Relaxed: as in deque_push. */
    if (__builtin_expect(slot_address(d->bottom) <= load_relaxed(&d->floor), 0))
        return NULL;
    return --d->bottom;
}

static inline uint64_t deque_private(const struct deque *d)
{
    return (uint64_t)(d->bottom - d->shared);
}

static inline bool deque_full(const struct deque *d)
{
    return d->bottom == d->end;
}

/* The same as push and pop without looking at requests.  The caller knows that there is room, or a private task. */
static inline struct slot *deque_push_anyway(struct deque *d)
{
    return d->bottom++;
}

static inline struct slot *deque_pop_anyway(struct deque *d)
{
    return --d->bottom;
}

/* Makes the oldest count private tasks stealable. */
void scopei_deque_publish(struct deque *d, uint64_t count);

/* Wins the newest published task back, when none is private; NULL: thieves have them all. */
struct slot *scopei_deque_take(struct deque *d);

/* Makes the newer half of what is published private again, at the cost of one take.  False, and nothing is changed: that is
 * nothing, or thieves are near. */
bool scopei_deque_withdraw(struct deque *d);

/* If nothing is left, neither private nor published, lets the next push use slot mark (at most bottom), and returns true.
 * Otherwise changes nothing. */
bool scopei_deque_reset(struct deque *d, struct slot *mark);

/* True if nothing is published: a thief would find nothing. */
bool scopei_deque_starved(const struct deque *d);

/* True if some thief's request is waiting. */
static inline bool deque_requested(const struct deque *d)
{
    /* Relaxed: a hint; scopei_deque_clear synchronizes. */
    return load_relaxed(&d->limit) == DEQUE_LIMIT_POISON || load_relaxed(&d->floor) == DEQUE_FLOOR_POISON;
}

/* Clears the request.  The next push that fails is the one after window more pushes, a request, or a full deque.
 * If the asking thief passed a fence before deque_request, what it did before that is visible afterwards. */
void scopei_deque_clear(struct deque *d, uint64_t window);

/* ------------------------------------------------------------------------------------------------- Thieves, anybody */

/* Asks the owner to publish: its next push or pop fails.  Sticky until the owner clears it. */
void scopei_deque_request(struct deque *d);

/* How many tasks are published, at a glance. */
uint64_t scopei_deque_stealable(const struct deque *d);

/* Copies the oldest published task without taking it.  The copy can be garbage unless commit wins. */
enum theft_result scopei_deque_peek(const struct deque *d, struct theft *theft);

/* True if nobody has taken the task that peek copied, so far: then the copy is right, and what its publisher did is visible. */
bool scopei_deque_stands(const struct deque *d, const struct theft *theft);

/* Takes the task that peek copied: true if it is now the caller's, and then the copy was right, and everything that its
 * publisher did before publishing it is visible. */
bool scopei_deque_commit(struct deque *d, const struct theft *theft);

#endif

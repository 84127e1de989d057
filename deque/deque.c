/* The published part of the deque: publish, take, withdraw, steal.
 *
 * The algorithm is that of Chase and Lev (2005) with the C11 orderings of Le, Pop, Cohen and Zappa Nardelli (2013), on an
 * array that never grows.  pub plays their "bottom".
 *
 * Why a task is taken once.  A thief takes index i by moving top from i to i + 1, so two thieves never take the same one.
 * The owner takes the index `last` = pub - 1.  It first lowers pub to last, then reads top:
 *
 *      owner: take                        thief: peek, commit
 *      1  pub := last                     1  t := top
 *      2  fence                           2  fence
 *      3  t := top                        3  p := pub; nothing to take unless t < p
 *      4  t < last: last is ours          4  copy the slot
 *         t = last: top must be swung     5  swing top from t to t + 1, else the copy is void
 *         from last to last + 1
 *
 * The fences are totally ordered, and order what is before and behind them as in C++20 (and on all machines): also a swing that
 * another thread has seen before its fence.  Suppose the owner takes last without a swing, having read top < last, and a thief swings
 * last too.  The thief read top = last.  If the owner's fence is first, the thief's step 3 sees pub <= last: nothing to
 * take.  If the thief's is first, the owner's step 3 sees top >= last: contradiction.  With t = last both swing, and one wins.
 *
 * Withdrawing many is the same with q, the oldest of them, in the place of last, except that the owner gives up if it reads
 * top >= q.  If it reads top < q and a thief swings an index i >= q, the thief read top = i in its step 1; top only grows, so
 * had the thief's fence been first, the owner would have read top >= i >= q; and had the owner's, the thief's step 3 would
 * have seen pub <= q <= i.  When the owner gives up it puts pub back: the slots are as they were.
 *
 * Why the copy is right.  If the swing at t succeeds, top was t from step 1 to step 5.  Index t was published before step 3
 * read pub > t, and by the argument above the owner did not take it back without moving top; so its slot was not rewritten
 * and drift did not change (the owner changes drift only when top has reached pub).  Whatever else a thief may read, a
 * rewritten slot or a new drift, its swing fails.
 *
 * Why taking the last published task moves top even though no thief may be near: the owner may then change drift and
 * publish another task; had top stayed, a slow thief's swing would succeed with the old slot. */
#include "deque/deque.h"

/* a - b as a signed number: indices wrap around. */
static int64_t distance(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b);
}

static uint64_t position(const struct deque *d, const struct slot *slot)
{
    return (uint64_t)(slot - d->slots);
}

/* Moves floor along with shared, unless it is poisoned: then the owner clears it later. */
static void floor_follow(struct deque *d)
{
    /* Relaxed, both: only the owner writes anything but the poison, to which it loses; nothing is passed on. */
    uint64_t old = load_relaxed(&d->floor);
    if (old != DEQUE_FLOOR_POISON)
        (void)cas_relaxed(&d->floor, old, slot_address(d->shared));
}

void scopei_deque_init(struct deque *d, struct slot *slots, uint64_t capacity, uint64_t first)
{
    d->bottom = slots;
    d->shared = slots;
    d->index = first;
    d->slots = slots;
    d->end = slots + capacity;
    /* Relaxed: nobody else looks yet. */
    store_relaxed(&d->limit, slot_address(d->end));
    store_relaxed(&d->floor, slot_address(slots));
    store_relaxed(&d->pub, first);
    store_relaxed(&d->drift, first);
    store_relaxed(&d->top, first);
}

void scopei_deque_publish(struct deque *d, uint64_t count)
{
    d->shared += count;
    d->index += count;
    floor_follow(d);                  /* before anybody can steal: a plain pop must stop above what is published */
    store_release(&d->pub, d->index); /* pairs with: scopei_deque_peek, which reads the slots and what they point to */
}

/* The owner and perhaps thieves want the one task that is left, at index last.  Afterwards nothing is published. */
static struct slot *take_last(struct deque *d, uint64_t last)
{
    /* Acquire: pairs with: scopei_deque_commit; the thieves before have read the old drift. */
    bool won = cas_acquire(&d->top, last, last + 1);
    if (won) {
        d->bottom--;
        d->shared--;
        floor_follow(d);
        /* Relaxed: thieves read drift only after a release of pub that publishes something. */
        store_relaxed(&d->drift, last + 1 - position(d, d->shared));
    }
    store_relaxed(&d->pub, last + 1); /* Relaxed: publishes nothing. */
    return won ? d->bottom : NULL;
}

bool scopei_deque_starved(const struct deque *d)
{
    /* pairs with: scopei_deque_commit; the thieves' reads of the slots come before what the owner writes there later. */
    return distance(d->index, load_acquire(&d->top)) <= 0;
}

struct slot *scopei_deque_take(struct deque *d)
{
    if (scopei_deque_starved(d))
        return NULL;
    uint64_t last = d->index - 1;
    store_release(&d->pub, last); /* pairs with: scopei_deque_peek; release, as it may be the store that peek reads */
    fence_seq_cst();              /* pairs with: scopei_deque_peek; else both could take the same task */
    uint64_t top =
        load_relaxed(&d->top); /* Relaxed: after the fence; slots of stolen tasks are not used before a reset. */
    if (distance(last, top) <= 0)
        return take_last(d, last);
    d->index = last;
    d->bottom--;
    d->shared--;
    floor_follow(d);
    return d->bottom;
}

bool scopei_deque_withdraw(struct deque *d)
{
    int64_t published = distance(d->index, load_relaxed(&d->top)); /* Relaxed: a guess, looked at again below. */
    if (published < 2)
        return false;
    uint64_t count = (uint64_t)published / 2;
    uint64_t oldest = d->index - count;
    store_release(&d->pub, oldest); /* pairs with: scopei_deque_peek; release, as it may be the store that peek reads */
    fence_seq_cst();                /* pairs with: scopei_deque_peek; else both could take the same task */
    if (distance(oldest, load_relaxed(&d->top)) <= 0) { /* Relaxed: as in scopei_deque_take. */
        store_release(&d->pub, d->index);               /* pairs with: scopei_deque_peek */
        return false;
    }
    d->index = oldest;
    d->shared -= count;
    floor_follow(d);
    return true;
}

bool scopei_deque_reset(struct deque *d, struct slot *mark)
{
    if (d->bottom != d->shared || !scopei_deque_starved(d))
        return false;
    d->bottom = mark;
    d->shared = mark;
    floor_follow(d);
    store_relaxed(&d->drift, d->index - position(d, mark)); /* Relaxed: published by the next release of pub. */
    return true;
}

void scopei_deque_clear(struct deque *d, uint64_t window)
{
    uint64_t room = (uint64_t)(d->end - d->bottom);
    /* Exchanges, so that a request made meanwhile is either seen here or left standing.  Relaxed: the fence orders them. */
    (void)exchange_relaxed(&d->limit, slot_address(d->bottom + (window < room ? window : room)));
    (void)exchange_relaxed(&d->floor, slot_address(d->shared));
    /* What the caller reads next may not be older than the exchanges: a thief does what the owner is to see, passes a fence, and
     * then asks, or sees that its request stands already.  pairs with: steal, scopei_request_all, scopei_workers_visit */
    fence_seq_cst();
}

void scopei_deque_request(struct deque *d)
{
    /* Relaxed, all: the caller has passed a fence after what the owner is to see.  The loads spare the owner's cache line
     * when the request stands already. */
    if (load_relaxed(&d->limit) != DEQUE_LIMIT_POISON)
        store_relaxed(&d->limit, DEQUE_LIMIT_POISON);
    if (load_relaxed(&d->floor) != DEQUE_FLOOR_POISON)
        store_relaxed(&d->floor, DEQUE_FLOOR_POISON);
}

uint64_t scopei_deque_stealable(const struct deque *d)
{
    uint64_t top = load_relaxed(&d->top); /* Relaxed, both: at a glance. */
    int64_t published = distance(load_relaxed(&d->pub), top);
    return published > 0 ? (uint64_t)published : 0;
}

enum theft_result scopei_deque_peek(const struct deque *d, struct theft *theft)
{
    theft->index = load_relaxed(&d->top); /* Relaxed: the fence orders it. */
    fence_seq_cst();                      /* pairs with: scopei_deque_take */
    uint64_t pub = load_acquire(&d->pub); /* pairs with: scopei_deque_publish */
    if (distance(pub, theft->index) <= 0)
        return THEFT_EMPTY;
    /* Relaxed, here and for the slot: written before the release of pub; newer garbage is found out by commit. */
    uint64_t at = theft->index - load_relaxed(&d->drift);
    if (at >= position(d, d->end))
        return THEFT_LOST;
    for (size_t i = 0; i < SLOT_WORDS; i++)
        theft->word[i] = load_relaxed(&d->slots[at].word[i]);
    return THEFT_WON;
}

bool scopei_deque_stands(const struct deque *d, const struct theft *theft)
{
    fence_seq_cst(); /* pairs with: take_last; after the copy has been made */
    return load_relaxed(&d->top) == theft->index;
}

bool scopei_deque_commit(struct deque *d, const struct theft *theft)
{
    /* Release: pairs with: scopei_deque_starved, by which scopei_deque_reset lets the slot be rewritten: not before we have read it. */
    return cas_release(&d->top, theft->index, theft->index + 1);
}

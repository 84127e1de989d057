/* Who is idle, asleep or about to be, and whom to wake. */
#ifndef SCHED_IDLE_H
#define SCHED_IDLE_H

#include "sched/pool.h"

/* True if a task that node counts, were it stealable, would find a taker who is idle now. */
bool scopei_idle_wants(struct scope_pool *pool, const struct lineage *node);

/* Who would take a task of w's, beside those that w has published already.  A hint. */
enum hunger { HUNGER_NONE, HUNGER_ASLEEP, HUNGER_AWAKE };
enum hunger scopei_idle_hunger(const struct worker *w);

/* Call after making a task of node stealable: wakes one taker if none is awake and searching. */
void scopei_idle_notify(struct scope_pool *pool, const struct lineage *node);

/* Wakes one taker for a task of node, not except; false: there is none asleep. */
bool scopei_idle_wake(struct scope_pool *pool, const struct lineage *node, const struct worker *except);

/* A guest enters: stands down a worker of the pool, the one on its core if possible.  And leaves. */
void scopei_idle_stand_in(struct worker *guest);
void scopei_idle_stand_out(struct worker *guest);

/* Wakes every parked worker, because the pool stops. */
void scopei_idle_wake_all(struct scope_pool *pool);

/* ----------------------------------------------------------------------------------------- For who falls asleep: search.c */

static inline bool worker_is_down(const struct worker *w)
{
    return load_relaxed(&w->stood_down) != 0; /* Relaxed: written under the lock that the caller holds, or a hint. */
}

/* w counts as searching from now on: said by itself when it begins, or under the lock when it has left the list or was chosen to be woken. */
void scopei_search_count(struct idle *idle, struct worker *w);

/* And no longer: said by itself, or under the lock by who stands it down, as its core may be that one's now, so that it does not run for
 * long, and nobody else would be woken meanwhile.  True: it has counted until now. */
bool scopei_search_uncount(struct idle *idle, struct worker *w);

/* Enters w in the list of the parked.  Under the same lock its own count goes, as from then on it may be given another one by who wakes
 * it. */
void scopei_park_announce(struct idle *idle, struct worker *w, const struct goal *goal);

/* Takes w off the list, if nobody who wakes it has done so already.  An idle worker counts as searching from the same moment
 * on, as whoever sees nobody idle leaves its tasks private.  Returns whether somebody has done so. */
bool scopei_park_withdraw(struct idle *idle, struct worker *w);

/* Under the lock: w's deputy may run tasks from now on, or no longer. */
void scopei_idle_hand(struct idle *idle, struct worker *w, bool over);

#endif

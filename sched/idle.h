/* Sleeping and waking. */
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

/* A pool's own worker, outside any task: returns true with a task, or false when the pool stops. */
bool scopei_idle_search(struct worker *w, struct task *task);

/* A worker that waits for *pending to reach 0: returns true with a task of goal, or false when pending is 0. */
bool scopei_idle_help(struct worker *w, const struct atomic_u64 *pending, const struct goal *goal, struct task *task);

/* A guest enters: stands down a worker of the pool, the one on its core if possible.  And leaves. */
void scopei_idle_stand_in(struct worker *guest);
void scopei_idle_stand_out(struct worker *guest);

/* Wakes every parked worker, because the pool stops. */
void scopei_idle_wake_all(struct scope_pool *pool);

#endif

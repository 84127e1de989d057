/* What an idle worker does. */
#ifndef SCHED_SEARCH_H
#define SCHED_SEARCH_H

#include "sched/pool.h"

/* A pool's own worker, outside any task: returns true with a task, or false when the pool stops. */
bool scopei_search(struct worker *w, struct task *task);

/* A worker that waits for *pending to reach 0: returns true with a task of goal, or false when pending is 0. */
bool scopei_help(struct worker *w, const struct atomic_u64 *pending, const struct goal *goal, struct task *task);

#endif

/* A worker's inbox: tasks that may not be pushed on its deque.  Any thread may call these on any worker. */
#ifndef SCHED_INBOX_H
#define SCHED_INBOX_H

#include "sched/worker.h"

void scopei_inbox_init(struct worker *w);

/* Puts a copy of the task where any worker that may run it finds it; the caller then calls scopei_idle_notify.  False: out
 * of memory. */
bool scopei_inbox_put(struct worker *w, const struct task *task);

/* The same with a parcel on the heap, which is given away. */
void scopei_inbox_append(struct worker *w, struct parcel *parcel);

/* Takes the oldest task that goal allows. */
bool scopei_inbox_take(struct worker *w, const struct goal *goal, struct task *task);

/* The node of that task; NULL: there is none. */
const struct lineage *scopei_inbox_glance(struct worker *w, const struct goal *goal);

#endif

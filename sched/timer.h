/* Calls at a time, from a thread that is started when it is first wanted. */
#ifndef SCHED_TIMER_H
#define SCHED_TIMER_H

#include <stdbool.h>
#include <stdint.h>

/* Memory of the caller's, all zero at first. */
struct timer {
    /* L, under the lock of all timers */
    struct timer *next, *prev; /* the list of those armed, the earliest first */
    uint64_t when_ns;          /* of scopei_now_ns */
    void (*fire)(struct timer *timer);
    bool armed;
};

/* Has fire(timer) called once, at when_ns or soon after, unless it is disarmed before.  fire must not call these functions.
 * False: the system refused the thread.  timer must not be armed. */
bool scopei_timer_arm(struct timer *timer, uint64_t when_ns, void (*fire)(struct timer *timer));

/* Afterwards fire is not called, and no call of it still runs. */
void scopei_timer_disarm(struct timer *timer);

/* Around a fork; in the child nothing is armed. */
void scopei_timer_fork_before(void);
void scopei_timer_fork_parent(void);
void scopei_timer_fork_child(void);

#endif

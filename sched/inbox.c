/* Tasks that were spawned into a scope other than the spawning worker's innermost one.  They are rare, so a list under a
 * lock will do; what must be cheap is finding out that it is empty. */
#include "sched/inbox.h"

#include <stdlib.h>

void scopei_inbox_init(struct worker *w)
{
    pthread_mutex_init(&w->inbox_lock, NULL);
    w->inbox = NULL;
    w->inbox_end = &w->inbox;
    store_relaxed(&w->inbox_count, 0); /* Relaxed: nobody else looks yet. */
}

void scopei_inbox_append(struct worker *w, struct parcel *parcel)
{
    parcel->next = NULL;
    pthread_mutex_lock(&w->inbox_lock);
    *w->inbox_end = parcel;
    w->inbox_end = &parcel->next;
    store_relaxed(&w->inbox_count, load_relaxed(&w->inbox_count) + 1); /* Relaxed: under the lock. */
    pthread_mutex_unlock(&w->inbox_lock);
}

bool scopei_inbox_put(struct worker *w, const struct task *task)
{
    struct parcel *parcel = malloc(sizeof(*parcel));
    if (!parcel)
        return false;
    parcel->task = *task;
    scopei_inbox_append(w, parcel);
    return true;
}

/* The link to the first parcel that goal allows; NULL: none.  Under the lock. */
static struct parcel **inbox_find(struct worker *w, const struct goal *goal)
{
    for (struct parcel **link = &w->inbox; *link; link = &(*link)->next)
        if (scopei_task_allowed(task_lineage((*link)->task.word), goal))
            return link;
    return NULL;
}

bool scopei_inbox_take(struct worker *w, const struct goal *goal, struct task *task)
{
    if (!load_relaxed(&w->inbox_count)) /* Relaxed: whoever sleeps has looked after a fence (idle.c). */
        return false;
    pthread_mutex_lock(&w->inbox_lock);
    struct parcel **link = inbox_find(w, goal);
    struct parcel *parcel = link ? *link : NULL;
    if (parcel) {
        *link = parcel->next;
        if (!*link)
            w->inbox_end = link;
        store_relaxed(&w->inbox_count, load_relaxed(&w->inbox_count) - 1); /* Relaxed: under the lock. */
    }
    pthread_mutex_unlock(&w->inbox_lock);
    if (!parcel)
        return false;
    *task = parcel->task;
    free(parcel);
    return true;
}

const struct lineage *scopei_inbox_glance(struct worker *w, const struct goal *goal)
{
    if (!load_relaxed(&w->inbox_count)) /* Relaxed: as in scopei_inbox_take. */
        return NULL;
    pthread_mutex_lock(&w->inbox_lock);
    struct parcel **link = inbox_find(w, goal);
    const struct lineage *node = link ? task_lineage((*link)->task.word) : NULL;
    pthread_mutex_unlock(&w->inbox_lock);
    return node;
}

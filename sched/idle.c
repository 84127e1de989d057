/* Sleeping and waking: the list of parked workers, and whom to wake.  What they do before they park is in search.c.
 *
 * An idle worker first searches: it looks at every other worker, and asks them to publish, for about the time that a
 * wake-up would cost.  Then it parks.  A worker that waits for a scope does the same with the tasks of that scope (it
 * "helps").  While anybody is idle, some owner's deque is kept poisoned, so that its next push or pop comes to attend, which
 * publishes and calls notify.  Owners pay nothing else.
 *
 * Counters: searching, sleeping (parked, would run anything), helping, waiting (parked, would run tasks of one scope).  A
 * worker that is stood down, or a deputy, is parked but in none of them.
 *
 * No wake-up is lost.  Publishing a task and going to sleep are mirrored:
 *
 *      publisher (attend, inbox)              sleeper (idle_sleep, help_sleep)
 *      1  make the task stealable             1  enter the list, ++sleeping or ++waiting
 *      2  fence                               2  --searching or --helping; fence (scopei_request_all)
 *      3  somebody searching? then done       3  poison every other deque
 *      4  somebody parked? wake one           4  anything stealable? then leave the list
 *                                             5  park
 *
 * If the publisher's fence comes first, the sleeper's step 4 sees the task.  Otherwise the publisher's steps 3 and 4 see the
 * sleeper's count.  If step 3 sees a searcher, that searcher has not passed its step 2 (its count may be taken off by who stands it
 * down, under the lock that it takes at step 1, or in search_end), so its step 4 (or its search) sees the task.  A task that is
 * private when everybody parks is found at its owner's next push or pop, by step 3's poison.
 *
 * The poison stays until it has done its work.  attend clears it and then looks at the counters; it puts the poison back
 * if somebody sleeps and nobody was woken.  It leaves it off if somebody searches: a searcher poisons again every few
 * microseconds, again before it parks, and again when it leaves with a task and was the last searcher while others sleep
 * (won).  So when the last searcher is gone every deque has either been poisoned since, or has woken somebody.
 *
 * The counters pass nothing on, so every access to them is relaxed: the fences order them.  An owner that attends reads them after
 * the fence of its clear.  If that comes before the fence of somebody who goes idle, or who leaves, it may miss whom it is about to
 * hear of: the poison that follows such a fence finds the request cleared, and puts it back.
 *
 * A task that is only offered (scopei_offer) is stealable, but the poison stays, and nobody is told: it is for those who are
 * awake.  Its owner takes it back, or has somebody woken when it turns out to be worth it.  A worker that is about to sleep
 * sees it at step 4.
 *
 * A publisher wakes one: a woken worker counts as searching from the moment it is chosen, so publishers leave the others
 * alone until it has found something; then, if there is more to be had than others who search will find, it wakes the next two, and
 * so on, so that many are soon awake (bench/simulate).
 *
 * Deputies.  A worker that waits for a scope and sleeps hands its core over to its deputy, which would run anything: for a
 * guest that is the worker which was stood down for it, for one of the pool's own a spare, a thread that is started when it
 * is first wanted.  When the waiter wakes, its deputy is stood down again, which takes effect when it has ended its run.  A
 * deputy that sleeps is chosen late, so that it does not compete with its waiter while another core is idle.  It is not
 * counted: its waiter is, as waiting.
 *
 * Who stands a worker down while it searches takes it off the count: it may not run for milliseconds, as its core is the guest's, or the
 * waiter's, that has just woken; and while it counts publishers wake nobody else.  What they have left to it before it sees to when
 * it runs. */
#include "sched/idle.h"

/* ------------------------------------------------------------------------------- The list of parked workers, under lock */

static struct atomic_u64 *parked_counter(struct idle *idle, const struct worker *w)
{
    if (w->goal)
        return &idle->waiting;
    return worker_is_down(w) || w->principals ? NULL : &idle->sleeping;
}

/* Relaxed, in count and uncount: the lock orders writers; readers look only after a fence of their own. */
static void count(struct atomic_u64 *counter)
{
    if (counter)
        store_relaxed(counter, load_relaxed(counter) + 1);
}

static void uncount(struct atomic_u64 *counter)
{
    if (counter)
        store_relaxed(counter, load_relaxed(counter) - 1);
}

/* Moves a parked w from the counter that it was in; never out of the same one, as others read it without the lock. */
static void recount(struct idle *idle, struct worker *w, struct atomic_u64 *before)
{
    struct atomic_u64 *now = parked_counter(idle, w);
    if (w->parked && now != before) {
        count(now);
        uncount(before);
    }
}

void scopei_search_count(struct idle *idle, struct worker *w)
{
    /* Relaxed, both: if who stands w down subtracts before it has added, searching is far too much for a moment, and so it is taken: w is
     * about to search. */
    (void)add_relaxed(&idle->searching, 1);
    store_relaxed(&w->counted, 1);
}

bool scopei_search_uncount(struct idle *idle, struct worker *w)
{
    bool counted = load_relaxed(&w->counted) && exchange_relaxed(&w->counted, 0); /* Relaxed: as above. */
    if (counted)
        (void)sub_relaxed(&idle->searching, 1); /* Relaxed: a fence, or the lock, orders it for who looks next. */
    return counted;
}

/* Adds change to the reasons for w to be down; while it is, its deputy may not run either. */
static void stand(struct idle *idle, struct worker *w, int change)
{
    bool before = worker_is_down(w);
    struct atomic_u64 *counter = parked_counter(idle, w);
    store_relaxed(&w->stood_down, load_relaxed(&w->stood_down) + (uint64_t)(int64_t)change); /* Relaxed: as above. */
    recount(idle, w, counter);
    if (worker_is_down(w))
        (void)scopei_search_uncount(idle, w);
    if (w->handed_over && before != worker_is_down(w))
        stand(idle, w->deputy, change);
}

void scopei_idle_hand(struct idle *idle, struct worker *w, bool over)
{
    if (w->handed_over == over)
        return;
    w->handed_over = over;
    if (!worker_is_down(w))
        stand(idle, w->deputy, over ? -1 : 1);
}

static void list_add(struct idle *idle, struct worker *w, const struct goal *goal)
{
    w->goal = goal;
    w->parked = true;
    w->park_prev = NULL;
    w->park_next = idle->parked;
    if (idle->parked)
        idle->parked->park_prev = w;
    idle->parked = w;
    count(parked_counter(idle, w));
}

static void list_remove(struct idle *idle, struct worker *w)
{
    uncount(parked_counter(idle, w));
    if (w->park_prev)
        w->park_prev->park_next = w->park_next;
    else
        idle->parked = w->park_next;
    if (w->park_next)
        w->park_next->park_prev = w->park_prev;
    if (w->goal)
        scopei_idle_hand(idle, w->home, false);
    w->parked = false;
    w->goal = NULL;
}

void scopei_park_announce(struct idle *idle, struct worker *w, const struct goal *goal)
{
    pthread_mutex_lock(&idle->lock);
    list_add(idle, w, goal);
    (void)scopei_search_uncount(idle, w); /* ordered by the fence in scopei_request_all */
    pthread_mutex_unlock(&idle->lock);
}

bool scopei_park_withdraw(struct idle *idle, struct worker *w)
{
    pthread_mutex_lock(&idle->lock);
    bool chosen = !w->parked;
    if (!chosen) {
        if (!w->goal && !worker_is_down(w))
            scopei_search_count(idle, w);
        list_remove(idle, w);
    }
    pthread_mutex_unlock(&idle->lock);
    return chosen;
}

/* -------------------------------------------------------------------------------------------------------- Waking up */

/* Whom to wake for a task, best first. */
enum choice {
    CHOICE_SLEEPER,
    CHOICE_WAITER, /* may run the task; its own work goes on when its scope ends */
    CHOICE_DEPUTY,
    CHOICE_RIVAL,   /* a waiter, too, but its deputy runs a task on its core */
    CHOICE_STARTER, /* waits for another scope, and can start a spare that runs the task */
    CHOICE_NONE
};

static enum choice choice_of(const struct worker *w, const struct lineage *node)
{
    if (w->goal) {
        const struct worker *home = w->home;
        if (node && scopei_task_allowed(node, w->goal))
            return home->handed_over && !home->deputy->parked ? CHOICE_RIVAL : CHOICE_WAITER;
        return home->spare_allowed && !worker_is_down(home) ? CHOICE_STARTER : CHOICE_NONE;
    }
    return worker_is_down(w) ? CHOICE_NONE : w->principals ? CHOICE_DEPUTY : CHOICE_SLEEPER;
}

/* The parked worker to wake for a task of node, not except; among equals the most recently parked.  NULL: none. */
static struct worker *choose(struct idle *idle, const struct lineage *node, const struct worker *except,
                             enum choice *choice)
{
    struct worker *chosen = NULL;
    *choice = CHOICE_NONE;
    for (struct worker *w = idle->parked; w && *choice != CHOICE_SLEEPER; w = w->park_next) {
        enum choice its = w == except ? CHOICE_NONE : choice_of(w, node);
        if (its < *choice) {
            *choice = its;
            chosen = w;
        }
    }
    return chosen;
}

bool scopei_idle_wants(struct scope_pool *pool, const struct lineage *node)
{
    struct idle *idle = &pool->idle;
    /* Relaxed, all four: after the fence of scopei_deque_clear; whoever is missed asks anew. */
    if (load_relaxed(&idle->searching) || load_relaxed(&idle->helping) || load_relaxed(&idle->sleeping))
        return true;
    if (!load_relaxed(&idle->waiting))
        return false;
    pthread_mutex_lock(&idle->lock);
    enum choice choice;
    bool wanted = choose(idle, node, NULL, &choice) != NULL;
    pthread_mutex_unlock(&idle->lock);
    return wanted;
}

enum hunger scopei_idle_hunger(const struct worker *w)
{
    const struct idle *idle = &w->pool->idle;
    /* Relaxed, all of these: hints. */
    uint64_t published = scopei_deque_stealable(&w->deque);
    uint64_t awake = load_relaxed(&idle->searching) + load_relaxed(&idle->helping);
    if (published < awake)
        return HUNGER_AWAKE;
    return published < awake + load_relaxed(&idle->sleeping) + load_relaxed(&idle->waiting) ? HUNGER_ASLEEP
                                                                                            : HUNGER_NONE;
}

bool scopei_idle_wake(struct scope_pool *pool, const struct lineage *node, const struct worker *except)
{
    struct idle *idle = &pool->idle;
    if (!(load_relaxed(&idle->sleeping) + load_relaxed(&idle->waiting))) /* Relaxed: ordered by the caller's fence. */
        return false;
    pthread_mutex_lock(&idle->lock);
    enum choice choice;
    struct worker *w = choose(idle, node, except, &choice);
    if (w) {
        if (!w->goal)
            scopei_search_count(idle, w);
        if (choice == CHOICE_STARTER)
            w->home->spare_wanted = true;
        list_remove(idle, w);
    }
    pthread_mutex_unlock(&idle->lock);
    if (w)
        (void)scopei_unpark(&w->parker);
    return w != NULL;
}

void scopei_idle_notify(struct scope_pool *pool, const struct lineage *node)
{
    fence_seq_cst(); /* pairs with: scopei_request_all, in idle_sleep and help_sleep; without it both could miss each other */
    if (!load_relaxed(&pool->idle.searching)) /* Relaxed: ordered by the fence. */
        (void)scopei_idle_wake(pool, node, NULL);
}

void scopei_idle_wake_all(struct scope_pool *pool)
{
    pthread_mutex_lock(&pool->idle.lock);
    for (struct worker *w = pool->idle.parked; w; w = w->park_next)
        (void)scopei_unpark(&w->parker);
    pthread_mutex_unlock(&pool->idle.lock);
}

/* ---------------------------------------------------------------------------------------------------------- Guests */

/* A worker that nobody stands in for yet: the one at home on the guest's core, else any; if it waits, its deputy is down with
 * it.  NULL: there is a guest for each. */
static struct worker *choose_replaced(struct scope_pool *pool)
{
    unsigned near = scopei_topology_worker_at(pool->topology, scopei_cpu());
    for (unsigned i = 0; i < pool->workers; i++) {
        struct worker *w = pool->slot[(near + i) % pool->workers];
        if (!w->principals)
            return w;
    }
    return NULL;
}

/* w, which is stood down for a guest, becomes its deputy, or no longer is. */
static void depute(struct idle *idle, struct worker *w, int change)
{
    struct atomic_u64 *counter = parked_counter(idle, w);
    w->principals += (unsigned)change;
    recount(idle, w, counter);
    stand(idle, w, change);
}

void scopei_idle_stand_in(struct worker *guest)
{
    struct scope_pool *pool = guest->pool;
    guest->deputy = NULL;
    if (pool->workers <= 1)
        return;
    pthread_mutex_lock(&pool->idle.lock);
    guest->deputy = choose_replaced(pool);
    if (guest->deputy)
        depute(&pool->idle, guest->deputy, 1);
    pthread_mutex_unlock(&pool->idle.lock);
}

void scopei_idle_stand_out(struct worker *guest)
{
    struct scope_pool *pool = guest->pool;
    if (!guest->deputy)
        return;
    pthread_mutex_lock(&pool->idle.lock);
    depute(&pool->idle, guest->deputy, -1);
    guest->deputy = NULL;
    pthread_mutex_unlock(&pool->idle.lock);
    /* It parked without asking anybody or looking; other guests may have work for it.  Relaxed: later ones see that it
     * sleeps. */
    if (load_relaxed(&pool->guests) > 1) {
        scopei_request_all(guest);
        scopei_pass_on(guest, 1);
    }
}

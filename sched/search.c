/* What an idle worker does: search for any task, or for one of the scope that it waits for, and sleep.  Why that loses no wake-up is
 * told in idle.c. */
#include "sched/search.h"
#include "sched/idle.h"
#include "sched/seed.h"

/* How often a searcher looks at the clock and repeats its requests, in rounds over all workers. */
#define ROUNDS_PER_REQUEST 32

/* --------------------------------------------------------------------------------------------- Searching, for anything */

/* True, too, if w was stood down for a moment and no longer is: it counts again when it has been on the list of the parked. */
static bool search_over(const struct worker *w)
{
    /* Relaxed, all: idle_sleep looks again, after a fence. */
    return load_relaxed(&w->pool->stopping) || worker_is_down(w) || !load_relaxed(&w->counted);
}

static bool search_try(struct worker *w, struct task *task)
{
    return !search_over(w) && w->pool->hooks->ready(w) && scopei_find(w, NULL, task);
}

/* How long w searches, or looks for something to help with, before it sleeps.  With a seed: not at all, or up to twice as
 * long. */
static uint64_t patience_ns(struct worker *w)
{
    if (seeded(w))
        return seed_chance(w, 2) ? 0 : scopei_seed_draw(w, 2ul * SPIN_NS);
    return w->pool->spin_ns;
}

static bool search_spin(struct worker *w, struct task *task)
{
    struct scope_pool *pool = w->pool;
    if (search_try(w, task))
        return true;
    if (search_over(w))
        return false;
    scopei_request_all(w);
    /* Relaxed: how many search at once is a matter of taste. */
    uint64_t patience = load_relaxed(&pool->idle.searching) > pool->spinners ? 0 : patience_ns(w);
    if (patience == 0)
        return search_try(w, task);
    uint64_t end = scopei_now_ns() + patience;
    for (unsigned round = 1; !search_try(w, task); round++) {
        if (search_over(w))
            return false;
        if (round % ROUNDS_PER_REQUEST == 0) {
            if (scopei_now_ns() > end)
                return false;
            scopei_request_all(w);
        }
        os_pause();
    }
    return true;
}

/* A worker has stopped searching or helping, since it has found a task.  woken: somebody chose it to be woken.  Such a one wakes more, so that
 * many are soon awake, but not if many are on their way: if each task is short they come too late. */
static void won(struct worker *w, bool woken)
{
    struct idle *idle = &w->pool->idle;
    /* pairs with: scopei_request_all, scopei_idle_notify; who sleeps by now, and what was published for us to find, is seen below */
    fence_seq_cst();
    if (!(load_relaxed(&idle->sleeping) + load_relaxed(&idle->waiting))) /* Relaxed: ordered by the fence. */
        return;
    uint64_t searching = load_relaxed(&idle->searching); /* Relaxed: as above.  Others poison and wake by themselves. */
    if (searching == 0)
        scopei_request_all(w);
    if (searching < 2 || (woken && searching < w->pool->spinners))
        scopei_pass_on(w, 2);
}

/* With a seed it may wake without a cause, as any sleeper may. */
static void park(struct worker *w)
{
    seed_rest(w);
    if (!seed_chance(w, 8))
        scopei_park(&w->parker);
}

/* Parks a worker.  Returns whether somebody chose it to be woken. */
static bool idle_sleep(struct worker *w)
{
    struct scope_pool *pool = w->pool;
    scopei_park_announce(&pool->idle, w, NULL);
    seed_rest(w);
    scopei_request_all(w);
    /* After the fence: who has relied on us may have stood us down before it.  Whoever does so later counts for us. */
    bool down = worker_is_down(w);
    bool work = scopei_findable(w, NULL);
    if (work && down)
        scopei_pass_on(w, 1); /* a wake-up may have been meant for us, even if we gave up our count when we withdrew */
    /* Relaxed: threads_stop sets it before it takes the lock to wake who is on the list. */
    if (!(work && !down && pool->hooks->ready(w)) && !load_relaxed(&pool->stopping))
        park(w);
    return scopei_park_withdraw(&pool->idle, w);
}

/* w has found a task.  If somebody else has taken its count off he is done with that, too, when this returns: otherwise w would take
 * itself for another one, who looks for what was published meanwhile. */
static void search_end(struct idle *idle, struct worker *w)
{
    if (scopei_search_uncount(idle, w))
        return;
    pthread_mutex_lock(&idle->lock);
    pthread_mutex_unlock(&idle->lock);
}

bool scopei_search(struct worker *w, struct task *task)
{
    struct idle *idle = &w->pool->idle;
    bool woken = w->starting;
    w->starting = false;
    /* Relaxed: 0 stays, as only we set it now; 1 may be old, which search_end sees to.  Who is down already does not count: its core
     * may be another's, so that it may take long to get to idle_sleep, and nobody else would be woken meanwhile. */
    if (!load_relaxed(&w->counted) && !worker_is_down(w))
        scopei_search_count(idle, w);
    while (!load_relaxed(&w->pool->stopping)) { /* Relaxed: as in idle_sleep. */
        if (search_spin(w, task)) {
            seed_rest(w);
            search_end(idle, w); /* ordered by the fence in won */
            won(w, woken);
            return true;
        }
        woken = idle_sleep(w);
    }
    (void)scopei_search_uncount(idle, w); /* nobody counts on us any more */
    return false;
}

/* --------------------------------------------------------------------------------------------- Helping, one scope */

static bool help_try(struct worker *w, const struct goal *goal, struct task *task)
{
    return w->pool->hooks->ready(w) && scopei_find(w, goal, task);
}

static bool help_spin(struct worker *w, const struct atomic_u64 *pending, const struct goal *goal, struct task *task)
{
    uint64_t end = 0;
    for (unsigned round = 0; load_relaxed(pending); round++) { /* Relaxed: scopei_help looks again. */
        if (help_try(w, goal, task))
            return true;
        if (round % ROUNDS_PER_REQUEST == 0) {
            scopei_request_all(w);
            uint64_t now = scopei_now_ns();
            if (end == 0)
                end = now + patience_ns(w);
            else if (now >= end)
                break;
        }
        os_pause();
    }
    return false;
}

/* Starts a spare for w, which waits, at the first time that there is something for it to do. */
static void spare_start(struct worker *w)
{
    struct idle *idle = &w->pool->idle;
    struct worker *home = w->home;
    pthread_mutex_lock(&idle->lock);
    bool allowed = home->spare_allowed && !worker_is_down(home), wanted = home->spare_wanted;
    pthread_mutex_unlock(&idle->lock);
    if (!allowed || !(wanted || scopei_findable(w, NULL) || seed_chance(w, 4)))
        return;
    struct worker *spare = scopei_spare_start(home);
    pthread_mutex_lock(&idle->lock);
    home->spare_allowed = false; /* should it have failed, we go without */
    home->deputy = spare;
    pthread_mutex_unlock(&idle->lock);
}

/* w, which waits and is about to park, lets its deputy run. */
static void hand_over(struct worker *w)
{
    struct idle *idle = &w->pool->idle;
    struct worker *home = w->home;
    spare_start(w);
    pthread_mutex_lock(&idle->lock);
    bool handed = home->deputy && w->parked;
    bool owed = home->spare_wanted && w->parked; /* woken to start one */
    if (handed)
        scopei_idle_hand(idle, home, true);
    if (owed)
        home->spare_wanted = false;
    pthread_mutex_unlock(&idle->lock);
    if (handed ||
        owed) { /* the deputy parked without asking anybody or looking; or there is none, and others have to run it */
        scopei_request_all(w);
        scopei_pass_on(w, 1);
    }
}

/* w no longer waits.  If it was woken to start a spare and has not, the task is left to others. */
static void starter_leaves(struct worker *w)
{
    if (!w->home->spare_wanted) /* set only while it is parked, under the lock that it has taken since */
        return;
    w->home->spare_wanted = false;
    scopei_request_all(w);
    scopei_pass_on(w, 1);
}

/* Parks a worker that counts as helping, until there may be a task of goal, or pending is 0. */
static void help_sleep(struct worker *w, const struct atomic_u64 *pending, const struct goal *goal)
{
    struct scope_pool *pool = w->pool;
    scopei_park_announce(&pool->idle, w, goal);
    seed_rest(w);
    (void)sub_relaxed(&pool->idle.helping, 1); /* Relaxed: ordered by the fence in scopei_request_all. */
    scopei_request_all(w);
    /* Relaxed: who takes pending to 0 unparks us afterwards, so this is only to save a sleep. */
    if (load_relaxed(pending) != 0 && !(pool->hooks->ready(w) && scopei_findable(w, goal))) {
        hand_over(w);
        park(w);
    }
    (void)add_relaxed(&pool->idle.helping, 1); /* Relaxed: as all counters. */
    (void)scopei_park_withdraw(&pool->idle, w);
}

bool scopei_help(struct worker *w, const struct atomic_u64 *pending, const struct goal *goal, struct task *task)
{
    struct idle *idle = &w->pool->idle;
    bool counted = false;
    while (load_acquire(pending)) { /* pairs with: scopei_node_done, scopei_forked_done */
        if (!counted)
            (void)add_relaxed(&idle->helping, 1); /* Relaxed: as all counters. */
        counted = true;
        if (help_spin(w, pending, goal, task)) {
            seed_rest(w);
            (void)sub_relaxed(&idle->helping, 1); /* Relaxed: ordered by the fence in won. */
            won(w, false);
            return true;
        }
        if (load_relaxed(pending)) /* Relaxed: a hint, as in help_spin. */
            help_sleep(w, pending, goal);
    }
    if (counted)
        (void)sub_relaxed(&idle->helping, 1); /* Relaxed: as all counters. */
    starter_leaves(w);
    return false;
}

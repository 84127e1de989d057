/* Sleeping and waking.
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
#include "sched/seed.h"

/* How often a searcher looks at the clock and repeats its requests, in rounds over all workers. */
#define ROUNDS_PER_REQUEST 32

/* ------------------------------------------------------------------------------- The list of parked workers, under lock */

static bool is_down(const struct worker *w)
{
    return load_relaxed(&w->stood_down) != 0; /* Relaxed: written under the lock that we hold, or a hint. */
}

static struct atomic_u64 *parked_counter(struct idle *idle, const struct worker *w)
{
    if (w->goal)
        return &idle->waiting;
    return is_down(w) || w->principals ? NULL : &idle->sleeping;
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

/* w counts as searching from now on: said by itself when it begins, or under the lock when it has left the list or was chosen to be woken. */
static void search_count(struct idle *idle, struct worker *w)
{
    /* Relaxed, both: if who stands w down subtracts before it has added, searching is far too much for a moment, and so it is taken: w is
     * about to search. */
    (void)add_relaxed(&idle->searching, 1);
    store_relaxed(&w->counted, 1);
}

/* And no longer: said by itself, or under the lock by who stands it down, as its core may be that one's now, so that it does not run for
 * long, and nobody else would be woken meanwhile.  True: it has counted until now. */
static bool search_uncount(struct idle *idle, struct worker *w)
{
    bool counted = load_relaxed(&w->counted) && exchange_relaxed(&w->counted, 0); /* Relaxed: as above. */
    if (counted)
        (void)sub_relaxed(&idle->searching, 1); /* Relaxed: a fence, or the lock, orders it for who looks next. */
    return counted;
}

/* w has found a task.  If somebody else has taken its count off he is done with that, too, when this returns: otherwise w would take
 * itself for another one, who looks for what was published meanwhile. */
static void search_end(struct idle *idle, struct worker *w)
{
    if (search_uncount(idle, w))
        return;
    pthread_mutex_lock(&idle->lock);
    pthread_mutex_unlock(&idle->lock);
}

/* Adds change to the reasons for w to be down; while it is, its deputy may not run either. */
static void stand(struct idle *idle, struct worker *w, int change)
{
    bool before = is_down(w);
    struct atomic_u64 *counter = parked_counter(idle, w);
    store_relaxed(&w->stood_down, load_relaxed(&w->stood_down) + (uint64_t)(int64_t)change); /* Relaxed: as above. */
    recount(idle, w, counter);
    if (is_down(w))
        (void)search_uncount(idle, w);
    if (w->handed_over && before != is_down(w))
        stand(idle, w->deputy, change);
}

/* w's deputy may run tasks from now on, or no longer. */
static void hand(struct idle *idle, struct worker *w, bool over)
{
    if (w->handed_over == over)
        return;
    w->handed_over = over;
    if (!is_down(w))
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
        hand(idle, w->home, false);
    w->parked = false;
    w->goal = NULL;
}

/* Enters w in the list.  Under the same lock its own count goes, as from then on it may be given another one by who wakes it. */
static void park_announce(struct idle *idle, struct worker *w, const struct goal *goal)
{
    pthread_mutex_lock(&idle->lock);
    list_add(idle, w, goal);
    (void)search_uncount(idle, w); /* ordered by the fence in scopei_request_all */
    pthread_mutex_unlock(&idle->lock);
}

/* Takes w off the list, if nobody who wakes it has done so already.  An idle worker counts as searching from the same moment
 * on, as whoever sees nobody idle leaves its tasks private.  Returns whether somebody has done so. */
static bool park_withdraw(struct idle *idle, struct worker *w)
{
    pthread_mutex_lock(&idle->lock);
    bool chosen = !w->parked;
    if (!chosen) {
        if (!w->goal && !is_down(w))
            search_count(idle, w);
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
        return home->spare_allowed && !is_down(home) ? CHOICE_STARTER : CHOICE_NONE;
    }
    return is_down(w) ? CHOICE_NONE : w->principals ? CHOICE_DEPUTY : CHOICE_SLEEPER;
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
            search_count(idle, w);
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

/* --------------------------------------------------------------------------------------------- Searching, for anything */

/* True, too, if w was stood down for a moment and no longer is: it counts again when it has been on the list of the parked. */
static bool search_over(const struct worker *w)
{
    /* Relaxed, all: idle_sleep looks again, after a fence. */
    return load_relaxed(&w->pool->stopping) || is_down(w) || !load_relaxed(&w->counted);
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
    park_announce(&pool->idle, w, NULL);
    seed_rest(w);
    scopei_request_all(w);
    /* After the fence: who has relied on us may have stood us down before it.  Whoever does so later counts for us. */
    bool down = is_down(w);
    bool work = scopei_findable(w, NULL);
    if (work && down)
        scopei_pass_on(w, 1); /* a wake-up may have been meant for us, even if we gave up our count when we withdrew */
    /* Relaxed: threads_stop sets it before it takes the lock to wake who is on the list. */
    if (!(work && !down && pool->hooks->ready(w)) && !load_relaxed(&pool->stopping))
        park(w);
    return park_withdraw(&pool->idle, w);
}

bool scopei_idle_search(struct worker *w, struct task *task)
{
    struct idle *idle = &w->pool->idle;
    bool woken = w->starting;
    w->starting = false;
    /* Relaxed: 0 stays, as only we set it now; 1 may be old, which search_end sees to.  Who is down already does not count: its core
     * may be another's, so that it may take long to get to idle_sleep, and nobody else would be woken meanwhile. */
    if (!load_relaxed(&w->counted) && !is_down(w))
        search_count(idle, w);
    while (!load_relaxed(&w->pool->stopping)) { /* Relaxed: as in idle_sleep. */
        if (search_spin(w, task)) {
            seed_rest(w);
            search_end(idle, w); /* ordered by the fence in won */
            won(w, woken);
            return true;
        }
        woken = idle_sleep(w);
    }
    (void)search_uncount(idle, w); /* nobody counts on us any more */
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
    for (unsigned round = 0; load_relaxed(pending); round++) { /* Relaxed: scopei_idle_help looks again. */
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
    bool allowed = home->spare_allowed && !is_down(home), wanted = home->spare_wanted;
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
        hand(idle, home, true);
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
    park_announce(&pool->idle, w, goal);
    seed_rest(w);
    (void)sub_relaxed(&pool->idle.helping, 1); /* Relaxed: ordered by the fence in scopei_request_all. */
    scopei_request_all(w);
    /* Relaxed: who takes pending to 0 unparks us afterwards, so this is only to save a sleep. */
    if (load_relaxed(pending) != 0 && !(pool->hooks->ready(w) && scopei_findable(w, goal))) {
        hand_over(w);
        park(w);
    }
    (void)add_relaxed(&pool->idle.helping, 1); /* Relaxed: as all counters. */
    (void)park_withdraw(&pool->idle, w);
}

bool scopei_idle_help(struct worker *w, const struct atomic_u64 *pending, const struct goal *goal, struct task *task)
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

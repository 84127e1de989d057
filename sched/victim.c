/* Finding work: whom to look at, in which order, and which tasks may be taken. */
#include "sched/idle.h"
#include "sched/inbox.h"
#include "sched/pool.h"
#include "sched/seed.h"

/* An ancestry longer than this is not followed to its end: the task is then left to others. */
#define LINEAGE_MAX 4096

/* How long an offered task (scopei_offer) is left to its owner: about what a steal and a join cost, twice. */
#define EARLY_NS 1000

static bool descends(const struct lineage *node, const struct lineage *from, uint64_t depth)
{
    /* Relaxed, all of these: before the steal is won they are a guess; winning it orders them (see struct lineage). */
    for (unsigned hop = 0; node && hop < LINEAGE_MAX; hop++) {
        const struct lineage *base = load_relaxed_ptr(&node->base);
        if (base == from)
            return load_relaxed(&node->depth) >= depth;
        node = base ? load_relaxed_ptr(&base->up) : NULL;
    }
    return false;
}

bool scopei_task_allowed(const struct lineage *node, const struct goal *goal)
{
    if (!goal)
        return true;
    if (!goal->forked)
        return descends(node, goal->base, goal->depth);
    /* The thief's node may serve another run once the forked task has ended; the task that we look at was then published after
     * that, so we see the end.  Relaxed, both: nothing is read by way of the one, and who sees the end by the other looks again. */
    const struct lineage *thief = (const struct lineage *)(uintptr_t)load_relaxed(&goal->forked->word[TASK_THIEF]);
    return thief && descends(node, thief, 0) && load_relaxed(&goal->forked->word[TASK_META]) != 0;
}

/* True if it is not worth stealing yet: its owner, which cannot look at the clock for each small loop, may well have done with
 * it in a moment.  So it is stolen if it is still there some time after a thief has seen it first. */
static bool task_early(struct worker *victim, const struct theft *theft)
{
    struct early *early = &victim->early;
    if (!task_offered(theft->word))
        return false;
    uint64_t now = scopei_now_ns();
    /* Relaxed, all: a guess; who is wrong waits once more, or not at all. */
    if (load_relaxed(&early->index) != theft->index || !load_relaxed(&early->since_ns)) {
        store_relaxed(&early->since_ns, now);
        store_relaxed(&early->index, theft->index);
    }
    return (int64_t)(now - load_relaxed(&early->since_ns)) < EARLY_NS;
}

static bool steal(struct worker *w, struct worker *victim, const struct goal *goal, struct task *task)
{
    struct theft theft;
    for (;;) {
        enum theft_result result = scopei_deque_peek(&victim->deque, &theft);
        if (result == THEFT_EMPTY)
            return false;
        if (result == THEFT_LOST)
            continue; /* somebody else has just taken it: progress */
        /* Who has a goal follows the lineage: never that of garbage, which may lie in memory that we know nothing of. */
        if (goal && !scopei_deque_stands(&victim->deque, &theft))
            continue;
        /* If the commit wins, the check saw the truth: the task and its ancestors were alive from the peek on. */
        if (!scopei_task_allowed(task_lineage(theft.word), goal) || (task_early(victim, &theft) && !seed_chance(w, 2)))
            return false;
        seed_rest(w);
        if (scopei_deque_commit(&victim->deque, &theft))
            break;
    }
    /* Either we see that our theft, or its owner, has left nothing, or its owner sees the theft when it looks after its own fence.
     * pairs with: scopei_deque_clear, scopei_deque_take, scopei_deque_withdraw */
    fence_seq_cst();
    if (!scopei_deque_stealable(&victim->deque))
        scopei_deque_request(&victim->deque); /* its next push or pop publishes another */
    for (size_t i = 0; i < SLOT_WORDS; i++)
        task->word[i] = theft.word[i];
    return true;
}

static bool rob(struct worker *w, struct worker *victim, const struct goal *goal, struct task *task)
{
    if (!steal(w, victim, goal, task) && !scopei_inbox_take(victim, goal, task))
        return false;
    w->victim = victim;
    return true;
}

/* The i-th worker to look at: guests first, for that is where work comes from, then by distance. */
static struct worker *victim_at(const struct worker *w, uint64_t i, uint64_t slots)
{
    const struct scope_pool *pool = w->pool;
    uint64_t guests = slots - pool->workers;
    if (i < guests)
        return pool->slot[pool->workers + i];
    i -= guests;
    return pool->slot[w->order[i]];
}

/* With a seed: beginning with anybody; or not looking at all, as if somebody else had been quicker. */
static bool find_at_random(struct worker *w, const struct goal *goal, struct task *task, uint64_t slots)
{
    if (seed_chance(w, 8))
        return false;
    uint64_t first = scopei_seed_draw(w, slots);
    for (uint64_t i = 0; i < slots; i++) {
        struct worker *victim = victim_at(w, (first + i) % slots, slots);
        if (victim != w && rob(w, victim, goal, task))
            return true;
    }
    return false;
}

bool scopei_find(struct worker *w, const struct goal *goal, struct task *task)
{
    if (scopei_inbox_take(w, goal, task))
        return true;
    uint64_t slots = load_acquire(&w->pool->slots); /* pairs with: slot_add */
    if (seeded(w))
        return find_at_random(w, goal, task, slots);
    bool tiny = w->victim && w->rest_ns > 0; /* its tasks are: what others have comes first */
    if (w->victim && !tiny && rob(w, w->victim, goal, task))
        return true;
    for (uint64_t i = 0; i < slots; i++) {
        struct worker *victim = victim_at(w, i, slots);
        if (victim != w && victim != w->victim && rob(w, victim, goal, task))
            return true;
    }
    return tiny && rob(w, w->victim, goal, task);
}

/* The node of the task that goal allows and that is at the top of victim's deque; NULL: none.  offered: or one of which nobody was
 * to be told. */
static const struct lineage *deque_glance(const struct worker *victim, const struct goal *goal, bool offered)
{
    struct theft theft;
    enum theft_result result;
    do
        result = scopei_deque_peek(&victim->deque, &theft);
    while (result == THEFT_LOST || (result == THEFT_WON && !scopei_deque_stands(&victim->deque, &theft)));
    if (result == THEFT_EMPTY || !scopei_task_allowed(task_lineage(theft.word), goal) ||
        (!offered && task_offered(theft.word) && scopei_deque_stealable(&victim->deque) < 2))
        return NULL;
    return task_lineage(theft.word);
}

bool scopei_findable(struct worker *w, const struct goal *goal)
{
    uint64_t slots = load_acquire(&w->pool->slots); /* pairs with: slot_add */
    for (uint64_t i = 0; i < slots; i++) {
        struct worker *victim = w->pool->slot[i];
        if (scopei_inbox_glance(victim, goal) || (victim != w && deque_glance(victim, goal, true)))
            return true;
    }
    return false;
}

/* Tasks for which takers are woken. */
struct offer {
    const struct worker *by;
    uint64_t searching; /* takers that are awake, and will find as many */
    unsigned most;      /* how many more to wake */
};

static void offer_tasks(struct offer *offer, const struct lineage *node, uint64_t tasks)
{
    for (; node && tasks > 0 && offer->most > 0; tasks--)
        if (offer->searching > 0)
            offer->searching--;
        else if (scopei_idle_wake(offer->by->pool, node, offer->by))
            offer->most--;
        else
            return;
}

void scopei_pass_on(struct worker *w, unsigned most)
{
    /* Relaxed: ordered by the caller's fence.  What was published before its publisher saw nobody to wake is seen here. */
    struct offer offer = {.by = w, .searching = load_relaxed(&w->pool->idle.searching), .most = most};
    uint64_t slots = load_acquire(&w->pool->slots); /* pairs with: slot_add */
    for (uint64_t i = 0; i < slots && offer.most > 0; i++) {
        struct worker *victim = w->pool->slot[i];
        offer_tasks(&offer, scopei_inbox_glance(victim, NULL), 1);
        offer_tasks(&offer, deque_glance(victim, NULL, false), scopei_deque_stealable(&victim->deque));
    }
}

void scopei_request_all(struct worker *w)
{
    /* Who answers sees how the caller counts now; or else the caller sees that its request is cleared.  And who has made a task
     * stealable sees it, or else the caller, about to sleep, sees the task.  pairs with: scopei_deque_clear, scopei_idle_notify */
    fence_seq_cst();
    uint64_t slots = load_acquire(&w->pool->slots); /* pairs with: slot_add */
    for (uint64_t i = 0; i < slots; i++)
        if (w->pool->slot[i] != w)
            scopei_deque_request(&w->pool->slot[i]->deque);
}

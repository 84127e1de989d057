/* A worker's slow paths, its waiting, and the loop of the pool's own threads. */
#include "sched/worker.h"
#include "sched/idle.h"
#include "sched/search.h"
#include "sched/seed.h"

/* A deep task that nobody would take is published at most once in this time, or idle workers would drag every spawn of a
 * fine-grained program into the slow path: 2 us is twenty times what a publication costs. */
#define GRANT_NS 2000

/* The oldest task is published in any case, whether somebody is idle or not (a starved deque's next push comes to attend):
 * its owner may be about to compute for long, and not look at requests meanwhile.
 *
 * But this many publications are granted at once, or so many for each of the pool's workers if that is more, so that some coarse
 * tasks, spawned in a row before a long computation, are all stealable. */
#define GRANT_BURST 64
#define GRANT_EACH 4ul

/* Pushes between two looks at who is idle, at most. */
#define LOOK_PUSHES 64

/* Whoever has taken the last published task may soon want more, also if that cannot be seen just then.  Of many private ones this part
 * is published for him: few thefts of a long row of small tasks then need the owner's help, and a recursion keeps its own. */
#define STARVED_SHARE 16

/* A stolen task that took less, with what is around it, was not worth it: each theft costs its owner 100 to 300 ns.  Of a row of
 * them each makes the thief rest twice as long as the one before, up to the most, so that the owner loses a twentieth of its
 * time; and look at all others before that owner (scopei_find).  (bench/spawn) */
#define TINY_NS 200
#define REST_LEAST_NS 50
#define REST_MOST_NS 4000

_Thread_local struct scopei_worker *scopei_self __attribute__((tls_model("initial-exec")));

static bool grant(struct worker *w)
{
    uint64_t now = scopei_now_ns();
    uint64_t earned = (now - w->credit_ns) / GRANT_NS;
    if (earned > 0) {
        uint64_t each = GRANT_EACH * w->pool->workers, most = each > GRANT_BURST ? each : GRANT_BURST;
        w->credit = w->credit + earned < most ? w->credit + earned : most;
        w->credit_ns = now;
    }
    if (w->credit == 0)
        return false;
    w->credit--;
    return true;
}

/* A forked task gets the words that thieves need. */
static void task_publish(struct worker *w, struct slot *slot)
{
    /* Relaxed, all of these: our own slot; published by the release of pub. */
    uint64_t function = load_relaxed(&slot->word[TASK_FUNCTION]);
    if (function & TASK_SPAWNED)
        return;
    if (function != TASK_FORK2)
        store_relaxed(&slot->word[TASK_LINEAGE], (uint64_t)(uintptr_t)w->node);
    store_relaxed(&slot->word[TASK_META], slot_address(slot) | TASK_FORKED);
    store_relaxed(&slot->word[TASK_THIEF], 0);
}

/* Makes the oldest count private tasks stealable.  Those of them that typed tasks forked are of the innermost node: others run
 * above them only while a function waits, which publishes them, or on a guest's deque (scope_run inside typed calls). */
static void publish(struct worker *w, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        task_publish(w, w->deque.shared + i);
    scopei_deque_publish(&w->deque, count);
    seed_rest(w);
    scopei_idle_notify(w->pool, (const struct lineage *)w->node);
}

void scopei_offer(struct worker *w, bool early)
{
    uint64_t count = deque_private(&w->deque);
    struct slot *newest = w->deque.bottom - 1;
    for (uint64_t i = 0; i < count; i++)
        task_publish(w, w->deque.shared + i);
    if (early)
        store_relaxed(&newest->word[TASK_META],
                      slot_address(newest) | TASK_FORKED | TASK_EARLY); /* Relaxed: as above. */
    scopei_deque_publish(&w->deque, count);
}

/* With a seed: publishes for nobody, too, and more at a time, and looks again at any time.  The hungry get no less than without
 * one: a test whose tasks meet on idle workers still works. */
static void attend_at_random(struct worker *w)
{
    struct deque *d = &w->deque;
    scopei_deque_clear(d, 1 + scopei_seed_draw(w, LOOK_PUSHES));
    uint64_t private = deque_private(d);
    bool wanted = scopei_idle_wants(w->pool, (const struct lineage *)w->node);
    bool starved = scopei_deque_starved(d);
    if (private && (wanted || starved || seed_chance(w, 2)))
        publish(w, private - scopei_seed_draw(w, wanted ? private / 2 + 1 : private));
    if (wanted || (starved && !private) || seed_chance(w, 2))
        scopei_deque_request(d);
}

void scopei_attend(struct worker *w)
{
    struct deque *d = &w->deque;
    struct scope_pool *pool = w->pool;
    const struct lineage *node = (const struct lineage *)w->node;
    if (seeded(w)) {
        attend_at_random(w);
        return;
    }
    scopei_deque_clear(d, LOOK_PUSHES);
    uint64_t private = deque_private(d);
    bool wanted = scopei_idle_wants(pool, node);
    bool starved = pool->workers && scopei_deque_starved(d);
    bool granted = private && wanted && grant(w);
    bool publishes = private && (starved || granted);
    if (publishes) /* and wakes somebody, even if nobody was idle just now */
        publish(w, wanted ? (private + 1) / 2 : 1 + private / STARVED_SHARE);
    /* Come again at the next push or pop: if there was nothing to publish and there should be; while there is credit, to
     * publish at once; and if nobody else will ask.  Relaxed: a searcher that leaves poisons us anew (idle.c). */
    if (publishes ? wanted && w->credit > 0
                  : starved || (wanted && !load_relaxed(&pool->idle.searching) && !load_relaxed(&pool->idle.helping)))
        scopei_deque_request(d);
}

struct slot *scopei_push_slow(struct worker *w, struct slot *mark)
{
    struct deque *d = &w->deque;
    if (deque_full(d) && !(mark && scopei_deque_reset(d, mark))) {
        if (deque_requested(d))
            scopei_attend(w);
        return NULL;
    }
    return deque_full(d) ? NULL : deque_push_anyway(d);
}

struct slot *scopei_pop_slow(struct worker *w)
{
    struct deque *d = &w->deque;
    bool odd = seed_chance(w, 2);
    struct slot *slot = deque_private(d) || (!odd && scopei_deque_withdraw(d)) ? deque_pop_anyway(d) : NULL;
    if (deque_requested(d))
        scopei_attend(w); /* publishes of what is below the slot; the slot itself stays as it is */
    if (!slot) {
        slot = scopei_deque_take(d);
        /* A withdrawal that was given up hid for a moment what is still published: who looked then has to be told. */
        if (slot && scopei_deque_stealable(d))
            scopei_idle_notify(w->pool, (const struct lineage *)w->node);
    }
    if (!slot || odd || scopei_deque_starved(d))
        scopei_attend_next(w);
    return slot;
}

void scopei_attend_next(struct worker *w)
{
    if (w->pool->workers || seeded(w))
        scopei_deque_request(&w->deque);
}

void scopei_wait(struct worker *w, const struct atomic_u64 *pending, const struct goal *goal)
{
    struct deque *d = &w->deque;
    struct task task;
    if (deque_private(d)) /* of enclosing scopes: not ours to run now, so let others have them */
        publish(w, deque_private(d));
    else if (!scopei_deque_starved(d)) /* perhaps nobody was told of it: scopei_offer */
        scopei_idle_notify(w->pool, (const struct lineage *)w->node);
    while (scopei_help(w, pending, goal, &task))
        w->pool->hooks->execute(w, &task);
}

/* Runs a task that was found.  If it was tiny, and more wait where w has stolen last, w rests: they are sooner run by their owner
 * than brought here. */
static void work_on(struct worker *w, const struct task *task)
{
    uint64_t begun = os_ticks();
    w->pool->hooks->execute(w, task);
    uint64_t ended = os_ticks();
    bool tiny = ticks_ns(w->pool, begun, ended) < TINY_NS && w->victim && scopei_deque_stealable(&w->victim->deque);
    w->rest_ns = !tiny                           ? 0
                 : !w->rest_ns                   ? REST_LEAST_NS
                 : w->rest_ns < REST_MOST_NS / 2 ? 2 * w->rest_ns
                                                 : REST_MOST_NS;
    /* A pause takes more than 1 ns: this ends, too, if the clock stands still or is set back. */
    for (unsigned i = 0; i < w->rest_ns && ticks_ns(w->pool, ended, os_ticks()) < w->rest_ns; i++)
        os_pause();
}

void scopei_work(struct worker *w)
{
    struct task task;
    while (scopei_search(w, &task))
        work_on(w, &task);
}

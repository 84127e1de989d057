/* As many coarse tasks as there are idle workers, made in a row before a long computation: every one finds a worker, though
 * only the first wake-up is made by whoever made them; each woken worker wakes the next.  Regressions: the last of a row
 * stayed private when the owner's credit for publications ended inside the row, however long ago the row before was; and
 * tasks in an inbox woke one worker only (compare rayon #992: a source of work that the sleeper's check forgets).
 *
 * The tasks of a round wait for each other, so one that nobody takes stops the round; after 20 s it is given up. */
#include "scope/scope.h"
#include "tests/check.h"

#include <sched.h>

#define PATIENCE_NS 20000000000u

struct meeting {
    atomic_uint missing, gone;
};

static int meet(struct scope *s, void *arg)
{
    (void)s;
    struct meeting *meeting = arg;
    atomic_fetch_sub(&meeting->missing, 1);
    while ((int)atomic_load(&meeting->missing) > 0)
        sched_yield();
    atomic_fetch_add(&meeting->gone, 1);
    return 0;
}

/* Everybody idle has gone to sleep and has left a request; and publications have been earned again (worker.c: 2 us each). */
static void await_sleepers(const struct scope_pool *pool, unsigned sleepers)
{
    uint64_t earned = scopei_now_ns() + 3000 * sleepers;
    while (load_acquire(&pool->idle.sleeping) != sleepers || !deque_requested(&worker_self()->deque) ||
           scopei_now_ns() < earned)
        sched_yield();
}

static bool await_everybody(struct meeting *meeting, unsigned others)
{
    uint64_t end = scopei_now_ns() + PATIENCE_NS;
    while (atomic_load(&meeting->missing) > 0 && scopei_now_ns() < end)
        sched_yield();
    bool met = CHECK_EQ_INT(atomic_load(&meeting->missing), 0);
    if (!met)
        atomic_store(&meeting->missing, 0);
    while (met && atomic_load(&meeting->gone) < others)
        sched_yield();
    return met;
}

/* Rounds of a body that spawns into the scope outer, its own or an enclosing one. */
static void meetings(struct scope *outer)
{
    const struct scope_pool *pool = worker_self()->pool;
    unsigned others = pool->workers - 1; /* one is stood down for us */
    bool met = true;
    for (unsigned i = 0; met && i < 1 + check_rounds(2000) / others; i++) {
        struct meeting meeting = {.missing = others};
        await_sleepers(pool, others);
        for (unsigned t = 0; t < others; t++)
            CHECK(scope_spawn(outer, meet, &meeting) == SCOPE_OK);
        met = await_everybody(&meeting, others);
        if (!met) {
            printf("# round %u\n", i);
            /* The tasks that are left run before the meeting is gone: now, in a wait. */
            while (atomic_load(&meeting.gone) < others) {
                struct task task;
                if (scopei_find(worker_self(), NULL, &task) && pool->hooks->ready(worker_self()))
                    pool->hooks->execute(worker_self(), &task);
                else if (deque_private(&worker_self()->deque))
                    scopei_deque_publish(&worker_self()->deque, deque_private(&worker_self()->deque));
                sched_yield();
            }
        }
    }
}

static int spawns_into_own(struct scope *s, void *arg)
{
    (void)arg;
    meetings(s);
    return 0;
}

static void row_of_spawns_wakes_every_sleeper(void)
{
    CHECK_EQ_INT(scope_run(spawns_into_own, NULL), SCOPE_OK);
}

static int spawns_into_outer(struct scope *s, void *arg)
{
    (void)s;
    meetings(arg);
    return 0;
}

static int opens_inner(struct scope *s, void *arg)
{
    (void)arg;
    return scope_run(spawns_into_outer, s);
}

static void row_of_spawns_into_enclosing_scope_wakes_every_sleeper(void)
{
    CHECK_EQ_INT(scope_run(opens_inner, NULL), SCOPE_OK);
}

int main(void)
{
    if (scope_pool_workers(NULL) > 1) {
        check_run("row_of_spawns_wakes_every_sleeper", row_of_spawns_wakes_every_sleeper);
        check_run("row_of_spawns_into_enclosing_scope_wakes_every_sleeper",
                  row_of_spawns_into_enclosing_scope_wakes_every_sleeper);
    } else {
        check_skip("row_of_spawns_wakes_every_sleeper", "with one worker nobody else could run the tasks");
        check_skip("row_of_spawns_into_enclosing_scope_wakes_every_sleeper",
                   "with one worker nobody else could run the tasks");
    }
    return check_done();
}

/* Which tasks a wait may run: scopei_task_allowed on lineages made by hand; and whom a thief looks at first.
 *
 *      stay (run, depth 0) -- a (depth 1) -- b (depth 2)
 *                                             |
 *                              run1 (spawned from b, depth 2) -- c (depth 3)
 *                              run2 (spawned from a, depth 1) -- e (depth 2)
 *                              run3 (spawned from c, depth 3)                    */
#include "scope/scope.h"
#include "tests/check.h"

#include <sched.h>

static struct lineage stay, a, b, c, e, run1, run2, run3, other;

/* Relaxed, all of these: one thread. */
static void lineage_init(struct lineage *node, struct lineage *base, struct lineage *up, uint64_t depth)
{
    store_relaxed_ptr(&node->base, base);
    store_relaxed_ptr(&node->up, up);
    store_relaxed(&node->depth, depth);
}

static void tree_init(void)
{
    lineage_init(&stay, &stay, NULL, 0);
    lineage_init(&a, &stay, NULL, 1);
    lineage_init(&b, &stay, NULL, 2);
    lineage_init(&run1, &run1, &b, 2);
    lineage_init(&c, &run1, NULL, 3);
    lineage_init(&run2, &run2, &a, 1);
    lineage_init(&e, &run2, NULL, 2);
    lineage_init(&run3, &run3, &c, 3);
    lineage_init(&other, &other, NULL, 0);
}

static bool allowed(const struct lineage *node, const struct lineage *base, uint64_t depth)
{
    const struct goal goal = {.base = base, .depth = depth};
    return scopei_task_allowed(node, &goal);
}

static void goal_null_allows_everything(void)
{
    tree_init();
    CHECK(scopei_task_allowed(&a, NULL));
    CHECK(scopei_task_allowed(&other, NULL));
    CHECK(scopei_task_allowed(NULL, NULL));
}

static void same_run_only_as_deep_or_deeper(void)
{
    tree_init();
    CHECK(allowed(&a, &stay, 1));
    CHECK(allowed(&b, &stay, 1));
    CHECK(allowed(&b, &stay, 2));
    CHECK(!allowed(&a, &stay, 2)); /* of the enclosing scope: unrelated to the inner wait */
    CHECK(!allowed(&stay, &stay, 1));
}

static void descendant_of_a_stolen_task_is_allowed(void)
{
    tree_init();
    CHECK(allowed(&run1, &stay, 2));
    CHECK(allowed(&c, &stay, 2));
    CHECK(allowed(&run3, &stay, 2)); /* two thefts away */
    CHECK(allowed(&run3, &stay, 1));
    CHECK(allowed(&run3, &run1, 3));
    CHECK(allowed(&e, &stay, 1));
}

static void stranger_is_refused(void)
{
    tree_init();
    CHECK(!allowed(&e, &stay, 2)); /* its own depth is 2, but it descends from a at depth 1 */
    CHECK(!allowed(&run2, &stay, 2));
    CHECK(!allowed(&c, &run2, 0)); /* a cousin */
    CHECK(!allowed(&run1, &run1, 3));
    CHECK(!allowed(&b, &run1, 0)); /* an ancestor */
    CHECK(!allowed(&other, &stay, 0));
    CHECK(!allowed(&run3, &other, 0));
    CHECK(!allowed(NULL, &stay, 0));
}

/* What a thief reads before it has won can be garbage: it must come to an end and say no. */
static void garbage_terminates(void)
{
    tree_init();
    store_relaxed_ptr(&b.base, &run1); /* run1's up is b: a cycle */
    CHECK(!allowed(&c, &stay, 0));
    CHECK(!allowed(&b, &stay, 0));
    lineage_init(&e, &e, &e, 5); /* its own parent */
    CHECK(!allowed(&e, &stay, 0));
    lineage_init(&e, NULL, NULL, 5);
    CHECK(!allowed(&e, &stay, 0));
}

/* ------------------------------------------------------------------------------------------------------ The last victim */

static struct scope_pool *pool;

/* Until the pool's own worker, which is stood down for us, sleeps: it would steal, too. */
static struct worker *enter(void)
{
    struct worker *w = scopei_guest_enter(pool, NULL);
    for (bool down = !CHECK(w != NULL) || pool->workers == 0; !down; sched_yield()) {
        pthread_mutex_lock(&pool->idle.lock);
        down = pool->slot[0]->parked;
        pthread_mutex_unlock(&pool->idle.lock);
    }
    return w;
}

/* Stealable tasks of w's, each with w as its argument. */
static void publish(struct worker *w, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct slot *slot = deque_push_anyway(&w->deque);
        store_relaxed(&slot->word[TASK_FUNCTION], TASK_SPAWNED);
        store_relaxed(&slot->word[TASK_META], 0);
        store_relaxed(&slot->word[TASK_ARG], (uint64_t)(uintptr_t)w);
    }
    scopei_deque_publish(&w->deque, count);
}

static bool steals_from(struct worker *w, const struct worker *victim)
{
    struct task task;
    return scopei_find(w, NULL, &task) && task.word[TASK_ARG] == (uint64_t)(uintptr_t)victim;
}

/* Else a long task of another worker's would wait for a whole row of tiny ones. */
static void thief_of_tiny_tasks_looks_at_others_first(void)
{
    if (!CHECK((pool = scopei_pool_create(1, &scopei_hooks)) != NULL))
        return;
    struct worker *w = enter(), *first = enter(), *second = enter();
    publish(first, 4);
    CHECK(steals_from(w, first)); /* the only one */
    publish(second, 4);
    w->rest_ns = 0;
    CHECK(steals_from(w, first)); /* once more: its tasks were worth it */
    w->rest_ns = 1;
    CHECK(steals_from(w, second));
    w->rest_ns = 1;
    CHECK(steals_from(w, first)); /* whose turn it is, as those of second are tiny, too */
    CHECK(w->victim == first);
    struct task task;
    for (unsigned i = 0; i < 4; i++)
        CHECK(scopei_find(w, NULL, &task)); /* all that is left, in whatever order */
    CHECK(!scopei_find(w, NULL, &task));
    struct worker *guest[] = {second, first, w};
    for (unsigned i = 0; i < 3; i++) {
        (void)scopei_deque_reset(&guest[i]->deque, guest[i]->slots);
        scopei_guest_leave(guest[i], i < 2 ? guest[i + 1] : NULL);
    }
    CHECK(scopei_pool_destroy(pool));
}

int main(void)
{
    check_run("goal_null_allows_everything", goal_null_allows_everything);
    check_run("same_run_only_as_deep_or_deeper", same_run_only_as_deep_or_deeper);
    check_run("descendant_of_a_stolen_task_is_allowed", descendant_of_a_stolen_task_is_allowed);
    check_run("stranger_is_refused", stranger_is_refused);
    check_run("garbage_terminates", garbage_terminates);
    check_run("thief_of_tiny_tasks_looks_at_others_first", thief_of_tiny_tasks_looks_at_others_first);
    return check_done();
}

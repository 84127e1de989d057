/* Which tasks a wait may run: scopei_task_allowed on lineages made by hand.
 *
 *      stay (run, depth 0) -- a (depth 1) -- b (depth 2)
 *                                             |
 *                              run1 (spawned from b, depth 2) -- c (depth 3)
 *                              run2 (spawned from a, depth 1) -- e (depth 2)
 *                              run3 (spawned from c, depth 3)                    */
#include "sched/task.h"
#include "tests/check.h"

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

int main(void)
{
    check_run("goal_null_allows_everything", goal_null_allows_everything);
    check_run("same_run_only_as_deep_or_deeper", same_run_only_as_deep_or_deeper);
    check_run("descendant_of_a_stolen_task_is_allowed", descendant_of_a_stolen_task_is_allowed);
    check_run("stranger_is_refused", stranger_is_refused);
    check_run("garbage_terminates", garbage_terminates);
    return check_done();
}

/* Tasks that say which of them they are, in every way that there is to start one: each must run exactly once.
 *
 * A task marks its number; when its scope has ended, a number without a mark is a lost task, one with two a doubled
 * one.  A task that waits for others finds their marks when it goes on. */
#ifndef TESTS_ONCE_CHECK_H
#define TESTS_ONCE_CHECK_H

#include "tests/scope_check.h"

#include <pthread.h>

#define ONCE_MAX (1u << 15)

static atomic_uchar once_mark[ONCE_MAX];
static atomic_uint once_disposed;
static uint32_t once_tasks; /* of the round that runs */

static inline void once_run(uint32_t number)
{
    atomic_fetch_add(&once_mark[number], 1);
}

static inline bool once_ran(uint32_t number)
{
    return number >= once_tasks || atomic_load(&once_mark[number]) == 1;
}

static inline void *once_arg(uint32_t number)
{
    return (void *)(uintptr_t)number; // NOLINT: an integer as argument
}

static inline uint32_t once_number(void *arg)
{
    return (uint32_t)(uintptr_t)arg;
}

/* ---------------------------------------------------------------------------------- One after the other, by each call */

static int once_task(struct scope *s, void *arg)
{
    (void)s;
    once_run(once_number(arg));
    return 0;
}

static int once_spawns(struct scope *s, void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < once_tasks; i++)
        CHECK_EQ_INT(scope_spawn(s, once_task, once_arg(i)), SCOPE_OK);
    return 0;
}

/* In the slot, or, if it is large, on the heap. */
struct once_copy {
    uint32_t number, check[11];
};

static int once_copy_task(struct scope *s, void *arg)
{
    const struct once_copy *copy = arg;
    (void)s;
    CHECK_EQ_INT(copy->check[0], ~copy->number);
    once_run(copy->number);
    return 0;
}

static int once_copies(struct scope *s, void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < once_tasks; i++) {
        struct once_copy copy = {i, {~i}};
        size_t size = i % 4 ? offsetof(struct once_copy, check[1]) : sizeof(copy);
        CHECK_EQ_INT(scope_spawn_copy(s, once_copy_task, &copy, size), SCOPE_OK);
    }
    return 0;
}

static void once_dispose(void *arg)
{
    CHECK(once_ran(once_number(arg)));
    atomic_fetch_add(&once_disposed, 1);
}

static int once_described(struct scope *s, void *arg)
{
    static const SCOPE_DESCRIBE(described, once_task, once_dispose, 0, 0);
    (void)arg;
    for (uint32_t i = 0; i < once_tasks; i++)
        CHECK_EQ_INT(scope_spawn_task(s, &described, once_arg(i)), SCOPE_OK);
    return 0;
}

SCOPE_RESULT(uint32_t, once_result, uint32_t);

static int once_result(struct scope *s, uint32_t number, uint32_t *result)
{
    (void)s;
    once_run(number);
    *result = ~number;
    return 0;
}

static int once_results_body(struct scope *s, void *arg)
{
    struct once_result_result *r = arg;
    for (uint32_t i = 0; i < once_tasks; i++)
        CHECK_EQ_INT(once_result_start(s, &r[i], i), SCOPE_OK);
    return 0;
}

static int once_results(struct scope *s, void *arg)
{
    static struct once_result_result r[ONCE_MAX];
    (void)s;
    (void)arg;
    CHECK_EQ_INT(scope_run(once_results_body, r), SCOPE_OK);
    for (uint32_t i = 0; i < once_tasks; i++) {
        uint32_t value = 0;
        CHECK_EQ_INT(once_result_get(&r[i], &value), SCOPE_OK);
        CHECK_EQ_INT(value, ~i);
    }
    return 0;
}

/* -------------------------------------------------------------------------- Trees: number i has the children 2i, 2i + 1 */

static int once_tree_task(struct scope *s, void *arg)
{
    uint32_t number = once_number(arg);
    once_run(number);
    for (uint32_t child = 2 * number; child <= 2 * number + 1 && child < once_tasks; child++)
        CHECK_EQ_INT(scope_spawn(s, once_tree_task, once_arg(child)), SCOPE_OK);
    return 0;
}

/* The root of each tree below is number 1; number 0 is for whoever starts it. */
static int once_tree(struct scope *s, void *arg)
{
    (void)arg;
    once_run(0);
    return once_tree_task(s, once_arg(1));
}

static int once_inner_task(struct scope *s, void *arg);

static int once_inner_body(struct scope *s, void *arg)
{
    uint32_t number = once_number(arg);
    for (uint32_t child = 2 * number; child <= 2 * number + 1 && child < once_tasks; child++)
        CHECK_EQ_INT(scope_spawn(s, once_inner_task, once_arg(child)), SCOPE_OK);
    return 0;
}

static int once_inner_task(struct scope *s, void *arg)
{
    uint32_t number = once_number(arg);
    (void)s;
    once_run(number);
    if (2 * number >= once_tasks)
        return 0;
    int status = scope_run(once_inner_body, arg);
    CHECK(once_ran(2 * number) && once_ran(2 * number + 1));
    return status;
}

static int once_inner(struct scope *s, void *arg)
{
    (void)arg;
    once_run(0);
    return once_inner_task(s, once_arg(1));
}

static int once_fork2_call(struct scope *s, void *arg)
{
    uint32_t number = once_number(arg), child = 2 * number;
    if (number >= once_tasks)
        return 0;
    once_run(number);
    int status = scope_fork2(s, once_fork2_call, once_arg(child), once_fork2_call, once_arg(child + 1));
    CHECK(once_ran(child) && once_ran(child + 1));
    return status;
}

static int once_fork2(struct scope *s, void *arg)
{
    (void)arg;
    once_run(0);
    return once_fork2_call(s, once_arg(1));
}

SCOPE_TASK(uint32_t, once_typed_call, uint32_t);

/* How many numbers there are from this one on down. */
static uint32_t once_typed_call(struct scope_strand strand, uint32_t number)
{
    if (number >= once_tasks)
        return 0;
    once_run(number);
    once_typed_call_fork(&strand, 2 * number);
    uint32_t second = once_typed_call(strand, 2 * number + 1);
    uint32_t first = once_typed_call_join(&strand);
    CHECK(once_ran(2 * number) && once_ran(2 * number + 1));
    return 1 + first + second;
}

static int once_typed(struct scope *s, void *arg)
{
    (void)arg;
    once_run(0);
    CHECK_EQ_INT(once_typed_call_call(s, 1), once_tasks - 1);
    return 0;
}

/* ---------------------------------------------------------------------------------------- Into scopes that are farther */

/* A task in a scope of its own spawns eight into the outermost one. */
struct once_eight {
    struct scope *outer;
    uint32_t first;
};

static int once_outward_body(struct scope *s, void *arg)
{
    const struct once_eight *eight = arg;
    (void)s;
    for (uint32_t i = eight->first; i < eight->first + 8 && i < once_tasks; i++)
        CHECK_EQ_INT(scope_spawn(eight->outer, once_task, once_arg(i)), SCOPE_OK);
    return 0;
}

static int once_outward_task(struct scope *s, void *arg)
{
    (void)s;
    return scope_run(once_outward_body, arg);
}

static int once_outward(struct scope *s, void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < once_tasks; i += 8) {
        struct once_eight eight = {s, i};
        CHECK_EQ_INT(scope_spawn_copy(s, once_outward_task, &eight, sizeof(eight)), SCOPE_OK);
    }
    return 0;
}

static void *once_foreigner(void *arg)
{
    struct scope_permit *permit = arg;
    for (uint32_t i = 1; i < once_tasks; i += 2)
        CHECK_EQ_INT(scope_permit_spawn(permit, once_task, once_arg(i)), SCOPE_OK);
    scope_permit_release(permit);
    return NULL;
}

/* The odd ones from a thread that is not inside. */
static int once_permitted(struct scope *s, void *arg)
{
    struct scope_permit *permit = scope_permit_create(s);
    pthread_t thread;
    (void)arg;
    if (!CHECK(permit) || !CHECK_EQ_INT(pthread_create(&thread, NULL, once_foreigner, permit), 0))
        return 1;
    for (uint32_t i = 0; i < once_tasks; i += 2)
        CHECK_EQ_INT(scope_spawn(s, once_task, once_arg(i)), SCOPE_OK);
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    return 0;
}

static int once_limited(struct scope *s, void *arg)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    (void)s;
    options.limit = 2;
    int status = run_checked(&options, &report, once_spawns, arg);
    CHECK_EQ_INT(report.ok, once_tasks);
    return status;
}

/* ----------------------------------------------------------------------------------------------- Loops and pipelines */

static int once_chunk(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    (void)arg;
    for (size_t i = begin; i < end; i++)
        once_run((uint32_t)i);
    return 0;
}

static int once_loop(struct scope *s, void *arg)
{
    return scope_for(s, 0, once_tasks, once_chunk, arg);
}

static int once_source(struct scope *s, void **item, void *arg)
{
    uint32_t *next = arg;
    (void)s;
    *item = *next < once_tasks ? once_arg(++*next) : NULL; /* not NULL, so number and one */
    return 0;
}

static int once_stage(struct scope *s, void **item, void *arg)
{
    (void)s;
    (void)arg;
    once_run(once_number(*item) - 1);
    return 0;
}

static int once_in_order(struct scope *s, void **item, void *arg)
{
    uint32_t *next = arg;
    (void)s;
    CHECK_EQ_INT(once_number(*item), ++*next);
    CHECK(once_ran(*next - 1));
    return 0;
}

static int once_items(struct scope *s, void *arg)
{
    uint32_t made = 0, seen = 0;
    const struct scope_stage stages[] = {
        {.fn = once_source, .arg = &made},
        {.fn = once_stage},
        {.kind = SCOPE_STAGE_IN_ORDER, .fn = once_in_order, .arg = &seen},
    };
    (void)arg;
    int status = scope_pipeline(s, stages, 3, 0, NULL);
    CHECK_EQ_INT(seen, once_tasks);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ Rounds */

struct once_kind {
    const char *name;
    scope_fn *body;
    bool counted; /* its tasks are the scope's, and the report says how many */
};

static const struct once_kind once_kinds[] = {
    {"spawns", once_spawns, true},    {"copies", once_copies, true},       {"described", once_described, true},
    {"results", once_results, false}, {"tree", once_tree, false},          {"inner", once_inner, false},
    {"fork2", once_fork2, false},     {"typed", once_typed, false},        {"outward", once_outward, false},
    {"limited", once_limited, false}, {"permitted", once_permitted, true}, {"loop", once_loop, false},
    {"items", once_items, false},
};

struct once_count {
    uint64_t executed, lost, doubled;
};

/* What the marks say; afterwards there are none. */
static inline struct once_count once_judge(void)
{
    struct once_count count = {0, 0, 0};
    for (uint32_t i = 0; i < once_tasks; i++) {
        unsigned marks = atomic_exchange(&once_mark[i], 0);
        count.executed += marks;
        count.lost += marks == 0;
        count.doubled += marks > 1 ? marks - 1 : 0;
    }
    return count;
}

/* So many tasks of each kind, in the pool. */
static inline void once_round(struct scope_pool *pool, uint32_t tasks)
{
    once_tasks = tasks;
    for (size_t k = 0; k < sizeof(once_kinds) / sizeof(once_kinds[0]); k++) {
        const struct once_kind *kind = &once_kinds[k];
        struct scope_options options = options_of(pool);
        struct scope_report report;
        atomic_store(&once_disposed, 0);
        CHECK_EQ_INT(run_checked(&options, &report, kind->body, NULL), SCOPE_OK);
        if (kind->counted)
            CHECK_EQ_INT(report.ok, tasks);
        CHECK_EQ_INT(atomic_load(&once_disposed), kind->body == once_described ? tasks : 0);
        struct once_count count = once_judge();
        check_tasks(count.executed, count.lost, count.doubled);
        check_true(count.lost == 0 && count.doubled == 0, __FILE__, __LINE__, kind->name);
    }
}

#endif

/* Scenarios 6 and 7: stack use depends on how deeply scopes are nested, not on how many tasks there are. */
#include "tests/scope_check.h"

/* Ten thousand waits inside each other would take megabytes; what lies between two scopes takes 1 KiB, under a
 * sanitizer some more. */
#define STACK_MAX (16 * 1024)
#define WAITING 10000

/* ------------------------------------------------------------------------------------------------------ 6: spawn chain */

struct chain {
    struct tally tally;
    unsigned left;
    uintptr_t lowest;
};

static int link_task(struct scope *s, void *arg)
{
    struct chain *chain = arg;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (here < chain->lowest)
        chain->lowest = here;
    if (--chain->left)
        CHECK_EQ_INT(tally_spawn(&chain->tally, s, link_task, chain), SCOPE_OK);
    return tally_end(&chain->tally, 0);
}

static int chain_body(struct scope *s, void *arg)
{
    struct chain *chain = arg;
    (void)tally_spawn(&chain->tally, s, link_task, chain);
    return 0;
}

static uintptr_t chain_stack(struct scope_pool *pool, unsigned length)
{
    struct chain chain = {.left = length, .lowest = UINTPTR_MAX};
    struct scope_options options = options_of(pool);
    struct scope_report report;
    CHECK_EQ_INT(run_checked(&options, &report, chain_body, &chain), SCOPE_OK);
    check_tally(&report, &chain.tally);
    CHECK_EQ_INT(report.ok, length);
    return (uintptr_t)__builtin_frame_address(0) - chain.lowest;
}

static void chain_one_worker_same_stack(void)
{
    struct scope_pool *pool = pool_of_one();
    uintptr_t small = chain_stack(pool, 5);
    uintptr_t large = chain_stack(pool, 500);
    printf("# stack of 5: %zu bytes, of 500: %zu bytes\n", (size_t)small, (size_t)large);
    CHECK(small > 0);
    CHECK(large <= small + small / 10);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* -------------------------------------------------------------------------------------------------- 7: waiting tasks */

struct waiting {
    struct tally tally;
    atomic_uint inner;
    atomic_ullong deepest;
};

/* Of this thread, from the first time that it was asked. */
static uintptr_t stack_depth(void)
{
    static _Thread_local uintptr_t highest;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (here > highest)
        highest = here;
    return highest - here;
}

static int inner_task(struct scope *s, void *arg)
{
    (void)s;
    struct waiting *waiting = arg;
    unsigned long long depth = stack_depth();
    unsigned long long deepest = atomic_load(&waiting->deepest);
    while (depth > deepest && !atomic_compare_exchange_weak(&waiting->deepest, &deepest, depth))
        ;
    atomic_fetch_add(&waiting->inner, 1);
    return 0;
}

static int inner_body(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_spawn(s, inner_task, arg), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn(s, inner_task, arg), SCOPE_OK);
    return 0;
}

static int waiting_task(struct scope *s, void *arg)
{
    (void)s;
    struct waiting *waiting = arg;
    (void)stack_depth();
    return tally_end(&waiting->tally, scope_run(inner_body, waiting));
}

static int waiting_body(struct scope *s, void *arg)
{
    struct waiting *waiting = arg;
    (void)stack_depth();
    for (int i = 0; i < WAITING; i++)
        (void)tally_spawn(&waiting->tally, s, waiting_task, waiting);
    return 0;
}

static void waiting_in(struct scope_pool *pool)
{
    struct waiting waiting = {0};
    struct scope_options options = options_of(pool);
    struct scope_report report;
    CHECK_EQ_INT(run_checked(&options, &report, waiting_body, &waiting), SCOPE_OK);
    check_tally(&report, &waiting.tally);
    CHECK_EQ_INT(report.ok, WAITING);
    CHECK_EQ_INT(waiting.inner, 2 * WAITING);
    printf("# deepest stack %llu bytes\n", waiting.deepest);
    CHECK(waiting.deepest < STACK_MAX);
}

static void waiting_default_pool_stack_bounded(void)
{
    waiting_in(NULL);
}

static void waiting_two_workers_stack_bounded(void)
{
    struct scope_pool_options two = {.size = sizeof(two), .workers = 2};
    struct scope_pool *pool = NULL;
    CHECK_EQ_INT(scope_pool_create(&pool, &two), SCOPE_OK);
    waiting_in(pool);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

int main(void)
{
    check_run("scenario_06_chain_one_worker_same_stack", chain_one_worker_same_stack);
    check_run("scenario_07_waiting_two_workers_stack_bounded", waiting_two_workers_stack_bounded);
    check_run("scenario_07_waiting_default_pool_stack_bounded", waiting_default_pool_stack_bounded);
    return check_done();
}

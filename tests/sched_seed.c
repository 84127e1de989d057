/* SCOPE_SEED: a seed perturbs schedules, the same one in the same way; without one nothing is drawn.  And what always
 * holds does so under each of many seeds, which begin with that of the environment. */
#include "scope/scope.h"
#include "tests/child_check.h"
#include "tests/once_check.h"

#include <inttypes.h>

#define SEEDS TIMES(50, 20)
#define TRACED 300

static void seed_set(uint64_t seed)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, seed);
    (void)setenv("SCOPE_SEED", text, 1);
}

static struct scope_pool *pool_of(unsigned workers)
{
    struct scope_pool_options options = {.size = sizeof(options), .workers = workers};
    struct scope_pool *pool = NULL;
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK);
    return pool;
}

/* ------------------------------------------------------------------------------------------------------ One worker */

struct trace {
    unsigned count;
    uint64_t step[5 * TRACED];
};

static void trace_add(struct trace *trace, uint64_t step)
{
    if (CHECK(trace->count < sizeof(trace->step) / sizeof(trace->step[0])))
        trace->step[trace->count++] = step;
}

static struct trace *tracing; /* one worker: no other thread looks */

static int traced_task(struct scope *s, void *arg)
{
    uint32_t number = once_number(arg);
    const struct deque *d = &worker_self()->deque;
    trace_add(tracing, number);
    trace_add(tracing, d->index); /* how much was published */
    for (uint32_t child = 2 * number; child <= 2 * number + 1 && child < TRACED; child++)
        CHECK_EQ_INT(scope_spawn(s, traced_task, once_arg(child)), SCOPE_OK);
    return 0;
}

static int traced_chunk(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    trace_add(arg, begin << 32 | end);
    return 0;
}

/* Tasks as they run, what is published meanwhile, and the chunks of a loop. */
static int traced_body(struct scope *s, void *arg)
{
    for (uint32_t i = TRACED / 2; i < TRACED; i++)
        CHECK_EQ_INT(scope_spawn(s, traced_task, once_arg(i)), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn(s, traced_task, once_arg(1)), SCOPE_OK);
    return scope_for(s, 0, TRACED, traced_chunk, arg);
}

static void trace_take(struct trace *trace)
{
    struct scope_pool *pool = pool_of(1);
    struct scope_options options = options_of(pool);
    struct scope_report report;
    memset(trace, 0, sizeof(*trace));
    tracing = trace;
    CHECK_EQ_INT(run_checked(&options, &report, traced_body, trace), SCOPE_OK);
    CHECK_EQ_INT(report.ok, TRACED - 1 + TRACED / 2);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static bool traces_equal(const struct trace *a, const struct trace *b)
{
    return a->count == b->count && memcmp(a->step, b->step, a->count * sizeof(a->step[0])) == 0;
}

static void one_worker_same_seed_same_schedule(void)
{
    static struct trace first, second;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        seed_set(seed);
        trace_take(&first);
        trace_take(&second);
        CHECK(traces_equal(&first, &second));
    }
}

static void one_worker_each_seed_another_schedule(void)
{
    static struct trace trace[6];
    for (uint64_t i = 0; i < 6; i++) {
        seed_set(i);
        trace_take(&trace[i]);
        for (uint64_t j = 0; j < i; j++)
            CHECK(!traces_equal(&trace[i], &trace[j]));
    }
}

/* A part of so many items may be divided before its first one. */
static int some_items(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    CHECK(begin < end);
    *(size_t *)arg += end - begin;
    return 0;
}

static void longest_loop_no_chunk_is_empty(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        size_t items = 0;
        seed_set(seed);
        struct scope_pool *pool = pool_of(1);
        struct scope_options options = options_of(pool);
        SCOPE(s, &options, NULL)
        CHECK_EQ_INT(scope_for(s, 0, SIZE_MAX, some_items, &items), SCOPE_OK);
        CHECK(items == SIZE_MAX);
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    }
}

/* ------------------------------------------------------------------------------------------------------- The variable */

static void unset_nothing_is_drawn(void)
{
    (void)unsetenv("SCOPE_SEED");
    struct scope_pool *pool = pool_of(2);
    once_round(pool, 256);
    for (uint64_t i = 0; i < load_acquire(&pool->slots); i++)
        CHECK_EQ_INT(pool->slot[i]->random, 0);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static void pool_displayed(void)
{
    (void)setenv("SCOPE_DISPLAY", "1", 1);
    struct scope_pool *pool = pool_of(2);
    _exit(pool ? (int)(pool->seed.value % 100) : 100);
}

static void display_says(const char *seed, int status, const char *expected)
{
    (void)setenv("SCOPE_SEED", seed, 1);
    struct child child = child_run(pool_displayed);
    CHECK(WIFEXITED(child.status));
    CHECK_EQ_INT(WEXITSTATUS(child.status), status);
    CHECK(child_said(&child, expected, 1));
}

static void number_is_taken(void)
{
    display_says("7", 7, "taskscope: SCOPE_SEED=7: schedules are perturbed\n");
    display_says("18446744073709551616", 15, "taskscope: SCOPE_SEED=18446744073709551616: schedules are perturbed\n");
}

static void garbage_is_ignored_and_named(void)
{
    static const char *const bad[] = {"0", "-1", "+1", " 1", "1 ", "1x", "0x10", "seed"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char expected[100];
        (void)snprintf(expected, sizeof(expected), "taskscope: SCOPE_SEED=%s is ignored: not a positive number\n",
                       bad[i]);
        display_says(bad[i], 0, expected);
    }
    display_says("x23456789012345678901234567890", 0, "taskscope: SCOPE_SEED=x2345678901234567890123 is ignored:");
}

static void draws_cover_their_range(void)
{
    const struct seed seed = {.value = 1};
    struct worker *w = aligned_alloc(alignof(struct worker), sizeof(*w));
    unsigned seen[10] = {0};
    if (!CHECK(w))
        return;
    CHECK(scopei_seed_begin(&seed, 0) != scopei_seed_begin(&seed, 1));
    w->random = scopei_seed_begin(&seed, 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t drawn = scopei_seed_draw(w, 10);
        if (CHECK(drawn < 10))
            seen[drawn]++;
    }
    for (int i = 0; i < 10; i++)
        CHECK(seen[i] > 50 && seen[i] < 150);
    unsigned large = 0;
    for (int i = 0; i < 100; i++)
        large += scopei_seed_draw(w, UINT64_MAX) >> 63 != 0;
    CHECK(large > 20 && large < 80);
    free(w);
}

/* ------------------------------------------------------------------------------------------------------ Many seeds */

static uint64_t first_seed = 1;

static void each_seed_every_task_exactly_once(void)
{
    for (uint64_t seed = first_seed; seed < first_seed + SEEDS && atomic_load(&check_bad) == 0; seed++) {
        seed_set(seed);
        struct scope_pool *pool = pool_of(0);
        once_round(pool, TIMES(512, 64));
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
        if (atomic_load(&check_bad))
            printf("# SCOPE_SEED=%" PRIu64 "\n", seed);
    }
}

int main(void)
{
    const char *seed = getenv("SCOPE_SEED");
    if (seed)
        first_seed = strtoull(seed, NULL, 10);
    check_run("seed_unset_nothing_is_drawn", unset_nothing_is_drawn);
    check_run("seed_number_is_taken", number_is_taken);
    check_run("seed_garbage_is_ignored_and_named", garbage_is_ignored_and_named);
    check_run("seed_draws_cover_their_range", draws_cover_their_range);
    check_run("seed_one_worker_same_seed_same_schedule", one_worker_same_seed_same_schedule);
    check_run("seed_one_worker_each_seed_another_schedule", one_worker_each_seed_another_schedule);
    check_run("seed_longest_loop_no_chunk_is_empty", longest_loop_no_chunk_is_empty);
    check_run("seed_each_seed_every_task_exactly_once", each_seed_every_task_exactly_once);
    printf("# figures: seeds=%d\n", SEEDS);
    return check_done();
}

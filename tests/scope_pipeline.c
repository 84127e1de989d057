/* scope_pipeline, when nothing fails: every item comes once to every stage, in order where that is asked for, never
 * two at once in a serial stage, never more on their way than there are tokens, each disposed of once. */
#include "scope/scope.h"
#include "tests/pipeline_check.h"
#include "tests/scope_check.h"

/* ------------------------------------------------------------------------------------------------ Orders and bounds */

static const size_t tokens_tried[] = {1, 2, 3, 8, 50};
static const uint64_t items_tried[] = {0, 1, 2, 100};

/* Each kind at each of three stages, in all combinations. */
static void every_kind(bool filter)
{
    for (int kinds = 0; kinds < 27; kinds++) {
        for (size_t i = 0; i < TIMES(20, 8); i++) {
            struct probe probe = {.count = 4, .filter = filter};
            probe.tokens = tokens_tried[i % 5];
            probe.items = items_tried[i % 4];
            probe.stages[1].kind = (enum scope_stage_kind)(kinds % 3);
            probe.stages[2].kind = (enum scope_stage_kind)(kinds / 3 % 3);
            probe.stages[3].kind = (enum scope_stage_kind)(kinds / 9);
            CHECK_EQ_INT(probe_run(NULL, &probe), SCOPE_OK);
            CHECK_EQ_INT(probe.made, probe.items);
            for (uint64_t n = 0; n < probe.items; n++)
                CHECK_EQ_INT(probe.item[n].stage, probe.item[n].consumed ? 2 : 4);
            probe_check(&probe);
        }
    }
}

static void pipeline_every_kind_each_item_once(void)
{
    every_kind(false);
}

static void pipeline_filter_later_stages_skipped(void)
{
    every_kind(true);
}

static void pipeline_many_stages_each_item_once(void)
{
    for (size_t i = 0; i < TIMES(10, 3); i++) {
        struct probe probe = {.count = PROBE_STAGES, .items = PROBE_ITEMS, .tokens = 1 + 5 * i};
        for (size_t k = 1; k < probe.count; k++)
            probe.stages[k].kind = (enum scope_stage_kind)((k + i) % 3);
        CHECK_EQ_INT(probe_run(NULL, &probe), SCOPE_OK);
        CHECK_EQ_INT(probe.made, PROBE_ITEMS);
        probe_check(&probe);
    }
}

static void pipeline_source_only_items_disposed(void)
{
    struct probe probe = {.count = 1, .items = 100, .tokens = 3};
    CHECK_EQ_INT(probe_run(NULL, &probe), SCOPE_OK);
    CHECK_EQ_INT(probe.made, 100);
    probe_check(&probe);
}

/* With one worker an item goes all the way before the next is made, whatever the kinds. */
static int one_at_a_time(struct scope *s, void *arg)
{
    struct probe *probe = arg;
    int status = probe_run(s, probe);
    CHECK_EQ_INT(probe->most, 1);
    return status;
}

static void pipeline_one_worker_one_item_at_a_time(void)
{
    struct scope_pool *pool = pool_of_one();
    struct scope_options options = options_of(pool);
    for (int kinds = 0; kinds < 9; kinds++) {
        struct probe probe = {.count = 3, .items = PROBE_ITEMS, .tokens = 16};
        probe.stages[1].kind = (enum scope_stage_kind)(kinds % 3);
        probe.stages[2].kind = (enum scope_stage_kind)(kinds / 3);
        CHECK_EQ_INT(scope_run_with(&options, NULL, one_at_a_time, &probe), SCOPE_OK);
        probe_check(&probe);
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* As many as there are tokens are on their way, if none gets through. */
static atomic_uint entered;

static int count_up(struct scope *s, void **item, void *arg)
{
    static unsigned made;
    (void)s;
    if (*(unsigned *)arg > 0)
        *item = &made;
    *(unsigned *)arg -= *item != NULL;
    return 0;
}

static int wait_for_four(struct scope *s, void **item, void *arg)
{
    (void)s, (void)item, (void)arg;
    atomic_fetch_add(&entered, 1);
    spin_until(&entered, 4);
    return 0;
}

static void pipeline_four_workers_four_at_once(void)
{
    struct scope_pool *pool = pool_at_least(4);
    struct scope_options options = options_of(pool);
    unsigned left = 4;
    const struct scope_stage stages[] = {{.fn = count_up, .arg = &left}, {.fn = wait_for_four}};
    int status = SCOPE_ERROR;
    atomic_store(&entered, 0);
    SCOPE(s, &options, NULL)
    {
        status = scope_pipeline(s, stages, 2, 4, NULL);
    }
    CHECK_EQ_INT(status, SCOPE_OK);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* The ring of an in-order stage goes round many times. */
static void pipeline_long_stream_keeps_its_order(void)
{
    for (size_t tokens = 1; tokens <= 65; tokens += 16) {
        struct long_stream stream = {.items = TIMES(50000, 3000)};
        CHECK_EQ_INT(long_stream_run(NULL, &stream, tokens), SCOPE_OK);
        CHECK_EQ_INT(stream.ended, stream.items);
    }
}

/* -------------------------------------------------------------------------------------------- Two workers, one plan */

/* Items are numbers from 1.  One worker has item 1 in a serial stage while the other does what the plan says.  There may be no third
 * one: both of the pool's own sleep before the caller comes and stands one of them down. */
struct plan {
    atomic_uint first_in;        /* item 1 is in the serial stage, and no other item has been made before */
    atomic_uint made, state;     /* items made; 1: item 3 is in its first stage, 2: item 2 is in the serial one */
    unsigned made_before_second; /* how many had been made when item 2 came to the serial stage */
    unsigned order[8], seen;     /* in which the serial stage saw them; how many */
};

static int plan_make(struct scope *s, void **item, void *arg)
{
    struct plan *plan = arg;
    (void)s;
    if (atomic_load(&plan->made) == 1)
        spin_until(&plan->first_in, 1);
    if (atomic_load(&plan->made) < 8)
        *item = (void *)(uintptr_t)(atomic_fetch_add(&plan->made, 1) + 1);
    return 0;
}

static int plan_run(struct plan *plan, scope_stage_fn *first, scope_stage_fn *serial, enum scope_stage_kind kind)
{
    struct scope_pool_options two = {.size = sizeof(two), .workers = 2};
    struct scope_options options = scope_options_init();
    const struct scope_stage stages[] = {{.fn = plan_make, .arg = plan},
                                         {.fn = first, .arg = plan},
                                         {.kind = kind, .fn = serial, .arg = plan},
                                         {.fn = long_stream_pass}};
    int status = SCOPE_ERROR;
    CHECK_EQ_INT(scope_pool_create(&options.pool, &two), SCOPE_OK);
    if (CHECK_EQ_INT(scope_pool_workers(options.pool), 2)) {
        while (load_acquire(&options.pool->idle.sleeping) != 2)
            sched_yield();
        SCOPE(s, &options, NULL)
        {
            status = scope_pipeline(s, stages, 4, 8, NULL);
        }
    }
    CHECK_EQ_INT(scope_pool_destroy(options.pool), SCOPE_OK);
    return status;
}

/* The other worker has parked item 2 and is held up by item 3 until item 2 is let in.  That comes before any item that
 * the first worker, done with item 1, could make. */
static int hold_third(struct scope *s, void **item, void *arg)
{
    struct plan *plan = arg;
    (void)s;
    if ((uintptr_t)*item == 3) {
        atomic_store(&plan->state, 1);
        spin_until(&plan->state, 2);
    }
    return 0;
}

static int note_second(struct scope *s, void **item, void *arg)
{
    struct plan *plan = arg;
    (void)s;
    if ((uintptr_t)*item == 1) {
        atomic_store(&plan->first_in, 1);
        spin_until(&plan->state, 1);
    }
    if ((uintptr_t)*item == 2) {
        plan->made_before_second = atomic_load(&plan->made);
        atomic_store(&plan->state, 2);
    }
    return 0;
}

static void pipeline_started_items_before_new_ones(void)
{
    static const enum scope_stage_kind kinds[] = {SCOPE_STAGE_SERIAL, SCOPE_STAGE_IN_ORDER};
    for (int i = 0; i < 6; i++) {
        struct plan plan = {.made = 0};
        CHECK_EQ_INT(plan_run(&plan, hold_third, note_second, kinds[i % 2]), SCOPE_OK);
        CHECK_EQ_INT(plan.made_before_second, 3);
    }
}

/* The other worker parks items 2 to 7, one after the other, before it makes item 8. */
static int note_order(struct scope *s, void **item, void *arg)
{
    struct plan *plan = arg;
    (void)s;
    if ((uintptr_t)*item == 1) {
        atomic_store(&plan->first_in, 1);
        spin_until(&plan->made, 8);
    }
    if (CHECK(plan->seen < 8))
        plan->order[plan->seen++] = (unsigned)(uintptr_t)*item;
    return 0;
}

static void pipeline_serial_stage_in_order_of_arrival(void)
{
    for (int i = 0; i < 6; i++) {
        struct plan plan = {.made = 0};
        CHECK_EQ_INT(plan_run(&plan, long_stream_pass, note_order, SCOPE_STAGE_SERIAL), SCOPE_OK);
        CHECK_EQ_INT(plan.seen, 8);
        for (unsigned n = 0; n < 8; n++)
            CHECK_EQ_INT(plan.order[n], n + 1);
    }
}

/* ---------------------------------------------------------------------------------------------------------- Nesting */

static int inner_stage(struct scope *s, void **item, void *arg)
{
    struct probe probe = {.count = 3, .items = 20, .tokens = 4};
    (void)item, (void)arg;
    probe.stages[1].kind = SCOPE_STAGE_SERIAL;
    probe.stages[2].kind = SCOPE_STAGE_IN_ORDER;
    int status = probe_run(s, &probe);
    CHECK_EQ_INT(probe.made, 20);
    probe_check(&probe);
    return status;
}

static void pipeline_in_a_stage_of_each_kind(void)
{
    for (int kind = 0; kind < 3; kind++) {
        struct long_stream stream = {
            .items = TIMES(100, 20), .middle = inner_stage, .kind = (enum scope_stage_kind)kind};
        CHECK_EQ_INT(long_stream_run(NULL, &stream, 5), SCOPE_OK);
        CHECK_EQ_INT(stream.ended, stream.items);
    }
}

static int task_with_pipeline(struct scope *s, void *arg)
{
    (void)arg;
    struct long_stream stream = {.items = 50};
    int status = long_stream_run(s, &stream, 0);
    CHECK_EQ_INT(stream.ended, 50);
    return status;
}

static int spawns_pipelines(struct scope *s, void *arg)
{
    for (int i = 0; i < 20; i++)
        CHECK_EQ_INT(scope_spawn(s, task_with_pipeline, arg), SCOPE_OK);
    return task_with_pipeline(s, arg);
}

static void pipeline_in_many_tasks_at_once(void)
{
    struct scope_report report;
    for (int i = 0; i < TIMES(20, 4); i++) {
        CHECK_EQ_INT(run_checked(NULL, &report, spawns_pipelines, NULL), SCOPE_OK);
        CHECK_EQ_INT(report.spawned, 20);
    }
}

/* What a stage spawns is joined, and what it forks may be stolen. */
struct pair {
    long low, high;
};

static int fork_sum(struct scope *s, void *arg)
{
    struct pair *pair = arg;
    if (pair->high - pair->low < 2)
        return 0;
    struct pair a = {pair->low, (pair->low + pair->high) / 2}, b = {a.high, pair->high};
    int status = scope_fork2(s, fork_sum, &a, fork_sum, &b);
    pair->low = pair->high;
    return status;
}

static int forks_and_spawns(struct scope *s, void **item, void *arg)
{
    struct pair pair = {0, 32};
    (void)item;
    CHECK_EQ_INT(scope_fork2(s, fork_sum, &pair, fork_sum, &(struct pair){0, 8}), SCOPE_OK);
    for (int i = 0; i < 3; i++)
        (void)tally_spawn(arg, s, tally_nothing, arg);
    return 0;
}

static void pipeline_stage_may_fork_and_spawn(void)
{
    for (int kind = 0; kind < 3; kind++) {
        struct tally tally = {0};
        struct long_stream stream = {
            .items = TIMES(3000, 200), .middle = forks_and_spawns, .arg = &tally, .kind = (enum scope_stage_kind)kind};
        CHECK_EQ_INT(long_stream_run(NULL, &stream, 6), SCOPE_OK);
        CHECK_EQ_INT(tally.ok, 3 * stream.items);
    }
}

/* ----------------------------------------------------------------------------------------------------------- Misuse */

static int never(struct scope *s, void **item, void *arg)
{
    (void)s, (void)item, (void)arg;
    CHECK(false);
    return 1;
}

static int other_scope(struct scope *s, void *arg)
{
    static const struct scope_stage stages[] = {{.fn = never}};
    CHECK_EQ_INT(scope_pipeline(arg, stages, 1, 1, NULL), SCOPE_EPERM);
    (void)s;
    return 0;
}

static int misuse(struct scope *s, void *arg)
{
    static struct scope_stage stages[SCOPE_STAGES_MAX + 1];
    (void)arg;
    for (size_t i = 0; i <= SCOPE_STAGES_MAX; i++)
        stages[i].fn = never;
    CHECK_EQ_INT(scope_pipeline(s, NULL, 1, 1, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_pipeline(s, stages, 0, 1, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_pipeline(s, stages, SCOPE_STAGES_MAX + 1, 1, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_pipeline(s, stages, SIZE_MAX, 1, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_pipeline(s, stages, 1, SCOPE_TOKENS_MAX + 1, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_pipeline(s, stages, 1, SIZE_MAX, NULL), SCOPE_EINVAL);
    stages[1].kind = (enum scope_stage_kind)3;
    CHECK_EQ_INT(scope_pipeline(s, stages, 2, 1, NULL), SCOPE_EINVAL);
    stages[1] = (struct scope_stage){.fn = NULL};
    CHECK_EQ_INT(scope_pipeline(s, stages, 2, 1, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_run(other_scope, s), SCOPE_OK);
    return 0;
}

static void pipeline_misuse_refused(void)
{
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, misuse, NULL), SCOPE_OK);
    CHECK_EQ_INT(scope_pipeline(NULL, NULL, 1, 1, NULL), SCOPE_EINVAL);
}

int main(void)
{
    check_run("pipeline_every_kind_each_item_once", pipeline_every_kind_each_item_once);
    check_run("pipeline_filter_later_stages_skipped", pipeline_filter_later_stages_skipped);
    check_run("pipeline_many_stages_each_item_once", pipeline_many_stages_each_item_once);
    check_run("pipeline_source_only_items_disposed", pipeline_source_only_items_disposed);
    check_run("pipeline_one_worker_one_item_at_a_time", pipeline_one_worker_one_item_at_a_time);
    check_run("pipeline_four_workers_four_at_once", pipeline_four_workers_four_at_once);
    check_run("pipeline_long_stream_keeps_its_order", pipeline_long_stream_keeps_its_order);
    check_run("pipeline_started_items_before_new_ones", pipeline_started_items_before_new_ones);
    check_run("pipeline_serial_stage_in_order_of_arrival", pipeline_serial_stage_in_order_of_arrival);
    check_run("pipeline_in_a_stage_of_each_kind", pipeline_in_a_stage_of_each_kind);
    check_run("pipeline_in_many_tasks_at_once", pipeline_in_many_tasks_at_once);
    check_run("pipeline_stage_may_fork_and_spawn", pipeline_stage_may_fork_and_spawn);
    check_run("pipeline_misuse_refused", pipeline_misuse_refused);
    return check_done();
}

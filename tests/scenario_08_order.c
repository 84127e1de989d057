/* Scenario 8: with one worker, tasks run when the scope waits, the newest first; a spawn that finds the queue full (4096 tasks)
 * runs the newest of them.  Everything on the calling thread. */
#include "tests/scope_check.h"

#include <pthread.h>

#define QUEUE 4096
#define ROW 256

struct order {
    struct scope_pool *pool;
    pthread_t thread;
    unsigned ran;          /* how many tasks so far */
    unsigned place[10000]; /* of a task: how many ran before it */
    bool at_once[10000];
};

static struct order order;

static int ordered_task(struct scope *s, void *arg)
{
    (void)s;
    CHECK(pthread_equal(pthread_self(), order.thread));
    order.place[(unsigned *)arg - order.place] = order.ran++;
    return 0;
}

static int few_body(struct scope *s, void *arg)
{
    unsigned count = *(unsigned *)arg;
    for (unsigned i = 0; i < count; i++) {
        unsigned before = order.ran;
        CHECK_EQ_INT(scope_spawn(s, ordered_task, &order.place[i]), SCOPE_OK);
        order.at_once[i] = order.ran != before;
    }
    return 0;
}

static void run_ordered(scope_fn *body, unsigned count)
{
    struct scope_options options = options_of(order.pool);
    struct scope_report report;
    order.ran = 0;
    order.thread = pthread_self();
    CHECK_EQ_INT(run_checked(&options, &report, body, &count), SCOPE_OK);
    CHECK_EQ_INT(report.ok, count);
    CHECK_EQ_INT(order.ran, count);
}

static void few_newest_first(void)
{
    run_ordered(few_body, 10);
    for (unsigned i = 0; i < 10; i++) {
        CHECK(!order.at_once[i]);
        CHECK_EQ_INT(order.place[i], 9 - i);
    }
}

/* The spawn that finds the queue full first runs the newest ROW of those that are there. */
static void full_queue_runs_the_newest(void)
{
    run_ordered(few_body, QUEUE + 100);
    for (unsigned i = 0; i < QUEUE + 100; i++) {
        unsigned newest = QUEUE - 1 - i; /* how many in the full queue are newer */
        CHECK_EQ_INT(order.at_once[i], i == QUEUE);
        if (i < QUEUE && newest < ROW)
            CHECK_EQ_INT(order.place[i], newest);
        else /* at the end, the newest first */
            CHECK_EQ_INT(order.place[i], i < QUEUE ? ROW + 100 + newest - ROW : ROW + QUEUE + 100 - 1 - i);
    }
}

/* A task's children run before its older siblings: depth first. */
static int parent_task(struct scope *s, void *arg)
{
    unsigned *place = arg;
    (void)ordered_task(s, place);
    CHECK_EQ_INT(scope_spawn(s, ordered_task, place + 1), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn(s, ordered_task, place + 2), SCOPE_OK);
    return 0;
}

static int parents_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_spawn(s, parent_task, &order.place[0]), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn(s, parent_task, &order.place[3]), SCOPE_OK);
    return 0;
}

static void children_before_older_siblings(void)
{
    static const unsigned expected[] = {3, 5, 4, 0, 2, 1};
    run_ordered(parents_body, 6);
    for (int i = 0; i < 6; i++)
        CHECK_EQ_INT(order.place[i], expected[i]);
}

/* An inner scope waits for its own tasks only. */
static int inner_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_spawn(s, ordered_task, &order.place[1]), SCOPE_OK);
    return 0;
}

static int outer_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_spawn(s, ordered_task, &order.place[0]), SCOPE_OK);
    CHECK_EQ_INT(scope_run(inner_body, NULL), SCOPE_OK);
    CHECK_EQ_INT(order.ran, 1);
    return 0;
}

static void inner_scope_runs_only_its_own(void)
{
    struct scope_options options = options_of(order.pool);
    struct scope_report report;
    order.ran = 0;
    order.thread = pthread_self();
    CHECK_EQ_INT(run_checked(&options, &report, outer_body, NULL), SCOPE_OK);
    CHECK_EQ_INT(order.ran, 2);
    CHECK_EQ_INT(order.place[1], 0);
    CHECK_EQ_INT(order.place[0], 1);
}

int main(void)
{
    order.pool = pool_of_one();
    check_run("scenario_08_few_newest_first", few_newest_first);
    check_run("scenario_08_full_queue_runs_the_newest", full_queue_runs_the_newest);
    check_run("scenario_08_children_before_older_siblings", children_before_older_siblings);
    check_run("scenario_08_inner_scope_runs_only_its_own", inner_scope_runs_only_its_own);
    (void)scope_pool_destroy(order.pool);
    return check_done();
}

/* Scenarios 31, 32 and 39: cancellation and scopes inside scopes. */
#include "tests/scope_check.h"

#include <pthread.h>

#define LEVELS 3
#define DEEP 5000
#define DEEP_STACK (512UL << 20)

/* ----------------------------------------------------------------------------------- 31: leaves on all the workers */

struct test {
    struct tally tally;
    struct scope *root;
    atomic_uint leaves; /* that poll now */
    unsigned others;    /* branches on other workers */
    atomic_uint seen;   /* scopes that ended with reason PARENT */
};

struct branch {
    struct test *test;
    unsigned level;
    bool cancels;
};

static int branch_body(struct scope *s, void *arg)
{
    struct branch branch = *(struct branch *)arg;
    struct test *test = branch.test;
    if (++branch.level < LEVELS) {
        struct scope_report report;
        int status = run_checked(NULL, &report, branch_body, &branch);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_PARENT);
        atomic_fetch_add(&test->seen, 1);
        return status;
    }
    if (branch.cancels)
        CHECK_EQ_INT(scope_cancel(test->root), 1);
    atomic_fetch_add(&test->leaves, 1);
    if (branch.cancels)
        CHECK(scope_cancelled(s)); /* when scope_cancel has returned, all have been told */
    spin_until_cancelled(s);
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_PARENT);
    return SCOPE_ECANCELED;
}

static int branch_task(struct scope *s, void *arg)
{
    (void)s;
    struct test *test = arg;
    struct branch branch = {.test = test};
    CHECK_EQ_INT(scope_run(branch_body, &branch), SCOPE_ECANCELED);
    return tally_end(&test->tally, SCOPE_ECANCELED);
}

static int root_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    struct branch own = {.test = test, .cancels = true};
    test->root = s;
    for (unsigned i = 0; i < test->others; i++)
        (void)tally_spawn(&test->tally, s, branch_task, test);
    beckon(&test->tally, s, &test->leaves, test->others);
    CHECK_EQ_INT(scope_run(branch_body, &own), SCOPE_ECANCELED);
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_EXPLICIT);
    return 0;
}

static void root_cancelled_leaves_on_all_workers_see(void)
{
    for (int round = 0; round < 10; round++) {
        struct test test = {.others = scope_pool_workers(NULL) - 1};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, root_body, &test), SCOPE_ECANCELED);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(report.cancelled, test.others);
        CHECK_EQ_INT(test.leaves, test.others + 1);
        CHECK_EQ_INT(test.seen, (test.others + 1) * (LEVELS - 1));
    }
}

static int cancel_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_cancel(s), 1);
    return 0;
}

static int child_cancelled_body(struct scope *s, void *arg)
{
    struct tally *tally = arg;
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, cancel_body, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_EXPLICIT);
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(tally_spawn(tally, s, tally_nothing, tally), SCOPE_OK);
    return 0;
}

static int child_cancelled_task(struct scope *s, void *arg)
{
    return tally_end(arg, child_cancelled_body(s, arg));
}

static int children_cancelled_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 50; i++)
        (void)tally_spawn(arg, s, child_cancelled_task, arg);
    return child_cancelled_body(s, arg);
}

static void child_cancelled_parent_untouched(void)
{
    struct tally tally = {0};
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, children_cancelled_body, &tally), SCOPE_OK);
    check_tally(&report, &tally);
    CHECK_EQ_INT(report.ok, 101);
}

/* --------------------------------------------------------------------------------------------- 32: both cancelled */

struct both {
    struct scope *outer;
    bool inner_first;
};

static int both_inner_body(struct scope *s, void *arg)
{
    struct both *both = arg;
    enum scope_reason expected = both->inner_first ? SCOPE_REASON_EXPLICIT : SCOPE_REASON_PARENT;
    if (both->inner_first)
        CHECK_EQ_INT(scope_cancel(s), 1);
    CHECK_EQ_INT(scope_cancel(both->outer), 1);
    CHECK_EQ_INT(scope_cancel(s), 0);
    CHECK_EQ_INT(scope_reason(s), expected);
    return SCOPE_ECANCELED;
}

static int both_outer_body(struct scope *s, void *arg)
{
    struct both *both = arg;
    struct scope_report report;
    both->outer = s;
    CHECK_EQ_INT(run_checked(NULL, &report, both_inner_body, both), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.reason, both->inner_first ? SCOPE_REASON_EXPLICIT : SCOPE_REASON_PARENT);
    return 0;
}

static void both_cancelled_each_right_reason(void)
{
    for (int inner_first = 0; inner_first < 2; inner_first++) {
        struct both both = {.inner_first = inner_first};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, both_outer_body, &both), SCOPE_ECANCELED);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_EXPLICIT);
    }
}

/* --------------------------------------------------------------------------------------------------- 39: 5,000 deep */

struct deep {
    struct scope *outermost;
    int depth;
    int cancelled; /* scopes that ended so */
};

static int deep_body(struct scope *s, void *arg)
{
    struct deep *deep = arg;
    if (++deep->depth == 1)
        deep->outermost = s;
    if (deep->depth == DEEP) {
        CHECK_EQ_INT(scope_cancel(deep->outermost), 1);
        CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_PARENT);
        return 0;
    }
    CHECK_EQ_INT(scope_run(deep_body, deep), SCOPE_ECANCELED);
    CHECK(scope_cancelled(s));
    deep->cancelled++;
    return 0;
}

static void *deep_thread(void *arg)
{
    struct deep *deep = arg;
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, deep_body, deep), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_EXPLICIT);
    return NULL;
}

/* The stack is for the sanitizers' frames. */
static void outermost_of_5000_cancelled_all_end(void)
{
    struct deep deep = {0};
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK_EQ_INT(pthread_attr_init(&attributes), 0);
    CHECK_EQ_INT(pthread_attr_setstacksize(&attributes, DEEP_STACK), 0);
    CHECK_EQ_INT(pthread_create(&thread, &attributes, deep_thread, &deep), 0);
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    CHECK_EQ_INT(deep.depth, DEEP);
    CHECK_EQ_INT(deep.cancelled, DEEP - 1);
}

int main(void)
{
    check_run("scenario_31_root_cancelled_leaves_on_all_workers_see", root_cancelled_leaves_on_all_workers_see);
    check_run("scenario_31_child_cancelled_parent_untouched", child_cancelled_parent_untouched);
    check_run("scenario_32_both_cancelled_each_right_reason", both_cancelled_each_right_reason);
    check_run("scenario_39_outermost_of_5000_cancelled_all_end", outermost_of_5000_cancelled_all_end);
    return check_done();
}

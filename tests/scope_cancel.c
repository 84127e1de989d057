/* Cancelling races with everything: opening scopes, spawning, ending. */
#include "tests/scope_check.h"

#include <pthread.h>

struct test {
    struct tally tally;
    atomic_uint started;
    atomic_uint cancelled; /* scope_cancel has returned */
    atomic_uint missed;    /* scopes that opened after that and were not cancelled */
    atomic_uint opened;
};

static struct scope_pool *pool; /* of at least three workers */

static int probe_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)s;
    atomic_fetch_add(&test->opened, 1);
    return 0;
}

/* Opens scopes until one comes cancelled.  Whatever was opened after scope_cancel had returned must. */
static int opening_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    int status = SCOPE_OK;
    bool polled = false;
    (void)s;
    atomic_fetch_add(&test->started, 1);
    while (status == SCOPE_OK) {
        bool after = atomic_load(&test->cancelled);
        CHECK(!polled || scope_cancelled(s)); /* level-triggered */
        polled = scope_cancelled(s);
        status = scope_run(probe_body, test);
        if (after && status != SCOPE_ECANCELED)
            atomic_fetch_add(&test->missed, 1);
    }
    CHECK_EQ_INT(status, SCOPE_ECANCELED);
    CHECK(scope_cancelled(s));
    return tally_end(&test->tally, SCOPE_ECANCELED);
}

static int opening_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)tally_spawn(&test->tally, s, opening_task, test);
    (void)tally_spawn(&test->tally, s, opening_task, test);
    beckon(&test->tally, s, &test->started, 2);
    CHECK_EQ_INT(scope_cancel(s), 1);
    atomic_store(&test->cancelled, 1);
    return 0;
}

static void while_scopes_open_none_missed(void)
{
    for (int round = 0; round < TIMES(200, 50); round++) {
        struct test test = {0};
        struct scope_options options = options_of(pool);
        struct scope_report report;
        CHECK_EQ_INT(run_checked(&options, &report, opening_body, &test), SCOPE_ECANCELED);
        check_tally(&report, &test.tally);
        CHECK_EQ_INT(test.missed, 0);
    }
}

/* Tasks spawn until refused: what was accepted is accounted, and the end comes. */
static int spawning_task(struct scope *s, void *arg)
{
    struct test *test = arg;
    atomic_fetch_add(&test->started, 1);
    while (tally_spawn(&test->tally, s, tally_nothing, &test->tally) == SCOPE_OK)
        ;
    CHECK(scope_cancelled(s));
    return tally_end(&test->tally, 0);
}

static int spawning_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    (void)tally_spawn(&test->tally, s, spawning_task, test);
    (void)tally_spawn(&test->tally, s, spawning_task, test);
    beckon(&test->tally, s, &test->started, 2);
    CHECK_EQ_INT(scope_cancel(s), 1);
    return 0;
}

static void while_tasks_spawn_all_accounted(void)
{
    for (int round = 0; round < TIMES(100, 20); round++) {
        struct test test = {0};
        struct scope_options options = options_of(pool);
        struct scope_report report;
        CHECK_EQ_INT(run_checked(&options, &report, spawning_body, &test), SCOPE_ECANCELED);
        check_tally(&report, &test.tally);
    }
}

/* One loop, of which most is refused: each argument is disposed of once, and what was accepted is accounted. */
static atomic_ullong disposed;

static void count_dispose(void *arg)
{
    (void)arg;
    atomic_fetch_add(&disposed, 1);
}

static int count_run(struct scope *s, void *arg)
{
    (void)s;
    return tally_end(arg, 0);
}

static const SCOPE_DESCRIBE(counted, .fn = count_run, .dispose = count_dispose);

static int looping_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    atomic_store(&test->started, 1);
    for (uint64_t i = 0; i < TIMES(10000000, 200000); i++)
        if (scope_spawn_task(s, &counted, &test->tally) == SCOPE_OK)
            atomic_fetch_add(&test->tally.accepted, 1);
    spin_until_cancelled(s);
    return 0;
}

struct outsider {
    struct test test;
    struct scope_token *token;
};

static void *cancels_token(void *arg)
{
    struct outsider *o = arg;
    spin_until(&o->test.started, 1);
    sched_yield();
    CHECK_EQ_INT(scope_token_cancel(o->token), 1);
    return NULL;
}

static void while_a_loop_spawns_each_disposed_once(void)
{
    struct outsider o = {.token = scope_token_create()};
    struct scope_options options = scope_options_init();
    struct scope_report report;
    pthread_t thread;
    options.token = o.token;
    atomic_store(&disposed, 0);
    CHECK_EQ_INT(pthread_create(&thread, NULL, cancels_token, &o), 0);
    CHECK_EQ_INT(run_checked(&options, &report, looping_body, &o.test), SCOPE_ECANCELED);
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    check_tally(&report, &o.test.tally);
    CHECK_EQ_INT(atomic_load(&disposed), TIMES(10000000, 200000));
    scope_token_release(o.token);
}

/* A scope that ended cancelled leaves nothing to the next one in its place. */
static int cancel_body(struct scope *s, void *arg)
{
    (void)arg;
    return scope_cancel(s) == 1 ? 0 : 1;
}

static int clean_body(struct scope *s, void *arg)
{
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_NONE);
    return tally_spawn(arg, s, tally_nothing, arg);
}

static int alternate_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ_INT(scope_run(cancel_body, NULL), SCOPE_ECANCELED);
        CHECK_EQ_INT(scope_run(clean_body, arg), SCOPE_OK);
    }
    CHECK(!scope_cancelled(s));
    return 0;
}

static void ended_scope_leaves_nothing_behind(void)
{
    struct tally tally = {0};
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, alternate_body, &tally), SCOPE_OK);
    CHECK_EQ_INT(tally.ok, 1000);
}

/* Many scopes end and open on all workers while their siblings are cancelled: each keeps its own fate. */
static int fate_task(struct scope *s, void *arg)
{
    struct tally inner = {0};
    struct scope_report report;
    (void)s;
    for (int i = 0; i < 10; i++) {
        CHECK_EQ_INT(run_checked(NULL, &report, cancel_body, NULL), SCOPE_ECANCELED);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_EXPLICIT);
        CHECK_EQ_INT(run_checked(NULL, &report, clean_body, &inner), SCOPE_OK);
    }
    return tally_end(arg, 0);
}

static int fates_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 100; i++)
        (void)tally_spawn(arg, s, fate_task, arg);
    return 0;
}

static void siblings_keep_their_own_fate(void)
{
    for (int round = 0; round < TIMES(20, 5); round++) {
        struct tally tally = {0};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, fates_body, &tally), SCOPE_OK);
        check_tally(&report, &tally);
        CHECK_EQ_INT(report.ok, 100);
    }
}

int main(void)
{
    pool = pool_at_least(3);
    check_run("cancel_while_scopes_open_none_missed", while_scopes_open_none_missed);
    check_run("cancel_while_tasks_spawn_all_accounted", while_tasks_spawn_all_accounted);
    check_run("cancel_while_a_loop_spawns_each_disposed_once", while_a_loop_spawns_each_disposed_once);
    check_run("cancel_ended_scope_leaves_nothing_behind", ended_scope_leaves_nothing_behind);
    check_run("cancel_siblings_keep_their_own_fate", siblings_keep_their_own_fate);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    return check_done();
}

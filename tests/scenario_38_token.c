/* Scenario 38: one token over three scopes in three threads; released while cancelling; cancelled from a signal handler. */
#include "tests/scope_check.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#define SCOPES 3

struct test {
    struct scope_token *token;
    atomic_uint inside;
    atomic_uint first;
};

/* ------------------------------------------------------------------------------------------------------ Arguments */

static void null_refused(void)
{
    struct scope_token *token = scope_token_create();
    CHECK_EQ_INT(scope_token_cancel(NULL), SCOPE_EINVAL);
    CHECK(!scope_token_cancelled(NULL));
    CHECK(scope_token_retain(NULL) == NULL);
    scope_token_release(NULL);
    CHECK(scope_token_retain(token) == token);
    scope_token_release(token);
    CHECK(!scope_token_cancelled(token));
    CHECK_EQ_INT(scope_token_cancel(token), 1);
    CHECK_EQ_INT(scope_token_cancel(token), 0);
    CHECK(scope_token_cancelled(token));
    scope_token_release(token);
}

/* -------------------------------------------------------------------------------------------------- Three threads */

static int polling_task(struct scope *s, void *arg)
{
    spin_until_cancelled(s);
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_TOKEN);
    return tally_end(arg, SCOPE_ECANCELED);
}

struct run {
    struct test *test;
    struct tally tally;
};

static int polling_body(struct scope *s, void *arg)
{
    struct run *run = arg;
    for (int i = 0; i < 4; i++)
        (void)tally_spawn(&run->tally, s, polling_task, &run->tally);
    atomic_fetch_add(&run->test->inside, 1);
    spin_until_cancelled(s);
    return 0;
}

static void *scope_thread(void *arg)
{
    struct run run = {.test = arg};
    struct scope_options options = scope_options_init();
    struct scope_report report;
    options.token = run.test->token;
    CHECK_EQ_INT(run_checked(&options, &report, polling_body, &run), SCOPE_ECANCELED);
    check_tally(&report, &run.tally);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_TOKEN);
    CHECK_EQ_INT(report.cancelled + report.skipped, 4);
    return NULL;
}

static void three_scopes_in_three_threads_all_cancelled(void)
{
    for (int round = 0; round < 20; round++) {
        struct test test = {.token = scope_token_create()};
        pthread_t thread[SCOPES];
        for (int i = 0; i < SCOPES; i++)
            CHECK_EQ_INT(pthread_create(&thread[i], NULL, scope_thread, &test), 0);
        spin_until(&test.inside, SCOPES);
        CHECK_EQ_INT(scope_token_cancel(test.token), 1);
        CHECK_EQ_INT(scope_token_cancel(test.token), 0);
        scope_token_release(test.token); /* the scopes hold it */
        for (int i = 0; i < SCOPES; i++)
            CHECK_EQ_INT(pthread_join(thread[i], NULL), 0);
    }
}

/* --------------------------------------------------------------------------------------------- Released meanwhile */

static void *cancel_release_thread(void *arg)
{
    struct test *test = arg;
    struct scope_token *token = test->token;
    int first = scope_token_cancel(token);
    CHECK(first == 0 || first == 1);
    atomic_fetch_add(&test->first, (unsigned)first);
    scope_token_release(token);
    return NULL;
}

static int nothing_body(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return 0;
}

/* Each thread has a reference of its own; scopes come and go. */
static void released_while_cancelling_one_first(void)
{
    for (int round = 0; round < TIMES(200, 50); round++) {
        struct test test = {.token = scope_token_create()};
        struct scope_options options = scope_options_init();
        pthread_t thread[SCOPES];
        options.token = test.token;
        for (int i = 0; i < SCOPES; i++) {
            (void)scope_token_retain(test.token);
            CHECK_EQ_INT(pthread_create(&thread[i], NULL, cancel_release_thread, &test), 0);
        }
        for (int i = 0; i < 10; i++) {
            int status = scope_run_with(&options, NULL, nothing_body, NULL);
            CHECK(status == SCOPE_OK || status == SCOPE_ECANCELED);
        }
        scope_token_release(test.token);
        for (int i = 0; i < SCOPES; i++)
            CHECK_EQ_INT(pthread_join(thread[i], NULL), 0);
        CHECK_EQ_INT(test.first, 1);
    }
}

/* ------------------------------------------------------------------------------------------------ Signal handler */

static struct test signalled;
static pthread_t main_thread;

static void cancel_handler(int number)
{
    (void)number;
    if (scope_token_cancel(signalled.token) == 1)
        atomic_fetch_add(&signalled.first, 1);
}

static void *kill_thread(void *arg)
{
    (void)arg;
    spin_until(&signalled.inside, 1);
    CHECK_EQ_INT(pthread_kill(main_thread, SIGUSR1), 0);
    return NULL;
}

static void signal_test_begin(void)
{
    struct sigaction action = {.sa_handler = cancel_handler, .sa_flags = SA_RESTART};
    CHECK_EQ_INT(sigaction(SIGUSR1, &action, NULL), 0);
    signalled.token = scope_token_create();
    atomic_store(&signalled.inside, 0);
    atomic_store(&signalled.first, 0);
    main_thread = pthread_self();
}

static void signal_test_end(void)
{
    CHECK_EQ_INT(signalled.first, 1);
    scope_token_release(signalled.token);
}

static int raise_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(raise(SIGUSR1), 0);
    CHECK(scope_cancelled(s));
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_TOKEN);
    return SCOPE_ECANCELED;
}

static void handler_in_the_body_cancels(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    signal_test_begin();
    options.token = signalled.token;
    CHECK_EQ_INT(run_checked(&options, &report, raise_body, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_TOKEN);
    signal_test_end();
}

/* The signal comes anywhere: amid spawns, in a join, between two scopes. */
static int busy_body(struct scope *s, void *arg)
{
    struct tally *tally = arg;
    atomic_store(&signalled.inside, 1);
    for (int i = 0; i < 20; i++)
        (void)tally_spawn(tally, s, tally_nothing, tally);
    return 0;
}

static void handler_anywhere_cancels(void)
{
    for (int round = 0; round < TIMES(60, 30); round++) {
        pthread_t thread;
        int status = SCOPE_OK;
        signal_test_begin();
        struct scope_options options = scope_options_init();
        options.token = signalled.token;
        CHECK_EQ_INT(pthread_create(&thread, NULL, kill_thread, NULL), 0);
        while (status == SCOPE_OK) {
            struct tally tally = {0};
            struct scope_report report;
            status = run_checked(&options, &report, busy_body, &tally);
            check_tally(&report, &tally);
            (void)poll(NULL, 0, 0); /* ThreadSanitizer delivers signals in such calls only */
        }
        CHECK_EQ_INT(status, SCOPE_ECANCELED);
        CHECK_EQ_INT(pthread_join(thread, NULL), 0);
        signal_test_end();
    }
}

int main(void)
{
    check_run("scenario_38_token_null_refused", null_refused);
    check_run("scenario_38_three_scopes_in_three_threads_all_cancelled", three_scopes_in_three_threads_all_cancelled);
    check_run("scenario_38_released_while_cancelling_one_first", released_while_cancelling_one_first);
    check_run("scenario_38_handler_in_the_body_cancels", handler_in_the_body_cancels);
    check_run("scenario_38_handler_anywhere_cancels", handler_anywhere_cancels);
    return check_done();
}

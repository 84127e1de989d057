/* A token is cancelled while a scope ends: status and reason of its report must agree.  They did not when the outcome was
 * computed before the report read the reason anew. */
#include "tests/scope_check.h"

#include <pthread.h>

struct race {
    struct scope_token *token;
    atomic_uint inside;
};

static void *cancel_thread(void *arg)
{
    struct race *race = arg;
    spin_until(&race->inside, 1);
    CHECK_EQ_INT(scope_token_cancel(race->token), 1);
    return NULL;
}

static int body(struct scope *s, void *arg)
{
    (void)s;
    atomic_store((atomic_uint *)arg, 1);
    return 0;
}

/* run_checked compares. */
static void cancel_while_scope_ends_status_and_reason_agree(void)
{
    for (int round = 0; round < TIMES(1000, 200); round++) {
        struct race race = {.token = scope_token_create()};
        struct scope_options options = scope_options_init();
        pthread_t thread;
        int status = SCOPE_OK;
        options.token = race.token;
        CHECK_EQ_INT(pthread_create(&thread, NULL, cancel_thread, &race), 0);
        while (status == SCOPE_OK) {
            struct scope_report report;
            status = run_checked(&options, &report, body, &race.inside);
            CHECK(status == SCOPE_OK || report.reason == SCOPE_REASON_TOKEN);
        }
        CHECK_EQ_INT(status, SCOPE_ECANCELED);
        CHECK_EQ_INT(pthread_join(thread, NULL), 0);
        scope_token_release(race.token);
    }
}

int main(void)
{
    check_run("report_cancel_while_scope_ends_status_and_reason_agree",
              cancel_while_scope_ends_status_and_reason_agree);
    return check_done();
}

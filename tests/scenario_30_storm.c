/* Scenarios 30 and 40: cancelling in the middle of many tasks. */
#include "tests/scope_check.h"

#define OUTER 64
#define INNER 512

/* --------------------------------------------------------------------------------------------------- 30: 64 x 512 */

struct storm {
    struct tally tally; /* of the outer scope */
    struct scope *outer;
    atomic_uint ran;       /* inner tasks */
    atomic_uint cancelled; /* scope_cancel has returned */
    atomic_uint after;     /* inner tasks that started after that */
    unsigned middle;       /* which of them cancels */
    bool flat;             /* inner tasks go to the outer scope */
};

static int drop_task(struct scope *s, void *arg)
{
    (void)s;
    struct storm *storm = arg;
    if (atomic_load(&storm->cancelled))
        atomic_fetch_add(&storm->after, 1);
    if (atomic_fetch_add(&storm->ran, 1) + 1 == storm->middle) {
        CHECK_EQ_INT(scope_cancel(storm->outer), 1);
        atomic_store(&storm->cancelled, 1);
    }
    return storm->flat ? tally_end(&storm->tally, 0) : 0;
}

static int drops_body(struct scope *s, void *arg)
{
    for (int i = 0; i < INNER; i++) {
        int status = scope_spawn(s, drop_task, arg);
        CHECK(status == SCOPE_OK || status == SCOPE_ECANCELED);
    }
    return 0;
}

static int nested_task(struct scope *s, void *arg)
{
    struct storm *storm = arg;
    struct scope_report report;
    if (storm->flat) {
        for (int i = 0; i < INNER; i++)
            (void)tally_spawn(&storm->tally, s, drop_task, storm);
        return tally_end(&storm->tally, 0);
    }
    int status = run_checked(NULL, &report, drops_body, storm);
    CHECK(status == SCOPE_OK || status == SCOPE_ECANCELED);
    CHECK(status == SCOPE_OK || report.reason == SCOPE_REASON_PARENT);
    return tally_end(&storm->tally, status);
}

static int storm_body(struct scope *s, void *arg)
{
    struct storm *storm = arg;
    storm->outer = s;
    for (int i = 0; i < OUTER; i++)
        (void)tally_spawn(&storm->tally, s, nested_task, storm);
    return 0;
}

static void storm_run(bool flat)
{
    for (int round = 0; round < TIMES(30, 5); round++) {
        struct storm storm = {.flat = flat, .middle = OUTER * INNER / 2};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, storm_body, &storm), SCOPE_ECANCELED);
        check_tally(&report, &storm.tally);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_EXPLICIT);
        CHECK(storm.ran >= storm.middle);
        CHECK(storm.after <= scope_pool_workers(NULL));
    }
}

static void nested_cancel_in_the_middle_few_start(void)
{
    storm_run(false);
}

static void flat_cancel_in_the_middle_few_start(void)
{
    storm_run(true);
}

/* ------------------------------------------------------------------------------------------- 40: around a canceller */

struct around {
    struct tally tally;
    int before;
    int after;
    bool fails; /* instead of cancelling */
};

static int canceller_task(struct scope *s, void *arg)
{
    struct around *around = arg;
    if (around->fails)
        return tally_end(&around->tally, 3);
    CHECK_EQ_INT(scope_cancel(s), 1);
    return tally_end(&around->tally, SCOPE_ECANCELED);
}

static int bystander_task(struct scope *s, void *arg)
{
    struct around *around = arg;
    return tally_end(&around->tally, scope_cancelled(s) ? SCOPE_ECANCELED : 0);
}

static int around_body(struct scope *s, void *arg)
{
    struct around *around = arg;
    for (int i = 0; i < around->before; i++)
        CHECK_EQ_INT(tally_spawn(&around->tally, s, bystander_task, around), SCOPE_OK);
    CHECK_EQ_INT(tally_spawn(&around->tally, s, canceller_task, around), SCOPE_OK);
    for (int i = 0; i < around->after; i++)
        (void)tally_spawn(&around->tally, s, bystander_task, around);
    return 0;
}

static void around_all(bool fails)
{
    for (int before = 0; before < 16; before++)
        for (int after = 0; after < 16; after++)
            for (int round = 0; round < 4; round++) {
                struct around around = {.before = before, .after = after, .fails = fails};
                struct scope_report report;
                int status = run_checked(NULL, &report, around_body, &around);
                CHECK_EQ_INT(status, fails ? SCOPE_ERROR : SCOPE_ECANCELED);
                check_tally(&report, &around.tally);
                CHECK_EQ_INT(report.failed, fails);
                CHECK(report.spawned >= (uint64_t)before + 1);
            }
}

static void around_canceller_join_ends_accounted(void)
{
    around_all(false);
}

static void around_failure_join_ends_accounted(void)
{
    around_all(true);
}

int main(void)
{
    check_run("scenario_30_nested_cancel_in_the_middle_few_start", nested_cancel_in_the_middle_few_start);
    check_run("scenario_30_flat_cancel_in_the_middle_few_start", flat_cancel_in_the_middle_few_start);
    check_run("scenario_40_around_canceller_join_ends_accounted", around_canceller_join_ends_accounted);
    check_run("scenario_40_around_failure_join_ends_accounted", around_failure_join_ends_accounted);
    return check_done();
}

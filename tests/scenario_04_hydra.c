/* Scenario 4: every task spawns two more until one fails.  It stops, with exactly one error. */
#include "tests/scope_check.h"

struct hydra {
    struct tally tally;
    unsigned long long fatal; /* which head fails, counted from 1 */
    atomic_ullong heads;
};

static int head(struct scope *s, void *arg)
{
    struct hydra *hydra = arg;
    if (atomic_fetch_add(&hydra->heads, 1) + 1 == hydra->fatal)
        return tally_end(&hydra->tally, 77);
    (void)tally_spawn(&hydra->tally, s, head, hydra);
    (void)tally_spawn(&hydra->tally, s, head, hydra);
    return tally_end(&hydra->tally, 0);
}

static int hydra_body(struct scope *s, void *arg)
{
    struct hydra *hydra = arg;
    (void)tally_spawn(&hydra->tally, s, head, hydra);
    return 0;
}

static void hydra_until(unsigned long long fatal)
{
    struct hydra hydra = {.fatal = fatal};
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, hydra_body, &hydra), SCOPE_ERROR);
    check_tally(&report, &hydra.tally);
    CHECK_EQ_INT(report.reason, SCOPE_REASON_SIBLING);
    CHECK_EQ_INT(report.failed, 1);
    CHECK_EQ_INT(report.group.total, 1);
    CHECK_EQ_INT(report.group.errors[0].code, 77);
}

static void small_stops_with_one_error(void)
{
    for (unsigned long long fatal = 1; fatal < 200; fatal++)
        hydra_until(fatal);
}

/* More tasks wait than a deque holds, so some are run by the spawn that finds it full, and those spawn again. */
static void large_stops_with_one_error(void)
{
    hydra_until(TIMES(250000, 50000));
}

int main(void)
{
    check_run("scenario_04_hydra_small_stops_with_one_error", small_stops_with_one_error);
    check_run("scenario_04_hydra_larger_than_deque_stops_with_one_error", large_stops_with_one_error);
    return check_done();
}

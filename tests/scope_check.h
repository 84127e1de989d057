/* What the tests of scopes share: runs that check their report, tasks that count themselves, pools of a certain size.
 *
 * The library computes `ok` as what is left of `spawned`, so its own sum says little.  A test's tasks count themselves in a
 * struct tally, and check_tally holds that against the report. */
#ifndef TESTS_SCOPE_CHECK_H
#define TESTS_SCOPE_CHECK_H

#include "tests/check.h"

#include <sched.h>
#include <stdlib.h>
#include <taskscope.h>

/* The most memory that the process has ever used, in bytes. */
static inline long peak_rss(void)
{
    char line[200];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof(line), status))
        if (sscanf(line, "VmHWM: %ld kB", &kib) == 1)
            break;
    if (status)
        (void)fclose(status);
    CHECK(kib > 0);
    return kib << 10;
}

/* ----------------------------------------------------------------------------------------------------------- Reports */

static inline void check_codes(const struct scope_errors *group)
{
    uint64_t counted = group->other_codes;
    for (int i = 0; i < SCOPE_CODES_KEPT; i++)
        counted += group->codes[i].count;
    CHECK_EQ_INT(counted, group->total);
}

static inline void check_group(const struct scope_errors *group)
{
    check_codes(group);
    uint64_t kept = group->total < SCOPE_ERRORS_KEPT ? group->total : SCOPE_ERRORS_KEPT;
    CHECK_EQ_INT(group->kept, kept);
    for (uint64_t i = 0; i < group->kept && i < SCOPE_ERRORS_KEPT; i++) {
        const struct scope_error *error = &group->errors[i];
        CHECK(error->code != 0);
        CHECK(memchr(error->message, 0, sizeof(error->message)) != NULL);
        CHECK(!error->nested || error->code == SCOPE_ERROR);
        CHECK(!error->nested || error->nested->total > 0);
        if (error->nested)
            check_group(error->nested);
    }
    for (uint64_t i = group->kept; i < SCOPE_ERRORS_KEPT; i++)
        CHECK(!group->errors[i].nested);
}

/* What holds for every report of a body that was run. */
static inline void check_report(const struct scope_report *report)
{
    CHECK_EQ_INT(report->size, sizeof(*report));
    CHECK_EQ_INT(report->spawned, report->ok + report->failed + report->cancelled + report->skipped);
    CHECK(report->ok <= report->spawned && report->failed <= report->spawned);
    bool won = report->reason == SCOPE_REASON_WON; /* then errors do not matter */
    CHECK(won ? report->status == SCOPE_OK : (report->status == SCOPE_ERROR) == (report->group.total > 0));
    CHECK(report->failed <= report->group.total);
    CHECK(report->skipped == 0 || report->reason != SCOPE_REASON_NONE);
    if (report->status == SCOPE_OK && !won) {
        CHECK_EQ_INT(report->reason, SCOPE_REASON_NONE);
        CHECK_EQ_INT(report->ok, report->spawned);
    }
    check_group(&report->group);
}

/* scope_run_with, its report filled and checked. */
static inline int run_checked(const struct scope_options *options, struct scope_report *report, scope_fn *body,
                              void *arg)
{
    *report = scope_report_init();
    int status = (scope_run_with)(options, report, body, arg); /* the function: no place in the texts */
    CHECK_EQ_INT(report->status, status);
    check_report(report);
    return status;
}

static inline struct scope_options options_of(struct scope_pool *pool)
{
    struct scope_options options = scope_options_init();
    options.pool = pool;
    return options;
}

/* True if the group keeps an error of this code. */
static inline bool group_has(const struct scope_errors *group, int code)
{
    for (uint64_t i = 0; i < group->kept; i++)
        if (group->errors[i].code == code)
            return true;
    return false;
}

/* ----------------------------------------------------------------------------------------------------------- Tallies */

struct tally {
    atomic_ullong accepted;
    atomic_ullong ok;
    atomic_ullong failed;
    atomic_ullong cancelled;
};

/* Spawns, and counts it if it was accepted. */
static inline int tally_spawn(struct tally *tally, struct scope *s, scope_fn *fn, void *arg)
{
    int status = scope_spawn(s, fn, arg);
    if (status == SCOPE_OK)
        atomic_fetch_add(&tally->accepted, 1);
    else
        CHECK_EQ_INT(status, SCOPE_ECANCELED);
    return status;
}

/* The last thing that a task does: `return tally_end(tally, code)`. */
static inline int tally_end(struct tally *tally, int code)
{
    atomic_fetch_add(code == 0 ? &tally->ok : code == SCOPE_ECANCELED ? &tally->cancelled : &tally->failed, 1);
    return code;
}

/* A task that does nothing but that. */
static inline int tally_nothing(struct scope *s, void *arg)
{
    (void)s;
    return tally_end(arg, 0);
}

static inline void check_tally(const struct scope_report *report, const struct tally *tally)
{
    unsigned long long ran = tally->ok + tally->failed + tally->cancelled;
    check_totals(tally->accepted, ran, report->skipped);
    CHECK_EQ_INT(report->spawned, tally->accepted);
    CHECK_EQ_INT(report->ok, tally->ok);
    CHECK_EQ_INT(report->failed, tally->failed);
    CHECK_EQ_INT(report->cancelled, tally->cancelled);
    CHECK_EQ_INT(report->skipped, tally->accepted - ran);
}

/* ------------------------------------------------------------------------------------------------------- Parallel ones */

/* A pool of at least so many workers, more if the default pool has more. */
static inline struct scope_pool *pool_at_least(unsigned workers)
{
    struct scope_pool_options options = {.size = sizeof(options), .workers = scope_pool_workers(NULL)};
    struct scope_pool *pool = NULL;
    if (options.workers < workers)
        options.workers = workers;
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK);
    if (!pool || scope_pool_workers(pool) < workers) {
        printf("Bail out! no pool of %u workers\n", workers);
        exit(1);
    }
    return pool;
}

static inline struct scope_pool *pool_of_one(void)
{
    struct scope_pool_options options = {.size = sizeof(options), .workers = 1};
    struct scope_pool *pool = NULL;
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK);
    return pool;
}

/* Spawns tasks that do nothing until wanted others have started on other workers: the oldest tasks are stolen first, and a
 * worker that spawns answers those that are hungry.  The pool must have wanted + 1 workers. */
static inline void beckon(struct tally *tally, struct scope *s, const atomic_uint *started, unsigned wanted)
{
    while (atomic_load(started) < wanted) {
        (void)tally_spawn(tally, s, tally_nothing, tally);
        sched_yield();
    }
}

static inline void spin_until(const atomic_uint *flag, unsigned wanted)
{
    while (atomic_load(flag) < wanted)
        sched_yield();
}

static inline void spin_until_cancelled(const struct scope *s)
{
    while (!scope_cancelled(s))
        sched_yield();
}

#endif

/* Arguments that make no sense, to every call of loops, searches, permits and reports: refused, nothing is called, nothing is
 * written.  And what is so short, or so large, that a call treats it on its own. */
#include "tests/scope_check.h"

#include <pthread.h>

static int never_for(struct scope *s, size_t begin, size_t end, void *arg)
{
    return CHECK(!s && begin > end && arg);
}

static int never_2d(struct scope *s, struct scope_range rows, struct scope_range columns, void *arg)
{
    return CHECK(!s && rows.begin > rows.end && columns.begin > columns.end && arg);
}

static int never_3d(struct scope *s, struct scope_range planes, struct scope_range rows, struct scope_range columns,
                    void *arg)
{
    return CHECK(planes.begin > planes.end) && never_2d(s, rows, columns, arg);
}

static int never_each(struct scope *s, void *element, void *arg)
{
    return CHECK(!s && !element && arg);
}

static int never_map(struct scope *s, const void *input, void *output, void *arg)
{
    return CHECK(!s && !input && !output && arg);
}

static int never_task(struct scope *s, void *arg)
{
    return CHECK(!s && arg);
}

static void loops_refuse(void)
{
    static const struct scope_range one = {0, 1}, back = {2, 1}, huge = {0, SIZE_MAX};
    static const struct scope_call gap[] = {{NULL, NULL}};
    int items[2] = {0};
    CHECK_EQ_INT(scope_for(NULL, 0, 1, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for(NULL, 2, 1, never_for, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_2d(NULL, one, one, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_2d(NULL, back, one, never_2d, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_2d(NULL, one, back, never_2d, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_2d(NULL, huge, huge, never_2d, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_3d(NULL, one, one, one, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_3d(NULL, back, one, one, never_3d, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_3d(NULL, huge, huge, one, never_3d, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_3d(NULL, one, huge, huge, never_3d, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_each(NULL, items, 2, sizeof(int), NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_each(NULL, NULL, 2, sizeof(int), never_each, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_each(NULL, items, 2, 0, never_each, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_each(NULL, items, SIZE_MAX, 2, never_each, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_map(NULL, items, 4, items, 4, 1, NULL, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_map(NULL, NULL, 4, items, 4, 1, NULL, never_map, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_map(NULL, items, 4, NULL, 4, 1, NULL, never_map, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_invoke(NULL, NULL, 1), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_invoke(NULL, gap, 1), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_invoke(NULL, NULL, 0), SCOPE_OK);
    CHECK_EQ_INT(scope_pipeline(NULL, NULL, 1, 1, NULL), SCOPE_EINVAL);
}

/* ----------------------------------------------------------------------------------------------- Reductions, searches */

static int never_reduce(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    return CHECK(!value) && never_for(s, begin, end, arg);
}

static int never_scan(struct scope *s, size_t begin, size_t end, const void *before, void *sum, void *arg)
{
    return CHECK(!before) && never_reduce(s, begin, end, sum, arg);
}

static void never_combine(void *left, const void *right, void *arg)
{
    CHECK(!left && !right && arg);
}

static void reductions_refuse(void)
{
    const int zero = 0;
    int result = 5;
    const struct scope_reduction good = {
        .size = sizeof(int), .identity = &zero, .map = never_reduce, .combine = never_combine};
    struct scope_reduction bad[4] = {good, good, good, good};
    bad[0].size = 0;
    bad[1].identity = NULL;
    bad[2].map = NULL;
    bad[3].combine = NULL;
    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(scope_reduce(NULL, 0, 1, &bad[i], &result), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_reduce(NULL, 0, 1, NULL, &result), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_reduce(NULL, 0, 1, &good, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_reduce(NULL, 2, 1, &good, &result), SCOPE_EINVAL);
    CHECK_EQ_INT(result, 5);
}

static void scans_refuse(void)
{
    const int zero = 0;
    int total = 5;
    const struct scope_prefix good = {
        .size = sizeof(int), .identity = &zero, .scan = never_scan, .combine = never_combine};
    struct scope_prefix bad[4] = {good, good, good, good};
    bad[0].size = 0;
    bad[1].identity = NULL;
    bad[2].scan = NULL;
    bad[3].combine = NULL;
    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(scope_scan(NULL, 0, 1, &bad[i], &total), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_scan(NULL, 0, 1, NULL, &total), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_scan(NULL, 2, 1, &good, &total), SCOPE_EINVAL);
    CHECK_EQ_INT(total, 5);
}

static size_t never_find(struct scope *s, size_t begin, size_t end, void *arg)
{
    CHECK(!s && begin > end && arg);
    return end;
}

static bool never_keep(const void *element, void *arg)
{
    return CHECK(!element && arg);
}

static int never_fill(struct scope *s, size_t begin, size_t end, uint64_t *counts, void *arg)
{
    return CHECK(!counts) && never_for(s, begin, end, arg);
}

static void searches_refuse(void)
{
    size_t found = 5;
    bool yes = true, no = false;
    int items[2] = {0}, kept_items[2] = {0};
    uint64_t counts[2] = {3, 4};
    CHECK_EQ_INT(scope_find(NULL, 0, 1, NULL, NULL, &found), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_find(NULL, 2, 1, never_find, NULL, &found), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_find(NULL, 0, 1, never_find, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_any(NULL, 0, 1, NULL, NULL, &yes), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_any(NULL, 2, 1, never_find, NULL, &no), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_any(NULL, 0, 1, never_find, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_all(NULL, 0, 1, NULL, NULL, &yes), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_all(NULL, 2, 1, never_find, NULL, &no), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_all(NULL, 0, 1, never_find, NULL, NULL), SCOPE_EINVAL);
    CHECK(found == 5 && yes && !no);
    CHECK_EQ_INT(scope_filter(NULL, NULL, 2, 4, kept_items, never_keep, NULL, &found), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_filter(NULL, items, 2, 4, NULL, never_keep, NULL, &found), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_filter(NULL, items, 2, 0, kept_items, never_keep, NULL, &found), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_filter(NULL, items, 2, 4, kept_items, NULL, NULL, &found), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_filter(NULL, items, 2, 4, kept_items, never_keep, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_histogram(NULL, 0, 1, 0, counts, never_fill, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_histogram(NULL, 0, 1, 2, NULL, never_fill, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_histogram(NULL, 0, 1, 2, counts, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_histogram(NULL, 2, 1, 2, counts, never_fill, NULL), SCOPE_EINVAL);
    CHECK(counts[0] == 3 && counts[1] == 4);
}

/* ------------------------------------------------------------------------------------------- Spawns, permits, reports */

static void *dispose_arg;

static void dispose(void *arg)
{
    dispose_arg = arg;
}

static int spawns_refused_body(struct scope *s, void *arg)
{
    static const SCOPE_DESCRIBE(nameless, .fn = NULL, .dispose = dispose);
    static const SCOPE_DESCRIBE(flags, .fn = never_task, .dispose = dispose, .flags = 1u << 31);
    static const SCOPE_DESCRIBE(empty, .fn = never_task, .copy = 8);
    static const SCOPE_DESCRIBE(large, .fn = never_task, .copy = SCOPE_COPY_MAX + 1);
    CHECK_EQ_INT(scope_spawn_task(s, NULL, arg), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_task(s, &nameless, arg), SCOPE_EINVAL);
    CHECK(dispose_arg == NULL);
    CHECK_EQ_INT(scope_spawn_task(s, &flags, arg), SCOPE_EINVAL);
    CHECK(dispose_arg == arg);
    CHECK_EQ_INT(scope_spawn_task(s, &empty, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_task(s, &large, arg), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_task(NULL, &flags, arg), SCOPE_EINVAL);
    struct scope_permit *permit = scope_permit_create(s);
    if (!CHECK(permit != NULL))
        return 0;
    CHECK_EQ_INT(scope_permit_spawn(permit, NULL, arg), SCOPE_EINVAL);
    CHECK(!scope_permit_cancelled(permit));
    scope_permit_release(permit);
    CHECK_EQ_INT(scope_set_deadline(NULL, 0), SCOPE_EINVAL);
    return 0;
}

static int sets_outer_deadline(struct scope *s, void *outer)
{
    (void)s;
    CHECK_EQ_INT(scope_set_deadline(outer, scope_now_ns() + 1), SCOPE_EPERM);
    return 0;
}

static int deadline_body(struct scope *s, void *arg)
{
    (void)arg;
    return scope_run(sets_outer_deadline, s);
}

static void spawns_refuse(void)
{
    int arg;
    dispose_arg = NULL;
    CHECK_EQ_INT(scope_run(spawns_refused_body, &arg), SCOPE_OK);
    CHECK_EQ_INT(scope_run(deadline_body, NULL), SCOPE_OK);
    CHECK_EQ_INT(scope_permit_spawn(NULL, never_task, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_permit_cancel(NULL), SCOPE_EINVAL);
    CHECK(!scope_permit_cancelled(NULL));
    scope_permit_release(NULL);
    CHECK(scope_permit_create(NULL) == NULL);
}

/* ------------------------------------------------------------------------------------------------- From elsewhere */

static int never_stage(struct scope *s, void **item, void *arg)
{
    return CHECK(!s && !item && arg);
}

/* By a thread that is in no scope, and by one that is in an inner one. */
static void *all_eperm(void *arg)
{
    static const struct scope_stage stage = {.fn = never_stage};
    static const struct scope_call call[] = {{never_task, NULL}};
    struct scope *s = arg;
    int item = 0;
    CHECK_EQ_INT(scope_for(s, 0, 1, never_for, NULL), SCOPE_EPERM);
    CHECK_EQ_INT(scope_for_each(s, &item, 1, sizeof(item), never_each, NULL), SCOPE_EPERM);
    CHECK_EQ_INT(scope_invoke(s, call, 1), SCOPE_EPERM);
    CHECK_EQ_INT(scope_pipeline(s, &stage, 1, 1, NULL), SCOPE_EPERM);
    CHECK_EQ_INT(scope_fork2(s, never_task, NULL, never_task, NULL), SCOPE_EPERM);
    CHECK_EQ_INT(scope_set_deadline(s, 1), SCOPE_EPERM);
    CHECK_EQ_INT(scope_sort_i32(s, &item, 1), SCOPE_EPERM);
    return NULL;
}

static int inner_eperm(struct scope *s, void *outer)
{
    (void)s;
    (void)all_eperm(outer);
    return 0;
}

static int elsewhere_body(struct scope *s, void *arg)
{
    pthread_t thread;
    (void)arg;
    if (CHECK(pthread_create(&thread, NULL, all_eperm, s) == 0))
        CHECK(pthread_join(thread, NULL) == 0);
    return scope_run(inner_eperm, s);
}

static void calls_from_elsewhere_refused(void)
{
    CHECK_EQ_INT(scope_run(elsewhere_body, NULL), SCOPE_OK);
}

static void pools_end_in_any_order(void)
{
    struct scope_pool_options options = {.size = sizeof(options), .workers = 2};
    struct scope_pool *pool[3];
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(scope_pool_create(&pool[i], &options), SCOPE_OK);
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(scope_pool_destroy(pool[(i + 1) % 3]), SCOPE_OK);
}

static bool match_any(const struct scope_error *error, void *arg)
{
    return CHECK(!error && arg);
}

static void reports_refuse(void)
{
    struct scope_report report = scope_report_init();
    struct scope_errors *a = NULL, *b = NULL;
    CHECK_EQ_INT(scope_errors_split(NULL, match_any, NULL, &a, &b), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_errors_split(&report.group, NULL, NULL, &a, &b), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_errors_split(&report.group, match_any, NULL, NULL, &b), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_errors_split(&report.group, match_any, NULL, &a, NULL), SCOPE_EINVAL);
    CHECK(a == NULL && b == NULL);
    CHECK(scope_leaves_next(NULL) == NULL);
}

/* ---------------------------------------------------------------------------------------------------------- Extremes */

struct wide {
    uint64_t part[100];
};

static int wide_scan(struct scope *s, size_t begin, size_t end, const void *before, void *sum, void *arg)
{
    (void)s, (void)arg;
    for (size_t i = begin; i < end; i++)
        for (int k = 0; k < 100; k++)
            ((struct wide *)sum)->part[k] += i + (before ? 0 * ((const struct wide *)before)->part[k] : 0);
    return 0;
}

static void wide_combine(void *left, const void *right, void *arg)
{
    (void)arg;
    for (int k = 0; k < 100; k++)
        ((struct wide *)left)->part[k] += ((const struct wide *)right)->part[k];
}

static int wide_map(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    return wide_scan(s, begin, end, NULL, value, arg);
}

static void wide_values_are_summed(void)
{
    static const struct wide none;
    struct wide sum, total;
    const struct scope_reduction reduction = {
        .size = sizeof(none), .identity = &none, .map = wide_map, .combine = wide_combine};
    const struct scope_prefix prefix = {
        .size = sizeof(none), .identity = &none, .scan = wide_scan, .combine = wide_combine};
    CHECK_EQ_INT(scope_reduce(NULL, 0, 1000, &reduction, &sum), SCOPE_OK);
    CHECK_EQ_INT(scope_scan(NULL, 0, 1000, &prefix, &total), SCOPE_OK);
    for (int k = 0; k < 100; k++)
        CHECK(sum.part[k] == 499500 && total.part[k] == 499500);
}

static int unshields_inner(struct scope *s, void *outer)
{
    CHECK_EQ_INT(scope_unshield(s), SCOPE_OK);
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(scope_cancel(s), 1);
    CHECK_EQ_INT(scope_cancel(outer), 1);
    CHECK_EQ_INT(scope_unshield(s), SCOPE_OK);
    CHECK_EQ_INT(scope_reason(s), SCOPE_REASON_EXPLICIT);
    return 0;
}

static int unshields(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_unshield(s), SCOPE_OK);
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(scope_run(unshields_inner, s), SCOPE_ECANCELED);
    return 0;
}

static void unshield_without_a_shield_harmless(void)
{
    CHECK_EQ_INT(scope_run(unshields, NULL), SCOPE_ECANCELED);
}

static int until_cancelled(struct scope *s, void *arg)
{
    (void)arg;
    while (!scope_cancelled(s))
        sched_yield();
    return SCOPE_ECANCELED;
}

static void earlier_of_timeout_and_deadline_counts(void)
{
    struct scope_options options = scope_options_init();
    options.timeout_ns = 3600000000000u;
    options.deadline_ns = scope_now_ns() + 1;
    CHECK_EQ_INT(scope_run_with(&options, NULL, until_cancelled, NULL), SCOPE_TIMEOUT);
    options.timeout_ns = 1;
    options.deadline_ns = scope_now_ns() + 3600000000000u;
    CHECK_EQ_INT(scope_run_with(&options, NULL, until_cancelled, NULL), SCOPE_TIMEOUT);
}

int main(void)
{
    check_run("loops_refuse", loops_refuse);
    check_run("reductions_refuse", reductions_refuse);
    check_run("scans_refuse", scans_refuse);
    check_run("searches_refuse", searches_refuse);
    check_run("spawns_refuse", spawns_refuse);
    check_run("calls_from_elsewhere_refused", calls_from_elsewhere_refused);
    check_run("pools_end_in_any_order", pools_end_in_any_order);
    check_run("reports_refuse", reports_refuse);
    check_run("unshield_without_a_shield_harmless", unshield_without_a_shield_harmless);
    check_run("earlier_of_timeout_and_deadline_counts", earlier_of_timeout_and_deadline_counts);
    check_run("wide_values_are_summed", wide_values_are_summed);
    return check_done();
}

/* Reductions and scans: the same bits whatever the workers, orders kept, failures; searches, filter, histogram. */
#include "tests/scope_check.h"

#include <math.h>
#include <time.h>

#define N 20000
#define FAILED 41

static double number[N], result[N];

/* Some chunks take longer, so that loops are divided at other places each time. */
static void dawdle(size_t i)
{
    static atomic_uint calls;
    struct timespec begin, now;
    if ((atomic_fetch_add(&calls, 1) * 2654435761u + i) % 64)
        return;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < 30000);
}

static struct scope_pool *pool_of(unsigned workers)
{
    struct scope_pool_options options = {.size = sizeof(options), .workers = workers};
    struct scope_pool *pool = NULL;
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK);
    return pool;
}

/* ------------------------------------------------------------------------------------------------------ The same bits */

#define RUNS TIMES(15, 2) /* in each pool: more than 100 in all */
#define RUNS_SHARED TIMES(100, 5)
#define RUNS_MORE 100

static const unsigned workers[] = {1, 2, 3, 4, 7, 16, 32};
#define POOLS (sizeof(workers) / sizeof(*workers))

/* Whether work was divided: somebody else than the caller has helped.  If he has not in any of the usual runs, the caller waits for him
 * in some more. */
static _Thread_local bool caller;
static atomic_bool helped, help_wanted;

static void call_seen(void)
{
    if (!caller)
        atomic_store(&helped, true);
    for (int i = 0; i < 1000 && caller && atomic_load(&help_wanted) && !atomic_load(&helped); i++)
        sched_yield();
}

/* Calls run(pool, case) for each case, often; it compares what comes out.  The last case is one that is worth sharing. */
static void runs_in_each_pool(void (*run)(struct scope_pool *pool, size_t which), size_t cases)
{
    for (size_t k = 0; k < POOLS; k++) {
        struct scope_pool *pool = pool_of(workers[k]);
        atomic_store(&helped, false);
        for (size_t which = 0; which < cases; which++)
            for (int i = 0; i < (which < cases - 1 ? RUNS : RUNS_SHARED); i++)
                run(pool, which);
        atomic_store(&help_wanted, workers[k] > 1);
        for (int i = 0; i < RUNS_MORE && help_wanted && !helped; i++)
            run(pool, cases - 1);
        atomic_store(&help_wanted, false);
        CHECK_EQ_INT(helped, workers[k] > 1);
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    }
}

/* What is right, by the first run of all; later ones must have the same bits. */
static void check_bits(void *expected, const void *got, size_t size, bool *known)
{
    if (!*known)
        memcpy(expected, got, size);
    *known = true;
    CHECK(memcmp(expected, got, size) == 0);
}

/* Else the tests below would not notice a change of the order. */
static void numbers_in_another_order_other_bits(void)
{
    for (size_t n = 31; n <= N; n *= 5) {
        double forward = 0, backward = 0;
        for (size_t i = 0; i < n; i++) {
            forward += number[i];
            backward += number[n - 1 - i];
        }
        CHECK(fabs(forward - backward) < 1e-9 && memcmp(&forward, &backward, sizeof(forward)) != 0);
    }
}

/* ------------------------------------------------------------------------------------------------------------- Reduce */

static int sum_map(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    (void)s;
    (void)arg;
    double sum = *(double *)value;
    dawdle(begin);
    call_seen();
    for (size_t i = begin; i < end; i++)
        sum += number[i];
    *(double *)value = sum;
    return 0;
}

static void sum_combine(void *left, const void *right, void *arg)
{
    (void)arg;
    *(double *)left += *(const double *)right;
}

static const double zero = 0;
static struct scope_reduction sum = {sizeof(double), &zero, sum_map, sum_combine, NULL, 0};

/* Items, and of how many a block is. */
static const size_t sums[][2] = {{1, 0},  {1, 1},  {31, 0},   {31, 1},   {32, 0},   {32, 1}, {33, 0},  {33, 1},
                                 {33, 2}, {63, 0}, {1000, 0}, {1000, 1}, {1000, 2}, {N, 97}, {N, 999}, {N, 0}};
#define SUMS (sizeof(sums) / sizeof(*sums))

static void sum_in(struct scope_pool *pool, size_t which)
{
    static double expected[SUMS];
    static bool known[SUMS];
    double total = -1;
    struct scope_options options = options_of(pool);
    struct scope_reduction with = sum;
    with.block = sums[which][1];
    SCOPE(s, &options, NULL)
    CHECK_EQ_INT(scope_reduce(s, 0, sums[which][0], &with, &total), SCOPE_OK);
    check_bits(&expected[which], &total, sizeof(total), &known[which]);
}

static void reduce_any_workers_same_bits(void)
{
    runs_in_each_pool(sum_in, SUMS);
}

/* x -> a x + b, modulo 2^64: associative, but not commutative; with padding to make it large. */
struct affine {
    uint64_t a, b;
    char padding[100];
};

static int affine_map(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    (void)s;
    (void)arg;
    struct affine *f = value;
    dawdle(begin);
    for (size_t i = begin; i < end; i++) {
        f->b = f->b * (2 * i + 3) + i;
        f->a *= 2 * i + 3;
    }
    return 0;
}

static void affine_combine(void *left, const void *right, void *arg)
{
    (void)arg;
    struct affine *f = left;
    const struct affine *g = right;
    f->b = f->b * g->a + g->b;
    f->a *= g->a;
}

static void reduce_keeps_the_order(void)
{
    static const struct affine identity = {.a = 1};
    struct scope_reduction affine = {sizeof(identity), &identity, affine_map, affine_combine, NULL, 0};
    for (size_t n = 0; n < 3000; n = n * 3 / 2 + 1)
        for (affine.block = 0; affine.block < 4; affine.block++) {
            struct affine expected = identity, got = {0};
            for (size_t i = 10; i < 10 + n; i++) {
                expected.b = expected.b * (2 * i + 3) + i;
                expected.a *= 2 * i + 3;
            }
            CHECK_EQ_INT(scope_reduce(NULL, 10, 10 + n, &affine, &got), SCOPE_OK);
            CHECK(got.a == expected.a && got.b == expected.b);
        }
}

/* The items that a value is of, for combinations that say if what they are given does not belong together. */
struct items {
    size_t begin, end;
};

static int items_map(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    (void)s;
    size_t bad = *(size_t *)arg;
    *(struct items *)value = (struct items){begin, end};
    dawdle(begin);
    return begin <= bad && bad < end ? FAILED : 0;
}

static void items_combine(void *left, const void *right, void *arg)
{
    (void)arg;
    struct items *a = left;
    const struct items *b = right;
    CHECK_EQ_INT(a->end, b->begin);
    CHECK(a->begin < a->end && b->begin < b->end);
    a->end = b->end;
}

static int fail_body(struct scope *s, void *arg)
{
    static const struct items none;
    const struct scope_reduction what = {sizeof(none), &none, items_map, items_combine, arg, 1};
    struct items all = {7, 7};
    int code = scope_reduce(s, 0, 500, &what, &all);
    CHECK_EQ_INT(all.begin, code ? 7 : 0);
    CHECK_EQ_INT(all.end, code ? 7 : 500);
    return code;
}

static void reduce_failing_at_any_place_is_told(void)
{
    for (size_t bad = 0; bad <= 500; bad += 25) {
        struct scope_report report;
        char text[SCOPE_MESSAGE_MAX];
        CHECK_EQ_INT(run_checked(NULL, &report, fail_body, &bad), bad < 500 ? SCOPE_ERROR : SCOPE_OK);
        snprintf(text, sizeof(text), "items %zu to %zu", bad, bad);
        if (bad < 500)
            CHECK_EQ_STR(report.group.errors[0].message, text);
        scope_report_fini(&report);
    }
}

static void reduce_wrong_arguments_refused(void)
{
    double total;
    struct scope_reduction bad = sum;
    CHECK_EQ_INT(scope_reduce(NULL, 0, 1, NULL, &total), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_reduce(NULL, 0, 1, &sum, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_reduce(NULL, 2, 1, &sum, &total), SCOPE_EINVAL);
    bad.size = 0;
    CHECK_EQ_INT(scope_reduce(NULL, 0, 1, &bad, &total), SCOPE_EINVAL);
    bad.size = SIZE_MAX;
    CHECK_EQ_INT(scope_reduce(NULL, 0, 1, &bad, &total), SCOPE_EINVAL);
    bad = sum;
    bad.identity = NULL;
    CHECK_EQ_INT(scope_reduce(NULL, 0, 1, &bad, &total), SCOPE_EINVAL);
}

/* --------------------------------------------------------------------------------------------------------------- Scan */

static int sum_scan(struct scope *s, size_t begin, size_t end, const void *before, void *value, void *arg)
{
    (void)s;
    double local = *(double *)value;
    dawdle(begin);
    call_seen();
    for (size_t i = begin; i < end; i++) {
        if (arg && before)
            result[i] = *(const double *)before + local;
        local += number[i];
        if (!arg && before)
            result[i] = *(const double *)before + local;
    }
    *(double *)value = local;
    return 0;
}

#define SCANS 4 /* inclusive or exclusive, in short or usual blocks */

static void scan_in(struct scope_pool *pool, size_t which)
{
    static double expected[SCANS][N], expected_total[SCANS];
    static bool known[SCANS], total_known[SCANS];
    bool exclusive = which % 2;
    struct scope_options options = options_of(pool);
    const struct scope_prefix prefix = {sizeof(double),    &zero, sum_scan, sum_combine, exclusive ? &options : NULL,
                                        which < 2 ? 50 : 0};
    double total = -1;
    memset(result, 0, sizeof(result));
    SCOPE(s, &options, NULL)
    CHECK_EQ_INT(scope_scan(s, 0, N, &prefix, &total), SCOPE_OK);
    check_bits(expected[which], result, sizeof(result), &known[which]);
    check_bits(&expected_total[which], &total, sizeof(total), &total_known[which]);
    CHECK(fabs(total - (result[N - 1] + (exclusive ? number[N - 1] : 0))) < 1e-9);
}

static void scan_any_workers_same_bits(void)
{
    runs_in_each_pool(scan_in, SCANS);
}

static void scan_any_length_right(void)
{
    for (size_t n = 0; n < 5000; n = n * 3 / 2 + 1) {
        const struct scope_prefix prefix = {sizeof(double), &zero, sum_scan, sum_combine, NULL, 0};
        double total = -1, expected = 0;
        CHECK_EQ_INT(scope_scan(NULL, 0, n, &prefix, &total), SCOPE_OK);
        for (size_t i = 0; i < n; i++) {
            expected += number[i];
            CHECK(fabs(result[i] - expected) < 1e-9);
        }
        CHECK(fabs(total - expected) < 1e-9);
    }
}

static int fail_scan(struct scope *s, size_t begin, size_t end, const void *before, void *value, void *arg)
{
    (void)s;
    (void)before;
    (void)value;
    size_t bad = *(size_t *)arg;
    dawdle(begin);
    return begin <= bad && bad < end ? FAILED : 0;
}

static int scan_body(struct scope *s, void *arg)
{
    const struct scope_prefix prefix = {sizeof(double), &zero, fail_scan, sum_combine, arg, 10};
    return scope_scan(s, 0, N, &prefix, NULL);
}

static void scan_failing_at_any_place_is_told(void)
{
    for (size_t bad = 0; bad < N; bad += 1111) {
        struct scope_report report;
        char text[SCOPE_MESSAGE_MAX];
        CHECK_EQ_INT(run_checked(NULL, &report, scan_body, &bad), SCOPE_ERROR);
        snprintf(text, sizeof(text), "items %zu to %zu", bad / 10 * 10, bad / 10 * 10 + 9);
        CHECK_EQ_STR(report.group.errors[0].message, text);
        scope_report_fini(&report);
    }
}

/* ----------------------------------------------------------------------------------------------------------- Searches */

static size_t at_least(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    dawdle(begin);
    for (size_t i = begin; i < end; i++)
        if (i % 1000 == 999 && i >= *(size_t *)arg)
            return i;
    return end;
}

static void find_is_the_first(void)
{
    for (size_t from = 0; from <= N; from += 250) {
        size_t found = 7;
        bool any = false, all = false;
        size_t expected = from <= N - 1 ? (from + 1000) / 1000 * 1000 - 1 : N;
        CHECK_EQ_INT(scope_find(NULL, 0, N, at_least, &from, &found), SCOPE_OK);
        CHECK_EQ_INT(found, expected);
        CHECK_EQ_INT(scope_any(NULL, 0, N, at_least, &from, &any), SCOPE_OK);
        CHECK_EQ_INT(any, from < N);
        CHECK_EQ_INT(scope_all(NULL, 0, N, at_least, &from, &all), SCOPE_OK);
        CHECK_EQ_INT(all, from >= N);
    }
    size_t from = 0, found = 0;
    CHECK_EQ_INT(scope_find(NULL, 5, 5, at_least, &from, &found), SCOPE_OK);
    CHECK_EQ_INT(found, 5);
    CHECK_EQ_INT(scope_find(NULL, 999, 2000, at_least, &from, &found), SCOPE_OK);
    CHECK_EQ_INT(found, 999);
}

static bool keep_third(const void *element, void *arg)
{
    uint32_t key = 0;
    memcpy(&key, element, *(size_t *)arg < 4 ? *(size_t *)arg : 4);
    dawdle(key);
    return key % 3 == 0;
}

static void filter_keeps_the_order(void)
{
    static char input[5000 * 12], output[sizeof(input)];
    for (size_t size = 2; size <= 12; size += 2)
        for (size_t count = 0; count <= 5000; count = count * 4 + 1)
            for (int in_place = 0; in_place < 2; in_place++) {
                size_t kept = 7, expected = 0;
                memset(input, 0, sizeof(input));
                for (uint32_t i = 0; i < count; i++)
                    memcpy(input + i * size, &i, size < 4 ? size : 4);
                char *to = in_place ? input : output;
                CHECK_EQ_INT(scope_filter(NULL, input, count, size, to, keep_third, &size, &kept), SCOPE_OK);
                for (uint32_t i = 0; i < count; i += 3, expected++)
                    CHECK(memcmp(to + expected * size, &i, size < 4 ? size : 4) == 0);
                CHECK_EQ_INT(kept, expected);
            }
}

static struct scope *keeping;

static bool keep_and_cancel(const void *element, void *arg)
{
    uint32_t key;
    memcpy(&key, element, sizeof(key));
    if (key == *(uint32_t *)arg)
        (void)scope_cancel(keeping);
    return true;
}

static void filter_cancelled_keeps_none(void)
{
    uint32_t input[100], output[100], last = 50;
    size_t kept = 7;
    for (uint32_t i = 0; i < 100; i++)
        input[i] = i;
    SCOPE(s, NULL, NULL)
    {
        keeping = s;
        int code = scope_filter(s, input, 100, 4, output, keep_and_cancel, &last, &kept);
        CHECK(code == SCOPE_OK ? kept == 100 : code == SCOPE_ECANCELED && kept == 0);
    }
    CHECK_EQ_INT(scope_filter(NULL, input, 100, 0, output, keep_third, &last, &kept), SCOPE_EINVAL);
}

static int count_digits(struct scope *s, size_t begin, size_t end, uint64_t *counts, void *arg)
{
    (void)s;
    (void)arg;
    dawdle(begin);
    for (size_t i = begin; i < end; i++)
        counts[i % 10]++;
    return 0;
}

static void histogram_counts_each_item_once(void)
{
    uint64_t counts[10] = {5};
    CHECK_EQ_INT(scope_histogram(NULL, 0, N, 10, counts, count_digits, NULL), SCOPE_OK);
    for (int i = 0; i < 10; i++)
        CHECK_EQ_INT(counts[i], N / 10 + (i ? 0 : 5));
    CHECK_EQ_INT(scope_histogram(NULL, 0, N, 0, counts, count_digits, NULL), SCOPE_EINVAL);
}

/* ---------------------------------------------------------------------------------------- Cancelled at any place
 *
 * At the k-th call of a function that each algorithm is given.  Its result is right, or it says that it was cancelled. */

#define ITEMS 3000

static struct scope *cancelled_scope;
static atomic_int calls_left;

static void call_counts(size_t i)
{
    dawdle(i);
    if (atomic_fetch_sub(&calls_left, 1) == 1)
        (void)scope_cancel(cancelled_scope);
}

static int count_map(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    (void)s, (void)arg;
    call_counts(begin);
    *(double *)value += (double)(end - begin);
    return 0;
}

static int count_scan(struct scope *s, size_t begin, size_t end, const void *before, void *value, void *arg)
{
    call_counts(begin);
    return sum_scan(s, begin, end, before, value, arg);
}

static size_t last_found(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s, (void)arg;
    call_counts(begin);
    return end == ITEMS ? end - 1 : end;
}

static bool keep_all(const void *element, void *arg)
{
    (void)element;
    call_counts((size_t)arg);
    return true;
}

static int count_fill(struct scope *s, size_t begin, size_t end, uint64_t *counts, void *arg)
{
    (void)s, (void)arg;
    call_counts(begin);
    counts[1] += end - begin;
    return 0;
}

/* Algorithm which; true: what it returned fits what it has done. */
static int cancelled_call(struct scope *s, int which, bool *fits)
{
    static uint64_t elements[ITEMS];
    const struct scope_reduction reduction = {sizeof(double), &zero, count_map, sum_combine, NULL, 3};
    const struct scope_prefix prefix = {sizeof(double), &zero, count_scan, sum_combine, NULL, 3};
    uint64_t counts[2] = {0};
    double total = -1;
    size_t found = 7;
    int code = which == 0   ? scope_reduce(s, 0, ITEMS, &reduction, &total)
               : which == 1 ? scope_scan(s, 0, ITEMS, &prefix, &total)
               : which == 2 ? scope_find(s, 0, ITEMS, last_found, NULL, &found)
               : which == 3 ? scope_filter(s, elements, ITEMS, 8, elements, keep_all, NULL, &found)
                            : scope_histogram(s, 0, ITEMS, 2, counts, count_fill, NULL);
    *fits = which == 0   ? (code ? total == -1 : total == ITEMS)
            : which == 1 ? (code ? total == -1 : fabs(total - result[ITEMS - 1]) < 1e-9)
            : which == 2 ? found == (code ? 7 : ITEMS - 1)
            : which == 3 ? found == (code ? 0 : ITEMS)
                         : code || (counts[0] == 0 && counts[1] == ITEMS);
    return code;
}

static int cancelled_body(struct scope *s, void *arg)
{
    bool fits = false;
    cancelled_scope = s;
    int code = cancelled_call(s, *(int *)arg, &fits);
    CHECK(fits && (code == SCOPE_OK || (code == SCOPE_ECANCELED && scope_cancelled(s))));
    return code;
}

static void cancelled_at_any_call_right_or_told(void)
{
    for (int which = 0; which < 5; which++)
        for (int k = 1; k < 2 * ITEMS; k += k / (TIMES(8, 3)) + 1) {
            struct scope_report report;
            atomic_store(&calls_left, k);
            int status = run_checked(NULL, &report, cancelled_body, &which);
            CHECK_EQ_INT(status, report.reason ? SCOPE_ECANCELED : SCOPE_OK);
        }
}

int main(void)
{
    for (size_t i = 0; i < N; i++)
        number[i] = 1.0 / (double)(1 + i * 7919 % N);
    caller = true;
    check_run("numbers_in_another_order_other_bits", numbers_in_another_order_other_bits);
    check_run("reduce_any_workers_same_bits", reduce_any_workers_same_bits);
    check_run("reduce_keeps_the_order", reduce_keeps_the_order);
    check_run("reduce_failing_at_any_place_is_told", reduce_failing_at_any_place_is_told);
    check_run("reduce_wrong_arguments_refused", reduce_wrong_arguments_refused);
    check_run("scan_any_workers_same_bits", scan_any_workers_same_bits);
    check_run("scan_any_length_right", scan_any_length_right);
    check_run("scan_failing_at_any_place_is_told", scan_failing_at_any_place_is_told);
    check_run("find_is_the_first", find_is_the_first);
    check_run("filter_keeps_the_order", filter_keeps_the_order);
    check_run("filter_cancelled_keeps_none", filter_cancelled_keeps_none);
    check_run("histogram_counts_each_item_once", histogram_counts_each_item_once);
    check_run("cancelled_at_any_call_right_or_told", cancelled_at_any_call_right_or_told);
    return check_done();
}

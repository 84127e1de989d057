/* scope_merge: order, stability, lengths that differ, cancellation, misuse. */
#include "tests/sort_check.h"

/* Two runs made of one array of items, which the merge is to bring back: each item is in the run that its index says. */
struct runs {
    struct item *all, *a, *b, *to;
    size_t a_count, b_count;
    enum pattern pattern;
};

static int key_and_index_compare(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = item_compare(a, b, NULL);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* The first a_count items make the first run, so that a stable merge orders equal ones by their index. */
static struct runs runs_make(enum pattern pattern, size_t a_count, size_t b_count)
{
    struct runs runs = {.a_count = a_count, .b_count = b_count, .pattern = pattern};
    runs.all = items_make(pattern, a_count + b_count);
    runs.a = runs.all;
    runs.b = runs.all + a_count;
    runs.to = calloc(a_count + b_count + 1, sizeof(*runs.to));
    qsort(runs.a, a_count, sizeof(*runs.a), key_and_index_compare);
    qsort(runs.b, b_count, sizeof(*runs.b), key_and_index_compare);
    return runs;
}

static void runs_free(struct runs *runs)
{
    free(runs->all);
    free(runs->to);
}

static int runs_merge(struct scope *s, struct runs *runs, scope_compare_fn *compare, void *arg)
{
    return scope_merge(s, runs->a, runs->a_count, runs->b, runs->b_count, runs->to, sizeof(*runs->to), compare, arg);
}

static void check_merge(struct scope *s, enum pattern pattern, size_t a_count, size_t b_count)
{
    struct runs runs = runs_make(pattern, a_count, b_count);
    size_t n = a_count + b_count;
    CHECK_EQ_INT(runs_merge(s, &runs, item_compare, NULL), SCOPE_OK);
    if (!CHECK(items_complete(runs.to, pattern, n) && items_ordered(runs.to, n)))
        printf("# pattern %d, %zu and %zu\n", pattern, a_count, b_count);
    runs_free(&runs);
}

static int merge_all(struct scope *s, void *arg)
{
    static const size_t lengths[] = {0, 1, 2, 10, 100, 257, 1000, 9000, 30011};
    for (enum pattern pattern = 0; pattern < PATTERNS; pattern++)
        for (size_t a = 0; a < 9 - TIMES(0, 1); a++)
            for (size_t b = 0; b < 9 - TIMES(0, 1); b++)
                check_merge(arg ? s : NULL, pattern, lengths[a], lengths[b]);
    return 0;
}

static void merge_lengths_ordered_and_stable(void)
{
    CHECK_EQ_INT(merge_all(NULL, NULL), 0);
}

static void merge_in_scope_ordered_and_stable(void)
{
    int yes = 1;
    CHECK_EQ_INT(scope_run(merge_all, &yes), SCOPE_OK);
}

static unsigned cancel_at;
static int cancel_status;

static int cancel_body(struct scope *s, void *arg)
{
    struct canceller canceller = {s, cancel_at};
    struct runs runs = runs_make(RANDOM, 30000, 20000);
    (void)arg;
    cancel_status = runs_merge(s, &runs, cancelling_compare, &canceller);
    CHECK(cancel_status == SCOPE_OK || (cancel_status == SCOPE_ECANCELED && scope_cancelled(s)));
    CHECK(items_complete(runs.to, RANDOM, 50000));
    CHECK(cancel_status == SCOPE_ECANCELED || items_ordered(runs.to, 50000));
    runs_free(&runs);
    return 0;
}

static void merge_cancelled_loses_nothing(void)
{
    unsigned stopped = 0;
    for (cancel_at = 1; cancel_at < 60000; cancel_at += cancel_at / (TIMES(16, 4)) + 1) {
        (void)scope_run(cancel_body, NULL);
        stopped += cancel_status == SCOPE_ECANCELED;
    }
    CHECK(stopped > 8);
    CHECK_EQ_INT(cancel_status, SCOPE_OK);
}

static void merge_random_answers_lose_nothing(void)
{
    atomic_uint state = 0;
    for (size_t n = 1; n < 40000; n = n * 5 / 4 + 1) {
        struct runs runs = runs_make(RANDOM, n, n / 2);
        CHECK_EQ_INT(runs_merge(NULL, &runs, random_compare, &state), SCOPE_OK);
        CHECK(items_complete(runs.to, RANDOM, n + n / 2));
        runs_free(&runs);
    }
}

static void merge_nonsense_einval(void)
{
    struct item a[1] = {{1, 0}}, b[1] = {{0, 1}}, to[2] = {{5, 5}, {6, 6}};
    CHECK_EQ_INT(scope_merge(NULL, NULL, 1, b, 1, to, 8, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_merge(NULL, a, 1, NULL, 1, to, 8, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_merge(NULL, a, 1, b, 1, NULL, 8, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_merge(NULL, a, 1, b, 1, to, 0, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_merge(NULL, a, 1, b, 1, to, 8, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_merge(NULL, a, SIZE_MAX, b, 2, to, 8, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_merge(NULL, a, SIZE_MAX / 8, b, 2, to, 8, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(to[0].key, 5);
    CHECK_EQ_INT(scope_merge(NULL, NULL, 0, NULL, 0, NULL, 8, item_compare, NULL), SCOPE_OK);
    CHECK_EQ_INT(scope_merge(NULL, NULL, 0, b, 1, to, 8, item_compare, NULL), SCOPE_OK);
    CHECK_EQ_INT(to[0].index, 1);
}

int main(void)
{
    check_run("merge_lengths_ordered_and_stable", merge_lengths_ordered_and_stable);
    check_run("merge_in_scope_ordered_and_stable", merge_in_scope_ordered_and_stable);
    check_run("merge_cancelled_loses_nothing", merge_cancelled_loses_nothing);
    check_run("merge_random_answers_lose_nothing", merge_random_answers_lose_nothing);
    check_run("merge_nonsense_einval", merge_nonsense_einval);
    return check_done();
}

/* Calls fail under forks, loops, sorts and pipelines. */
#include "tests/inject_check.h"

/* --------------------------------------------------------------------------------------------------------------- Forks */

#define FORKS_DEEP 4120 /* more than a deque holds */

SCOPE_TASK(long, chain, int);

/* n forks that all wait to be joined. */
static inline long chain(struct scope_strand strand, int n)
{
    if (n <= 0)
        return 1;
    chain_fork(&strand, 0);
    long rest = chain(strand, n - 1);
    return rest + chain_join(&strand);
}

static int chained(struct scope *s, void *arg)
{
    long *sum = arg;
    *sum = chain_call(s, FORKS_DEEP);
    return 0;
}

static int halves(struct scope *s, void *arg)
{
    atomic_uint *leaf = arg;
    if (atomic_fetch_add(leaf, 1) >= 16)
        return 0;
    return scope_fork2(s, halves, arg, halves, arg);
}

static void forks(void)
{
    struct scope_options options = options_of(pool);
    struct scope_report report = scope_report_init();
    long sum = 0;
    int status = scope_run_with(&options, &report, chained, &sum);
    bool refused = status == SCOPE_ENOMEM || (status == SCOPE_ERROR && report.group.errors[0].code == SCOPE_ENOMEM);
    CHECK(status == SCOPE_OK ? sum == FORKS_DEEP + 1 : !must && refused);
    scope_report_fini(&report);
    atomic_uint leaves = 0;
    if (granted(scope_run_with(&options, NULL, halves, &leaves), SCOPE_ENOMEM))
        CHECK_EQ_INT(atomic_load(&leaves), 33);
}

/* --------------------------------------------------------------------------------------------------------------- Loops */

#define ITEMS 16

static int mark_items(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    dawdle();
    for (size_t i = begin; i < end; i++)
        ((uint64_t *)arg)[i]++;
    return 0;
}

static int mark_rectangle(struct scope *s, struct scope_range rows, struct scope_range columns, void *arg)
{
    (void)s;
    dawdle();
    for (size_t i = rows.begin; i < rows.end; i++)
        for (size_t j = columns.begin; j < columns.end; j++)
            ((uint64_t *)arg)[i * 4 + j]++;
    return 0;
}

static int mark_box(struct scope *s, struct scope_range planes, struct scope_range rows, struct scope_range columns,
                    void *arg)
{
    for (size_t i = planes.begin; i < planes.end; i++)
        (void)mark_rectangle(s, rows, columns, (uint64_t *)arg + i * 8);
    return 0;
}

static int mark_one(struct scope *s, void *element, void *arg)
{
    (void)arg;
    return mark_items(s, 0, 1, element);
}

static int mark_first(struct scope *s, void *arg)
{
    return mark_items(s, 0, 1, arg);
}

static int map_item(struct scope *s, const void *input, void *output, void *arg)
{
    (void)s, (void)arg;
    dawdle();
    *(uint64_t *)output = 2 * *(const uint64_t *)input;
    return 0;
}

static int add_items(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    (void)s, (void)arg;
    dawdle();
    for (size_t i = begin; i < end; i++)
        *(uint64_t *)value += i;
    return 0;
}

static int scan_items(struct scope *s, size_t begin, size_t end, const void *before, void *value, void *arg)
{
    (void)s;
    dawdle();
    for (size_t i = begin; i < end; i++) {
        *(uint64_t *)value += i;
        if (before)
            ((uint64_t *)arg)[i] = *(const uint64_t *)before + *(uint64_t *)value;
    }
    return 0;
}

static int count_items(struct scope *s, size_t begin, size_t end, uint64_t *counts, void *arg)
{
    (void)s, (void)arg;
    dawdle();
    counts[0] += end - begin;
    return 0;
}

static size_t find_last(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s, (void)arg;
    dawdle();
    return end == ITEMS ? end - 1 : begin + (end - begin);
}

static bool is_even(const void *element, void *arg)
{
    (void)arg;
    return *(const uint64_t *)element % 2 == 0;
}

static void combine(void *low, const void *high, void *arg)
{
    (void)arg;
    *(uint64_t *)low += *(const uint64_t *)high;
}

static void plain_loops(struct scope *s)
{
    uint64_t done[ITEMS] = {0}, doubled[ITEMS] = {0};
    size_t found = 0, kept = 0;
    if (granted(scope_for(s, 0, ITEMS, mark_items, done), SCOPE_ENOMEM) &&
        granted(scope_map(s, done, sizeof(*done), doubled, sizeof(*doubled), ITEMS, NULL, map_item, NULL),
                SCOPE_ENOMEM))
        for (int i = 0; i < ITEMS; i++)
            CHECK(done[i] == 1 && doubled[i] == 2);
    if (granted(scope_find(s, 0, ITEMS, find_last, NULL, &found), SCOPE_ENOMEM))
        CHECK_EQ_INT(found, ITEMS - 1);
    if (granted(scope_filter(s, doubled, ITEMS, sizeof(*doubled), done, is_even, NULL, &kept), SCOPE_ENOMEM))
        CHECK_EQ_INT(kept, ITEMS);
}

static void other_loops(struct scope *s)
{
    uint64_t done[ITEMS] = {0};
    const struct scope_call calls[] = {{mark_first, &done[0]}, {mark_first, &done[1]}};
    bool any = false, all = true;
    unsigned marks = granted(
        scope_for_2d(s, (struct scope_range){0, 4}, (struct scope_range){0, 4}, mark_rectangle, done), SCOPE_ENOMEM);
    marks += granted(scope_for_3d(s, (struct scope_range){0, 2}, (struct scope_range){0, 2}, (struct scope_range){0, 4},
                                  mark_box, done),
                     SCOPE_ENOMEM);
    marks += granted(scope_for_each(s, done, ITEMS, sizeof(*done), mark_one, NULL), SCOPE_ENOMEM);
    for (int i = 0; i < ITEMS; i++)
        CHECK_EQ_INT(done[i], marks);
    marks += granted(scope_invoke(s, calls, 2), SCOPE_ENOMEM);
    CHECK(done[0] == marks && done[1] == marks);
    if (granted(scope_any(s, 0, ITEMS, find_last, NULL, &any), SCOPE_ENOMEM))
        CHECK(any);
    if (granted(scope_all(s, 0, ITEMS, find_last, NULL, &all), SCOPE_ENOMEM))
        CHECK(!all);
}

/* Values so large that they are on the heap. */
struct large {
    uint64_t sum;
    char more[4088];
};

static void sums(struct scope *s)
{
    static const struct large zero;
    static struct large total; /* one thread at a time */
    uint64_t results[ITEMS] = {0}, counts[4] = {0};
    const struct scope_reduction sum = {sizeof(zero), &zero, add_items, combine, NULL, 1};
    const struct scope_prefix prefix = {sizeof(zero), &zero, scan_items, combine, results, 1};
    total.sum = 0;
    if (granted(scope_reduce(s, 0, ITEMS, &sum, &total), SCOPE_ENOMEM))
        CHECK_EQ_INT(total.sum, ITEMS * (ITEMS - 1) / 2);
    if (granted(scope_scan(s, 0, ITEMS, &prefix, NULL), SCOPE_ENOMEM))
        CHECK_EQ_INT(results[ITEMS - 1], ITEMS * (ITEMS - 1) / 2);
    if (granted(scope_histogram(s, 0, ITEMS, 4, counts, count_items, NULL), SCOPE_ENOMEM))
        CHECK_EQ_INT(counts[0], ITEMS);
}

static int loops_body(struct scope *s, void *arg)
{
    (void)arg;
    gather(s);
    plain_loops(s);
    plain_loops(NULL);
    other_loops(s);
    other_loops(NULL);
    sums(s);
    sums(NULL);
    return 0;
}

static void loops(void)
{
    in_pool(loops_body, SCOPE_OK);
}

/* --------------------------------------------------------------------------------------------------------------- Sorts */

static int compare_doubles(const void *a, const void *b, void *arg)
{
    double x = *(const double *)a, y = *(const double *)b;
    (void)arg;
    return (x > y) - (x < y);
}

static bool is_less(const double *a, const double *b)
{
    return *a < *b;
}
SCOPE_SORT(double, sort_doubles, is_less);
SCOPE_SORT_UNSTABLE(double, sort_doubles_unstable, is_less);

static void sort_halves(struct scope *s)
{
    static double halves_sorted[NUMBERS], merged[NUMBERS];
    for (int i = 0; i < NUMBERS; i++)
        halves_sorted[i] = (double)(i * 7919 % NUMBERS);
    CHECK_EQ_INT(sort_doubles(s, halves_sorted, NUMBERS / 2), SCOPE_OK);
    CHECK_EQ_INT(scope_sort_double(s, halves_sorted + NUMBERS / 2, NUMBERS - NUMBERS / 2), SCOPE_OK);
    CHECK_EQ_INT(scope_merge(s, halves_sorted, NUMBERS / 2, halves_sorted + NUMBERS / 2, NUMBERS - NUMBERS / 2, merged,
                             sizeof(*merged), compare_doubles, NULL),
                 SCOPE_OK);
    for (int i = 0; i < NUMBERS; i++)
        if (!CHECK(merged[i] == (double)i))
            return;
}

static void sort_without_memory(struct scope *s)
{
    static double numbers[NUMBERS];
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = (double)(i * 7919 % NUMBERS);
    CHECK_EQ_INT(sort_doubles_unstable(s, numbers, NUMBERS), SCOPE_OK);
    for (int i = 0; i < NUMBERS; i++)
        if (!CHECK(numbers[i] == (double)i))
            return;
}

static int sorts_body(struct scope *s, void *arg)
{
    (void)arg;
    gather(s);
    sort_numbers(s, false);
    sort_numbers(s, true);
    sort_halves(s);
    sort_without_memory(s);
    return 0;
}

static void sorts(void)
{
    in_pool(sorts_body, SCOPE_OK);
}

/* ------------------------------------------------------------------------------------------------------------ Pipeline */

#define MADE 24
static atomic_uint made, passed;

static int make(struct scope *s, void **item, void *arg)
{
    (void)s;
    if (atomic_load(&made) < MADE) {
        atomic_fetch_add(&made, 1);
        *item = arg;
    }
    return 0;
}

static int pass(struct scope *s, void **item, void *arg)
{
    (void)s, (void)item, (void)arg;
    dawdle();
    atomic_fetch_add(&passed, 1);
    return 0;
}

static int pipeline_body(struct scope *s, void *arg)
{
    const struct scope_stage stages[] = {
        {.fn = make, .arg = &made}, {.fn = pass}, {.kind = SCOPE_STAGE_IN_ORDER, .fn = pass}};
    gather(s);
    atomic_store(&made, 0);
    atomic_store(&passed, 0);
    bool done = granted(scope_pipeline(arg ? NULL : s, stages, 3, 4, NULL), SCOPE_ENOMEM);
    CHECK_EQ_INT(atomic_load(&made), done ? MADE : 0);
    CHECK_EQ_INT(atomic_load(&passed), done ? 2 * MADE : 0);
    return 0;
}

static void pipelines(void)
{
    in_pool(pipeline_body, SCOPE_OK);
}

static const struct program programs[] = {
    {"forks", forks, INJECT_ALL, 2, false},
    {"loops", loops, INJECT_ALL, 2, false},
    {"sorts", sorts, INJECT_ALL, 2, false},
    {"pipelines", pipelines, INJECT_ALL, 2, false},
};

int main(int argc, char **argv)
{
    return every_program(programs, sizeof(programs) / sizeof(*programs), argc, argv);
}

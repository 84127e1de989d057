/* scope_sort and SCOPE_SORT: order, stability, sizes of elements, memory, misuse. */
#include "tests/sort_check.h"

#include <math.h>

static const size_t lengths[] = {0,   1,   2,   3,   31,  32,  33,   63,   64,   65,   96,   127,
                                 128, 129, 255, 256, 257, 500, 1000, 2047, 2048, 2049, 5000, 20011};
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

/* ---------------------------------------------------------------------------------------------------- Items, patterns */

static bool item_less(const struct item *a, const struct item *b)
{
    return a->key < b->key;
}
SCOPE_SORT(struct item, sort_items, item_less);

enum way { CALLED, CALLED_SCRATCH, CALLED_IN_PLACE, COMPILED, COMPILED_SCRATCH, COMPILED_IN_PLACE, WAYS };

static int sort_by(enum way way, struct scope *s, struct item *items, size_t n)
{
    struct item *scratch = way == CALLED_SCRATCH || way == COMPILED_SCRATCH ? malloc((n + 1) * sizeof(*items)) : NULL;
    int status = way == CALLED            ? scope_sort(s, items, n, sizeof(*items), item_compare, NULL)
                 : way == COMPILED        ? sort_items(s, items, n)
                 : way <= CALLED_IN_PLACE ? scope_sort_scratch(s, items, n, sizeof(*items), item_compare, NULL, scratch)
                                          : sort_items_scratch(s, items, n, scratch);
    free(scratch);
    return status;
}

static void check_sort(enum way way, struct scope *s, enum pattern pattern, size_t n)
{
    struct item *items = items_make(pattern, n);
    int status = sort_by(way, s, items, n);
    if (!CHECK(status == SCOPE_OK && items_complete(items, pattern, n) && items_ordered(items, n)))
        printf("# status %d, way %d, pattern %d, %zu elements\n", status, way, pattern, n);
    free(items);
}

static void sort_all(struct scope *s, enum way first, enum way last)
{
    for (enum way way = first; way <= last; way++)
        for (enum pattern pattern = 0; pattern < PATTERNS; pattern++)
            for (size_t i = 0; i < LENGTHS - TIMES(0, 1); i++)
                check_sort(way, s, pattern, lengths[i]);
}

static void sort_called_ordered_and_stable(void)
{
    sort_all(NULL, CALLED, CALLED_IN_PLACE);
}

static void sort_compiled_ordered_and_stable(void)
{
    sort_all(NULL, COMPILED, COMPILED_IN_PLACE);
}

static int in_scope(struct scope *s, void *arg)
{
    (void)arg;
    sort_all(s, CALLED, COMPILED_IN_PLACE);
    return 0;
}

static void sort_in_scope_ordered_and_stable(void)
{
    CHECK_EQ_INT(scope_run(in_scope, NULL), SCOPE_OK);
}

static void sort_every_short_length(void)
{
    for (size_t n = 0; n < 300; n++)
        check_sort(n % WAYS, NULL, n % 2 ? RANDOM : FEW_KEYS, n);
}

static void sort_long_ordered_and_stable(void)
{
    for (enum pattern pattern = 0; pattern < PATTERNS; pattern++)
        check_sort(pattern % 2 ? COMPILED : CALLED, NULL, pattern, TIMES(300007, 40009));
}

/* --------------------------------------------------------------------------------------------- Sizes of the elements */

/* A large element is an item at an offset, and filler that tells which; a small one is a key alone, of less than 256. */
static void large_fill(unsigned char *at, size_t size, struct item item)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)(item.index + i);
    memcpy(at, &item, sizeof(item));
}

static int large_compare(const void *a, const void *b, void *arg)
{
    struct item x, y;
    (void)arg;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return item_compare(&x, &y, NULL);
}

static void check_large(size_t size, size_t n, enum pattern pattern, bool in_place)
{
    unsigned char *array = malloc(n * size), *expected = malloc(size);
    struct item *items = items_make(pattern, n);
    for (size_t i = 0; i < n; i++)
        large_fill(array + i * size, size, items[i]);
    CHECK_EQ_INT(in_place ? scope_sort_scratch(NULL, array, n, size, large_compare, NULL, NULL)
                          : scope_sort(NULL, array, n, size, large_compare, NULL),
                 SCOPE_OK);
    bool whole = true;
    for (size_t i = 0; i < n; i++) {
        memcpy(&items[i], array + i * size, sizeof(items[i]));
        large_fill(expected, size, items[i]);
        whole = whole && memcmp(expected, array + i * size, size) == 0;
    }
    if (!CHECK(whole && items_complete(items, pattern, n) && items_ordered(items, n)))
        printf("# size %zu, %zu elements, pattern %d\n", size, n, pattern);
    free(items);
    free(expected);
    free(array);
}

static void sort_large_elements_whole(void)
{
    static const size_t sizes[] = {8, 9, 12, 16, 24, 32, 33, 40, 64, 65, 100, 1000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (enum pattern pattern = 0; pattern < PATTERNS; pattern++)
            for (size_t n = 2; n <= 3000; n = n * 5 - 3)
                check_large(sizes[i], n, pattern, n % 3 == 0);
}

static int bytes_compare(const void *a, const void *b, void *arg)
{
    return memcmp(a, b, *(size_t *)arg);
}

static void sort_small_elements_ordered(void)
{
    for (size_t size = 1; size < 8; size++) {
        unsigned char array[7 * 3000];
        unsigned sum = 0;
        for (size_t i = 0; i < size * 3000; i++)
            sum += array[i] = (unsigned char)scramble((uint32_t)i);
        CHECK_EQ_INT(scope_sort(NULL, array, 3000, size, bytes_compare, &size), SCOPE_OK);
        for (size_t i = 0; i < size * 3000; i++)
            sum -= array[i];
        CHECK_EQ_INT(sum, 0);
        for (size_t i = 1; i < 3000; i++)
            CHECK(memcmp(array + (i - 1) * size, array + i * size, size) <= 0);
    }
}

/* ------------------------------------------------------------------------------------------------- Types of SCOPE_SORT */

#define NUMBER_LESS(a, b) (*(a) < *(b))
SCOPE_SORT(double, sort_doubles, NUMBER_LESS);

static bool string_less(char *const *a, char *const *b)
{
    return strcmp(*a, *b) < 0;
}
SCOPE_SORT(char *, sort_strings, string_less);

/* Aligned to more than malloc does by itself. */
struct wide {
    _Alignas(32) uint64_t key[4];
};

static bool wide_less(const struct wide *a, const struct wide *b)
{
    CHECK((uintptr_t)a % 32 == 0 && (uintptr_t)b % 32 == 0);
    return a->key[3] < b->key[3];
}
SCOPE_SORT(struct wide, sort_wide, wide_less);

static void sort_strings_ordered(void)
{
    static char text[5000][8], *strings[5000];
    for (uint32_t i = 0; i < 5000; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "%u", scramble(i) % 100000);
        strings[i] = text[i];
    }
    CHECK_EQ_INT(sort_strings(NULL, strings, 5000), SCOPE_OK);
    for (int i = 1; i < 5000; i++)
        CHECK(strcmp(strings[i - 1], strings[i]) < 0 ||
              (strcmp(strings[i - 1], strings[i]) == 0 && strings[i - 1] < strings[i]));
}

static void sort_wide_aligned(void)
{
    static struct wide wide[3000];
    for (uint32_t i = 0; i < 3000; i++)
        wide[i].key[3] = scramble(i);
    CHECK_EQ_INT(sort_wide(NULL, wide, 3000), SCOPE_OK);
    for (int i = 1; i < 3000; i++)
        CHECK(wide[i - 1].key[3] <= wide[i].key[3]);
}

/* ------------------------------------------------------------------------------------- Comparisons that are not orders */

/* Numbers that tell in what order they would be; how often each is there stays the same. */
static void sort_contradiction_loses_nothing(void)
{
    for (unsigned round = 0; round < 40; round++) {
        size_t n = lengths[LENGTHS - 1 - round % 12];
        double *values = malloc(n * sizeof(*values));
        unsigned char *seen = calloc(n, 1);
        size_t nans = 0;
        for (size_t i = 0; i < n; i++)
            values[i] = scramble((uint32_t)(i + round)) % 3 ? (double)i : NAN;
        for (size_t i = 0; i < n; i++)
            nans += isnan(values[i]) != 0;
        CHECK_EQ_INT(round % 5 ? sort_doubles(NULL, values, n) : sort_doubles_scratch(NULL, values, n, NULL), SCOPE_OK);
        for (size_t i = 0; i < n; i++) {
            nans -= isnan(values[i]) != 0;
            if (!isnan(values[i]) && CHECK(!seen[(size_t)values[i]]))
                seen[(size_t)values[i]] = 1;
        }
        CHECK_EQ_INT(nans, 0);
        free(seen);
        free(values);
    }
}

static void sort_random_answers_lose_nothing(void)
{
    atomic_uint state = 0;
    for (size_t i = 0; i < 4 * LENGTHS; i++) {
        size_t n = lengths[i % LENGTHS];
        struct item *items = items_make(RANDOM, n);
        CHECK_EQ_INT(i % 3 ? scope_sort(NULL, items, n, sizeof(*items), random_compare, &state)
                           : scope_sort_scratch(NULL, items, n, sizeof(*items), random_compare, &state, NULL),
                     SCOPE_OK);
        CHECK(items_complete(items, RANDOM, n));
        free(items);
    }
}

/* --------------------------------------------------------------------------------------------- Numbers of comparisons */

static void sort_comparisons_n_log_n(void)
{
    const unsigned n = 16384, log = 14;
    for (enum pattern pattern = 0; pattern < PATTERNS; pattern++)
        CHECK(comparisons_of(scope_sort, pattern, n) <= n * log * 5 / 4);
    CHECK(comparisons_of(scope_sort, SORTED, n) < n);
    CHECK(comparisons_of(scope_sort, EQUAL, n) < n);
    CHECK(comparisons_of(scope_sort, REVERSED, n) < n);
    CHECK(comparisons_of(scope_sort, ORGAN_PIPE, n) < 4 * n);
}

static void sort_quicksort_killer_n_log_n(void)
{
    uint32_t index[2000]; /* short enough to be sorted by one worker */
    adversary_begin(index, 2000);
    CHECK_EQ_INT(scope_sort(NULL, index, 2000, sizeof(index[0]), adversary_compare, &adversary), SCOPE_OK);
    printf("# %.1f comparisons an element\n", (double)adversary.compared / 2000);
    CHECK(adversary.compared < 2000 * 11 * 5 / 4);
    CHECK(adversary_ordered(index, 2000));
}

/* ------------------------------------------------------------------------------------------------------- Cancellation */

static size_t cancel_length;
static unsigned cancel_at;
static bool cancel_in_place;
static int cancel_status;

static int cancel_body(struct scope *s, void *arg)
{
    struct canceller canceller = {s, cancel_at};
    struct item *items = items_make(RANDOM, cancel_length);
    (void)arg;
    cancel_status =
        cancel_in_place
            ? scope_sort_scratch(s, items, cancel_length, sizeof(*items), cancelling_compare, &canceller, NULL)
            : scope_sort(s, items, cancel_length, sizeof(*items), cancelling_compare, &canceller);
    CHECK(cancel_status == SCOPE_OK || (cancel_status == SCOPE_ECANCELED && scope_cancelled(s)));
    CHECK(items_complete(items, RANDOM, cancel_length));
    CHECK(cancel_status == SCOPE_ECANCELED || items_ordered(items, cancel_length));
    free(items);
    return 0;
}

static void cancel_everywhere(bool in_place)
{
    unsigned stopped = 0;
    cancel_in_place = in_place;
    cancel_length = 30000; /* parts of two levels, merges that fork */
    for (cancel_at = 1; cancel_at < 2000000; cancel_at += cancel_at / (TIMES(20, 3)) + 1) {
        (void)scope_run(cancel_body, NULL);
        stopped += cancel_status == SCOPE_ECANCELED;
    }
    CHECK(stopped > 20);
    CHECK_EQ_INT(cancel_status, SCOPE_OK); /* after the last comparison */
}

static void sort_cancelled_loses_nothing(void)
{
    cancel_everywhere(false);
}

static void sort_cancelled_in_place_loses_nothing(void)
{
    cancel_everywhere(true);
}

static int cancelled_before(struct scope *s, void *arg)
{
    (void)arg;
    (void)scope_cancel(s);
    struct item *items = items_make(RANDOM, 10000), three[3] = {{3, 0}, {2, 0}, {1, 0}};
    CHECK_EQ_INT(sort_items(s, items, 10000), SCOPE_ECANCELED);
    CHECK_EQ_INT(sort_items(NULL, items, 10000), SCOPE_ECANCELED);
    CHECK(items_complete(items, RANDOM, 10000));
    CHECK_EQ_INT(sort_items(s, three, 3), SCOPE_ECANCELED);
    CHECK_EQ_INT(three[0].key, 3);
    free(items);
    return 0;
}

static void sort_in_cancelled_scope_ecanceled(void)
{
    CHECK_EQ_INT(scope_run(cancelled_before, NULL), SCOPE_ECANCELED);
}

/* ------------------------------------------------------------------------------------------------- Places, and misuse */

static int sorts_some(struct scope *s, void *arg)
{
    size_t n = *(size_t *)arg;
    check_sort(COMPILED, s, RANDOM, n);
    check_sort(CALLED, NULL, FEW_KEYS, n);
    return 0;
}

static int spawns_sorts(struct scope *s, void *arg)
{
    (void)arg;
    static size_t n[20];
    for (size_t i = 0; i < 20; i++) {
        n[i] = 700 * i;
        (void)scope_spawn(s, sorts_some, &n[i]);
    }
    return 0;
}

static void sort_in_many_tasks_ordered(void)
{
    CHECK_EQ_INT(scope_run(spawns_sorts, NULL), SCOPE_OK);
}

static int inner_body(struct scope *s, void *arg)
{
    struct item items[3] = {{3, 0}, {2, 1}, {1, 2}};
    (void)s;
    CHECK_EQ_INT(sort_items(arg, items, 3), SCOPE_EPERM);
    CHECK_EQ_INT(items[0].key, 3);
    return 0;
}

SCOPE_TASK(int, typed, int);

static inline int typed(struct scope_strand strand, int n)
{
    struct item items[3] = {{3, 0}, {2, 1}, {1, 2}};
    CHECK_EQ_INT(sort_items(scope_of(strand), items, 3), SCOPE_EPERM);
    check_sort(COMPILED, NULL, RANDOM, 10000);
    return n;
}

static int outer_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_run(inner_body, s), SCOPE_OK);
    return typed_call(s, 0);
}

static void sort_elsewhere_eperm(void)
{
    CHECK_EQ_INT(scope_run(outer_body, NULL), SCOPE_OK);
}

static void sort_nonsense_einval(void)
{
    struct item items[2] = {{2, 0}, {1, 1}};
    CHECK_EQ_INT(scope_sort(NULL, NULL, 2, 8, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort(NULL, items, 2, 0, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort(NULL, items, 2, 8, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort(NULL, items, SIZE_MAX / 4, 8, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort_scratch(NULL, items, 2, 8, NULL, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(sort_items(NULL, NULL, 2), SCOPE_EINVAL);
    CHECK_EQ_INT(items[0].key, 2);
    CHECK_EQ_INT(scope_sort(NULL, NULL, 0, 8, item_compare, NULL), SCOPE_OK);
    CHECK_EQ_INT(sort_items_scratch(NULL, NULL, 0, NULL), SCOPE_OK);
}

int main(void)
{
    check_run("sort_called_ordered_and_stable", sort_called_ordered_and_stable);
    check_run("sort_compiled_ordered_and_stable", sort_compiled_ordered_and_stable);
    check_run("sort_in_scope_ordered_and_stable", sort_in_scope_ordered_and_stable);
    check_run("sort_every_short_length", sort_every_short_length);
    check_run("sort_long_ordered_and_stable", sort_long_ordered_and_stable);
    check_run("sort_large_elements_whole", sort_large_elements_whole);
    check_run("sort_small_elements_ordered", sort_small_elements_ordered);
    check_run("sort_strings_ordered", sort_strings_ordered);
    check_run("sort_wide_aligned", sort_wide_aligned);
    check_run("sort_contradiction_loses_nothing", sort_contradiction_loses_nothing);
    check_run("sort_random_answers_lose_nothing", sort_random_answers_lose_nothing);
    check_run("sort_comparisons_n_log_n", sort_comparisons_n_log_n);
    check_run("sort_quicksort_killer_n_log_n", sort_quicksort_killer_n_log_n);
    check_run("sort_cancelled_loses_nothing", sort_cancelled_loses_nothing);
    check_run("sort_cancelled_in_place_loses_nothing", sort_cancelled_in_place_loses_nothing);
    check_run("sort_in_cancelled_scope_ecanceled", sort_in_cancelled_scope_ecanceled);
    check_run("sort_in_many_tasks_ordered", sort_in_many_tasks_ordered);
    check_run("sort_elsewhere_eperm", sort_elsewhere_eperm);
    check_run("sort_nonsense_einval", sort_nonsense_einval);
    return check_done();
}

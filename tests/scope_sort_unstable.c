/* scope_sort_unstable and SCOPE_SORT_UNSTABLE: order, the same result for any number of workers, sizes of elements, inputs that are bad for
 * a quicksort, cancellation, misuse. */
#include "tests/sort_check.h"

static const size_t lengths[] = {0,   1,   2,   3,   16,   17,   31,   32,   33,   64,
                                 100, 511, 512, 513, 1000, 2047, 2048, 2049, 5000, 20011};
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static bool item_less(const struct item *a, const struct item *b)
{
    return a->key < b->key;
}
SCOPE_SORT_UNSTABLE(struct item, sort_items, item_less);

static bool keys_ordered(const struct item *items, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (items[i - 1].key > items[i].key)
            return false;
    return true;
}

enum way { CALLED, COMPILED, WAYS };

static void check_sort(enum way way, struct scope *s, enum pattern pattern, size_t n)
{
    struct item *items = items_make(pattern, n);
    int status =
        way == CALLED ? scope_sort_unstable(s, items, n, sizeof(*items), item_compare, NULL) : sort_items(s, items, n);
    if (!CHECK(status == SCOPE_OK && items_complete(items, pattern, n) && keys_ordered(items, n)))
        printf("# status %d, way %d, pattern %d, %zu elements\n", status, way, pattern, n);
    free(items);
}

static void sort_all(struct scope *s)
{
    for (enum way way = 0; way < WAYS; way++)
        for (enum pattern pattern = 0; pattern < PATTERNS; pattern++)
            for (size_t i = 0; i < LENGTHS - TIMES(0, 1); i++)
                check_sort(way, s, pattern, lengths[i]);
}

static void unstable_ordered(void)
{
    sort_all(NULL);
    for (size_t n = 0; n < 600; n++)
        check_sort(n % 2 ? CALLED : COMPILED, NULL, n % 3 ? RANDOM : FEW_KEYS, n);
    for (enum pattern pattern = 0; pattern < PATTERNS; pattern++) /* partitions that fork */
        check_sort(pattern % 2 ? CALLED : COMPILED, NULL, pattern, TIMES(700007, 150001));
}

static int in_scope(struct scope *s, void *arg)
{
    (void)arg;
    sort_all(s);
    return 0;
}

static void unstable_in_scope_ordered(void)
{
    CHECK_EQ_INT(scope_run(in_scope, NULL), SCOPE_OK);
}

/* ------------------------------------------------------------------------------------------------ Any number of workers */

#define LONG TIMES((size_t)300000, (size_t)150000) /* partitions fork */

static int sort_long(struct scope *s, void *arg)
{
    return sort_items(s, arg, LONG);
}

/* Equal elements stand in the same order. */
static void unstable_same_for_any_workers(void)
{
    static const unsigned workers[] = {1, 2, 3, 4, 7, 16};
    for (enum pattern pattern = 0; pattern < PATTERNS; pattern++) {
        struct item *first = NULL;
        for (size_t k = 0; k < sizeof(workers) / sizeof(workers[0]); k++) {
            struct scope_pool_options of_pool = {.size = sizeof(of_pool), .workers = workers[k]};
            struct scope_options options = scope_options_init();
            struct item *items = items_make(pattern, LONG);
            CHECK_EQ_INT(scope_pool_create(&options.pool, &of_pool), SCOPE_OK);
            CHECK_EQ_INT(scope_run_with(&options, NULL, sort_long, items), SCOPE_OK);
            CHECK_EQ_INT(scope_pool_destroy(options.pool), SCOPE_OK);
            CHECK(keys_ordered(items, LONG));
            CHECK(!first || memcmp(first, items, LONG * sizeof(*items)) == 0);
            free(first);
            first = items;
        }
        free(first);
    }
}

/* --------------------------------------------------------------------------------------------- Sizes of the elements */

static int bytes_compare(const void *a, const void *b, void *arg)
{
    return memcmp(a, b, *(size_t *)arg);
}

static int bytes_compare_qsort(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(uint32_t));
}

/* Each element: a key in its first bytes, and the same key, turned over, all over the rest. */
static void check_size(size_t size, size_t n)
{
    unsigned char *array = malloc(n * size);
    uint32_t *keys = malloc(n * sizeof(*keys));
    size_t head = size < sizeof(*keys) ? size : sizeof(*keys);
    for (size_t i = 0; i < n; i++) {
        keys[i] = scramble((uint32_t)i) & (i % 3 ? 0xffffffff : 0xf);
        memset((unsigned char *)&keys[i] + head, 0, sizeof(*keys) - head);
        memset(array + i * size, (unsigned char)~keys[i], size);
        memcpy(array + i * size, &keys[i], head);
    }
    CHECK_EQ_INT(scope_sort_unstable(NULL, array, n, size, bytes_compare, &head), SCOPE_OK);
    qsort(keys, n, sizeof(*keys), bytes_compare_qsort);
    for (size_t i = 0; i < n; i++) {
        bool whole = memcmp(array + i * size, &keys[i], head) == 0;
        for (size_t k = head; k < size; k++)
            whole = whole && array[i * size + k] == (unsigned char)~keys[i];
        if (!CHECK(whole)) {
            printf("# size %zu, element %zu of %zu\n", size, i, n);
            break;
        }
    }
    free(keys);
    free(array);
}

static void unstable_elements_whole(void)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 8, 12, 16, 24, 33, 64, 100, 128, 129, 255, 256, 257, 1000, 5000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (size_t n = 2; n <= 3000; n = n * 5 - 3)
            check_size(sizes[i], n);
    check_size(12, TIMES(200000, 70000)); /* partitions that fork */
}

/* Types whose pointers and alignment are their own. */
static bool string_less(char *const *a, char *const *b)
{
    return strcmp(*a, *b) < 0;
}
SCOPE_SORT_UNSTABLE(char *, sort_strings, string_less);

struct wide {
    _Alignas(32) uint64_t key[4];
};

static bool wide_less(const struct wide *a, const struct wide *b)
{
    CHECK((uintptr_t)a % 32 == 0 && (uintptr_t)b % 32 == 0);
    return a->key[3] < b->key[3];
}
SCOPE_SORT_UNSTABLE(struct wide, sort_wide, wide_less);

static void unstable_types_ordered(void)
{
    static char text[5000][8], *strings[5000];
    static struct wide wide[5000];
    for (uint32_t i = 0; i < 5000; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "%u", scramble(i) % 100000);
        strings[i] = text[i];
        wide[i].key[3] = scramble(i);
    }
    CHECK_EQ_INT(sort_strings(NULL, strings, 5000), SCOPE_OK);
    CHECK_EQ_INT(sort_wide(NULL, wide, 5000), SCOPE_OK);
    for (int i = 1; i < 5000; i++)
        CHECK(strcmp(strings[i - 1], strings[i]) <= 0 && wide[i - 1].key[3] <= wide[i].key[3]);
}

/* --------------------------------------------------------------------------------------------------- Bad comparisons */

static int always_less(const void *a, const void *b, void *arg)
{
    (void)a, (void)b, (void)arg;
    return -1;
}

static void unstable_contradictions_lose_nothing(void)
{
    atomic_uint state = 0;
    for (size_t i = 0; i < 4 * LENGTHS; i++) {
        size_t n = lengths[i % LENGTHS];
        struct item *items = items_make(RANDOM, n);
        CHECK_EQ_INT(scope_sort_unstable(NULL, items, n, sizeof(*items), i % 4 ? random_compare : always_less, &state),
                     SCOPE_OK);
        CHECK(items_complete(items, RANDOM, n));
        free(items);
    }
}

/* --------------------------------------------------------------------------------------------- Numbers of comparisons */

/* Of elements that are swapped. */
static int counting_bytes(const void *a, const void *b, void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
    return memcmp(a, b, 1);
}

static unsigned comparisons_of_two_keys(size_t n)
{
    atomic_uint count = 0;
    unsigned char *array = malloc(n * 3);
    for (size_t i = 0; i < 3 * n; i++)
        array[i] = scramble((uint32_t)i) % 2;
    CHECK_EQ_INT(scope_sort_unstable(NULL, array, n, 3, counting_bytes, &count), SCOPE_OK);
    free(array);
    return count;
}

static void unstable_comparisons_n_log_n(void)
{
    const unsigned n = 16384, log = 14;
    for (enum pattern pattern = 0; pattern < PATTERNS; pattern++)
        CHECK(comparisons_of(scope_sort_unstable, pattern, n) <= n * log * 3 / 2);
    CHECK(comparisons_of(scope_sort_unstable, SORTED, n) < n);
    CHECK(comparisons_of(scope_sort_unstable, EQUAL, n) < n);
    CHECK(comparisons_of(scope_sort_unstable, REVERSED, n) < n);
    CHECK(comparisons_of_two_keys(n) < 4 * n);
    CHECK(comparisons_of(scope_sort_unstable, FEW_KEYS, n) <
          9 * n); /* two partitions for each of the 7 keys, at most, of what is left */
}

static uint64_t killer_cancelled_at;

static int killer_compare(const void *a, const void *b, void *s)
{
    if (adversary.compared == killer_cancelled_at)
        (void)scope_cancel(s);
    return adversary_compare(a, b, NULL);
}

static int sort_killer(struct scope *s, void *index)
{
    return scope_sort_unstable(s, index, ADVERSARY_MOST, sizeof(uint32_t), killer_compare, s);
}

static void unstable_killer_n_log_n(void)
{
    static uint32_t index[ADVERSARY_MOST];
    struct scope_pool_options one = {.size = sizeof(one), .workers = 1}; /* the adversary is not for several threads */
    struct scope_options options = scope_options_init();
    CHECK_EQ_INT(scope_pool_create(&options.pool, &one), SCOPE_OK);
    for (unsigned round = 0; round < 2; round++) {
        unsigned char seen[ADVERSARY_MOST] = {0};
        killer_cancelled_at = round == 0 ? UINT64_MAX : 30 * ADVERSARY_MOST; /* in the heap */
        adversary_begin(index, ADVERSARY_MOST);
        CHECK_EQ_INT(scope_run_with(&options, NULL, sort_killer, index), round == 0 ? SCOPE_OK : SCOPE_ECANCELED);
        printf("# %.1f comparisons an element\n", (double)adversary.compared / ADVERSARY_MOST);
        CHECK(adversary.compared > 15 * ADVERSARY_MOST); /* it did harm */
        CHECK(adversary.compared <
              15 * 4 * ADVERSARY_MOST); /* a heap's, and as many partitions; else some 600 an element */
        CHECK(round == 0 ? adversary_ordered(index, ADVERSARY_MOST) : adversary.compared < 32 * ADVERSARY_MOST);
        for (int i = 0; i < ADVERSARY_MOST; i++)
            CHECK(!seen[index[i]]++);
    }
    CHECK_EQ_INT(scope_pool_destroy(options.pool), SCOPE_OK);
}

/* ------------------------------------------------------------------------------------------------------- Cancellation */

static size_t cancel_length;
static unsigned cancel_at;
static unsigned cancel_compared;
static int cancel_status;

static int cancel_body(struct scope *s, void *arg)
{
    struct canceller canceller = {s, cancel_at};
    struct item *items = items_make(RANDOM, cancel_length);
    (void)arg;
    cancel_status = scope_sort_unstable(s, items, cancel_length, sizeof(*items), cancelling_compare, &canceller);
    cancel_compared = cancel_at - atomic_load(&canceller.left);
    CHECK(cancel_status == SCOPE_OK || (cancel_status == SCOPE_ECANCELED && scope_cancelled(s)));
    CHECK(items_complete(items, RANDOM, cancel_length));
    CHECK(cancel_status == SCOPE_ECANCELED || keys_ordered(items, cancel_length));
    free(items);
    return 0;
}

static void cancel_everywhere(size_t n)
{
    unsigned stopped = 0;
    cancel_length = n;
    for (cancel_at = 1; cancel_at < 40 * n; cancel_at += cancel_at / (TIMES(20, 3)) + 1) {
        (void)scope_run(cancel_body, NULL);
        stopped += cancel_status == SCOPE_ECANCELED;
    }
    CHECK(stopped > 10);
    CHECK_EQ_INT(cancel_status, SCOPE_OK); /* after the last comparison */
}

static void unstable_cancelled_loses_nothing(void)
{
    cancel_everywhere(30000);
    cancel_everywhere(100000); /* partitions fork */
}

/* Cancelled in the first partition.  Of a short array it is the last; of a long one it has eight parts, of which each of two workers ends
 * the one that it has begun. */
static void unstable_cancelled_stops_soon(void)
{
    static const size_t length[] = {60000, 1 << 19}, most[] = {60000, (1 << 19) / 4};
    struct scope_pool_options two = {.size = sizeof(two), .workers = 2};
    struct scope_options options = scope_options_init();
    CHECK_EQ_INT(scope_pool_create(&options.pool, &two), SCOPE_OK);
    for (int i = 0; i < 2; i++) {
        cancel_length = length[i];
        cancel_at = 1000;
        (void)scope_run_with(&options, NULL, cancel_body, NULL);
        CHECK_EQ_INT(cancel_status, SCOPE_ECANCELED);
        CHECK(cancel_compared < most[i] + 500); /* with the sample's */
    }
    CHECK_EQ_INT(scope_pool_destroy(options.pool), SCOPE_OK);
}

static int sort_cancelled(struct scope *s, void *index)
{
    (void)scope_cancel(s);
    return sort_items(s, index, 20000);
}

static void unstable_in_cancelled_scope_ecanceled(void)
{
    struct item *items = items_make(RANDOM, 20000);
    CHECK_EQ_INT(scope_run(sort_cancelled, items), SCOPE_ECANCELED);
    for (uint32_t i = 0; i < 20000; i++)
        CHECK(items[i].index == i);
    free(items);
}

/* ----------------------------------------------------------------------------------------------------------- Misuse */

static int inner_body(struct scope *s, void *arg)
{
    struct item items[3] = {{3, 0}, {2, 1}, {1, 2}};
    (void)s;
    CHECK_EQ_INT(sort_items(arg, items, 3), SCOPE_EPERM);
    CHECK_EQ_INT(items[0].key, 3);
    return 0;
}

static int outer_body(struct scope *s, void *arg)
{
    (void)arg;
    return scope_run(inner_body, s);
}

static void unstable_misuse_refused(void)
{
    struct item items[2] = {{2, 0}, {1, 1}};
    CHECK_EQ_INT(scope_run(outer_body, NULL), SCOPE_OK);
    CHECK_EQ_INT(scope_sort_unstable(NULL, NULL, 2, 8, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort_unstable(NULL, items, 2, 0, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort_unstable(NULL, items, 2, 8, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort_unstable(NULL, items, SIZE_MAX / 4, 8, item_compare, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(sort_items(NULL, NULL, 2), SCOPE_EINVAL);
    CHECK_EQ_INT(items[0].key, 2);
    CHECK_EQ_INT(sort_items(NULL, NULL, 0), SCOPE_OK);
}

int main(void)
{
    check_run("unstable_ordered", unstable_ordered);
    check_run("unstable_in_scope_ordered", unstable_in_scope_ordered);
    check_run("unstable_same_for_any_workers", unstable_same_for_any_workers);
    check_run("unstable_elements_whole", unstable_elements_whole);
    check_run("unstable_types_ordered", unstable_types_ordered);
    check_run("unstable_contradictions_lose_nothing", unstable_contradictions_lose_nothing);
    check_run("unstable_comparisons_n_log_n", unstable_comparisons_n_log_n);
    check_run("unstable_killer_n_log_n", unstable_killer_n_log_n);
    check_run("unstable_cancelled_loses_nothing", unstable_cancelled_loses_nothing);
    check_run("unstable_cancelled_stops_soon", unstable_cancelled_stops_soon);
    check_run("unstable_in_cancelled_scope_ecanceled", unstable_in_cancelled_scope_ecanceled);
    check_run("unstable_misuse_refused", unstable_misuse_refused);
    return check_done();
}

/* What the tests of sorts share: elements that know where they stood, patterns of keys, and the check that an array holds each element
 * once, in order and stable; and an adversary that answers comparisons. */
#ifndef TESTS_SORT_CHECK_H
#define TESTS_SORT_CHECK_H

#include "tests/scope_check.h"

struct item {
    uint32_t key, index;
};

/* So many bytes of the first element's key and index are kept in elements of other sizes. */
#define ITEM_BYTES sizeof(struct item)

static inline uint32_t scramble(uint32_t x)
{
    x = (x ^ x >> 16) * 0x45d9f3bu;
    x = (x ^ x >> 16) * 0x45d9f3bu;
    return x ^ x >> 16;
}

enum pattern { RANDOM, FEW_KEYS, EQUAL, SORTED, REVERSED, STAIRS_DOWN, ORGAN_PIPE, SAW, TAIL, PATTERNS };

/* The key of element i of n. */
static inline uint32_t pattern_key(enum pattern pattern, uint32_t i, uint32_t n)
{
    switch (pattern) {
    case RANDOM:
        return scramble(i);
    case FEW_KEYS:
        return scramble(i) % 7;
    case EQUAL:
        return 5;
    case SORTED:
        return i / 2;
    case REVERSED:
        return n - i;
    case STAIRS_DOWN:
        return (n - i) / 3;
    case ORGAN_PIPE:
        return i < n / 2 ? i : n - i;
    case SAW:
        return i % 100;
    default:
        return i < n - n / 10 ? i : scramble(i) % (n + 1);
    }
}

static inline struct item *items_make(enum pattern pattern, size_t n)
{
    struct item *items = malloc((n + 1) * sizeof(*items));
    for (size_t i = 0; i < n; i++)
        items[i] = (struct item){pattern_key(pattern, (uint32_t)i, (uint32_t)n), (uint32_t)i};
    return items;
}

/* Each of n elements, made by items_make, is there once. */
static inline bool items_complete(const struct item *items, enum pattern pattern, size_t n)
{
    unsigned char *seen = calloc(n + 1, 1);
    bool complete = true;
    for (size_t i = 0; i < n; i++) {
        uint32_t at = items[i].index;
        complete = complete && at < n && !seen[at] && items[i].key == pattern_key(pattern, at, (uint32_t)n);
        if (at < n)
            seen[at] = 1;
    }
    free(seen);
    return complete;
}

static inline bool items_ordered(const struct item *items, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (items[i - 1].key > items[i].key ||
            (items[i - 1].key == items[i].key && items[i - 1].index > items[i].index))
            return false;
    return true;
}

static inline int item_compare(const void *a, const void *b, void *arg)
{
    const struct item *x = a, *y = b;
    (void)arg;
    return x->key < y->key ? -1 : x->key > y->key;
}

/* Answers that contradict each other; arg: an atomic_uint. */
static inline int random_compare(const void *a, const void *b, void *arg)
{
    (void)a, (void)b;
    return (int)(scramble(atomic_fetch_add((atomic_uint *)arg, 1)) % 3) - 1;
}

/* Counts its calls; arg: an atomic_uint. */
static inline int counting_compare(const void *a, const void *b, void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
    return item_compare(a, b, NULL);
}

typedef int sort_call(struct scope *s, void *base, size_t n, size_t size, scope_compare_fn *compare, void *arg);

static inline unsigned comparisons_of(sort_call *sort, enum pattern pattern, size_t n)
{
    atomic_uint count = 0;
    struct item *items = items_make(pattern, n);
    CHECK_EQ_INT(sort(NULL, items, n, sizeof(*items), counting_compare, &count), SCOPE_OK);
    free(items);
    return count;
}

/* Cancels a scope at a certain comparison. */
struct canceller {
    struct scope *s;
    atomic_uint left; /* comparisons until then */
};

static inline int cancelling_compare(const void *a, const void *b, void *arg)
{
    struct canceller *canceller = arg;
    if (atomic_fetch_sub(&canceller->left, 1) == 1)
        (void)scope_cancel(canceller->s);
    return item_compare(a, b, NULL);
}

/* McIlroy's adversary: decides about values as late as it can, so that any quicksort goes wrong.  The elements are indices.  For one thread. */
#define ADVERSARY_MOST 20000
#define ADVERSARY_OPEN UINT32_MAX
static struct {
    uint32_t value[ADVERSARY_MOST], fixed, candidate;
    uint64_t compared;
} adversary;

/* The first two are in the wrong order, or a look whether all are in order would make it so. */
static inline void adversary_begin(uint32_t *index, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        index[i] = i;
        adversary.value[i] = i < 2 ? 1 - i : ADVERSARY_OPEN;
    }
    adversary.fixed = 2;
    adversary.compared = adversary.candidate = 0;
}

static inline int adversary_compare(const void *a, const void *b, void *arg)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b, *value = adversary.value;
    (void)arg;
    adversary.compared++;
    if (value[x] == ADVERSARY_OPEN && value[y] == ADVERSARY_OPEN)
        value[x == adversary.candidate ? x : y] = adversary.fixed++;
    if (value[x] == ADVERSARY_OPEN)
        adversary.candidate = x;
    else if (value[y] == ADVERSARY_OPEN)
        adversary.candidate = y;
    return value[x] < value[y] ? -1 : value[x] > value[y];
}

static inline bool adversary_ordered(const uint32_t *index, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (adversary.value[index[i - 1]] > adversary.value[index[i]])
            return false;
    return true;
}

#endif

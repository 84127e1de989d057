/* What the tests of sorts share: elements that know where they stood, patterns of keys, and the check that an array holds each element
 * once, in order and stable. */
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

#endif

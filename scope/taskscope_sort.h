/* Sorting and merging in parallel; a part of taskscope.h, which includes it. */
#ifndef TASKSCOPE_SORT_H
#define TASKSCOPE_SORT_H

#include "taskscope.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ----------------------------------------------------------------------------------------------- Sorting and merging */

/* Compares two elements: less than 0 if a comes before b, more if it comes after b, 0 if they are equal.  arg: from the call. */
typedef int scope_compare_fn(const void *a, const void *b, void *arg);

/* Sorts the n elements of size bytes at base, as qsort_r does: a merge sort on the workers of a pool.
 *   s        the innermost scope of the caller; the sort is part of its task.  NULL: a scope is opened for the call, if the array is worth
 *            it, as scope_run does it.  Inside a typed task only NULL is possible.
 *   order    ascending and stable: equal elements stay in the order in which they stood.  So the result does not depend on the number of
 *            workers, nor on who did what.
 *   compare  may be called by several threads at once, and with elements that lie in spare memory.  Each call costs some
 *            nanoseconds: sorts made by SCOPE_SORT have none.  If it contradicts itself the elements end up in some order.
 *            It must return: an exception or pthread_exit that leaves it ends the program.
 *   Time     O(n log n) comparisons for every input; O(n) if the array is in order, or strictly in the opposite one.
 *   Memory   n * size bytes from malloc until the call returns; none for up to 4096 bytes, nor if the array is in order.  If there is no
 *            memory the array is sorted in place: O(n log^2 n), several times slower, with the same result.  Elements of more than 32
 *            bytes are sorted by pointers to them and then moved once.
 *   Cancel   if s is cancelled the sort ends early.  The array then holds its elements in some order: none is lost.
 *   Returns  SCOPE_OK: sorted.  SCOPE_ECANCELED: s was cancelled.  SCOPE_EINVAL: base or compare is NULL, size is 0, or n * size
 *            overflows; SCOPE_EPERM: s is not the innermost scope of the caller; nothing was done.
 * Any thread; different arrays may be sorted at the same time. */
int scope_sort(struct scope *s, void *base, size_t n, size_t size, scope_compare_fn *compare, void *arg);

/* The same with n * size bytes of the caller's memory at scratch, aligned as the array and apart from it; what is left there means
 * nothing.  No memory is allocated.  NULL: in place. */
int scope_sort_scratch(struct scope *s, void *base, size_t n, size_t size, scope_compare_fn *compare, void *arg,
                       void *scratch);

/* Sorts in place: without memory, and not stable.  A quicksort: equal elements end up in an order that follows from the array alone, not from
 * the number of workers.  Numbers and other small elements take three quarters of scope_sort's time, with up to some 16 workers, if
 * SCOPE_SORT_UNSTABLE compiles the comparison into it; called comparisons gain little, and strings, or what else lies behind pointers, take twice the time.
 * Time: O(n log n) comparisons for every input, about n log k if only k elements differ, O(n) if the array is in order or strictly in the
 * opposite one.  The elements are moved themselves, whatever their size, and may be aligned to 64 bytes, not more.
 * Cancel: it ends within some 2048 elements, or an eighth of a large array.  All else as for scope_sort. */
int scope_sort_unstable(struct scope *s, void *base, size_t n, size_t size, scope_compare_fn *compare, void *arg);

/* Merges two arrays, each in order, of a_count and b_count elements of size bytes, into the array to, which has room for both
 * and overlaps neither.  Stable: of equal elements, those of a come first.  O(n) comparisons; no memory is allocated.  If s is cancelled, to
 * holds all the elements in some order.  s, compare, and what is returned: as for scope_sort. */
int scope_merge(struct scope *s, const void *a, size_t a_count, const void *b, size_t b_count, void *to, size_t size,
                scope_compare_fn *compare, void *arg);

/* Sorts for arrays of one type, with the comparison compiled into them:
 *
 *     static bool is_younger(const struct person *a, const struct person *b)
 *     {
 *         return a->age < b->age;
 *     }
 *     SCOPE_SORT(struct person, sort_by_age, is_younger);
 *
 *     ... sort_by_age(s, people, n);
 *
 * SCOPE_SORT(type, name, less) declares
 *   int name(struct scope *s, type *base, size_t n)                           as scope_sort
 *   int name_scratch(struct scope *s, type *base, size_t n, type *scratch)    as scope_sort_scratch
 * SCOPE_SORT_UNSTABLE(type, name, less) declares
 *   int name(struct scope *s, type *base, size_t n)                           as scope_sort_unstable
 * less: a function, or a macro, of two pointers to constant elements; true if the first comes before the second: <, not <=.
 * Elements of any size are moved themselves, some log2(n) times: if they have more than some 100 bytes, sort pointers to them. */

/* Sorts numbers by their bits, without comparisons: time in proportion to n for each of at most 4 or 8 bytes that differ.  Few numbers are
 * sorted by comparisons.  Equal numbers are the same bits.  The order of floating-point numbers is total: -NaN, -infinity ... -0.0,
 * +0.0 ... infinity, NaN; NaNs by their bits.  All else as for scope_sort, and 66 KiB of memory more for each digit
 * that is looked at in parallel, also by the calls below (without it, comparisons).  To sort records by such a key: SCOPE_SORT. */
int scope_sort_u32(struct scope *s, uint32_t *base, size_t n);
int scope_sort_i32(struct scope *s, int32_t *base, size_t n);
int scope_sort_u64(struct scope *s, uint64_t *base, size_t n);
int scope_sort_i64(struct scope *s, int64_t *base, size_t n);
int scope_sort_float(struct scope *s, float *base, size_t n);
int scope_sort_double(struct scope *s, double *base, size_t n);

/* The same with memory of the caller's for n numbers; scratch NULL: in place, by comparisons. */
int scope_sort_u32_scratch(struct scope *s, uint32_t *base, size_t n, uint32_t *scratch);
int scope_sort_i32_scratch(struct scope *s, int32_t *base, size_t n, int32_t *scratch);
int scope_sort_u64_scratch(struct scope *s, uint64_t *base, size_t n, uint64_t *scratch);
int scope_sort_i64_scratch(struct scope *s, int64_t *base, size_t n, int64_t *scratch);
int scope_sort_float_scratch(struct scope *s, float *base, size_t n, float *scratch);
int scope_sort_double_scratch(struct scope *s, double *base, size_t n, double *scratch);

/* --------------------------------------------------------------------------- Private: the merge sort, as a template
 *
 * Nothing below is for users.  Three functions do the bulk of the work, and exist for each comparison and size of
 * element; sort.c has what they are called by.  Positions and lengths are in bytes where they are called so or are
 * pointers, else in elements. */

struct scopei_order;
typedef bool scopei_less_fn(const void *a, const void *b, const struct scopei_order *order);

/* Two sorted runs, and where the merged one goes. */
struct scopei_merge {
    const char *a, *a_end, *b, *b_end;
    char *to, *to_end;
};

/* What is sorted, how, and by which functions. */
struct scopei_order {
    size_t size;
    scopei_less_fn *less;
    bool (*arrange)(char *at, size_t n, const struct scopei_order *order);
    void (*sort)(char *at, char *spare, size_t n, const struct scopei_order *order);
    void (*merge)(struct scopei_merge p, struct scopei_merge q, const struct scopei_order *order);
    size_t (*partition)(char *at, size_t n, const char *pivot, bool equals,
                        const struct scopei_order *order); /* or NULL */
    scope_compare_fn *compare;
    void *arg;
};

/* How an array that is not in order is sorted with n * size bytes of spare memory; NULL in these calls: by merging. */
typedef int scopei_sort_fn(struct scope *s, void *base, size_t n, void *spare, const struct scopei_order *order);

int scopei_sort(struct scope *s, void *base, size_t n, const struct scopei_order *order, scopei_sort_fn *sort);
int scopei_sort_scratch(struct scope *s, void *base, size_t n, void *scratch, const struct scopei_order *order,
                        scopei_sort_fn *sort);

/* Sorts by partitions. */
int scopei_sort_unstable(struct scope *s, void *base, size_t n, const struct scopei_order *order);

/* Sorts an array that is not in order, stable and without memory. */
int scopei_sort_in_place(struct scope *s, void *base, size_t n, const struct scopei_order *order);

/* Calls fn in s, or in a scope of its own if it is large and there is none; without a scope, if none can be opened. */
int scopei_sort_call(struct scope *s, bool large, scope_fn *fn, void *arg);

/* SCOPE_OK if a call may go on. */
int scopei_sort_check(struct scope *s, size_t n, size_t size, bool pointers);

/* True if there is nothing to sort, or no longer. */
bool scopei_sort_arranged(void *base, size_t n, const struct scopei_order *order);

/* How many of the first k elements of the merged run come from a. */
size_t scopei_merge_cut(const char *a, size_t a_count, const char *b, size_t b_count, size_t k,
                        const struct scopei_order *order);

void scopei_sort_reverse(char *at, size_t n, size_t size);
void scopei_merge_halves(struct scopei_merge m, const struct scopei_order *order);
void scopei_merge_simply(struct scopei_merge m, const struct scopei_order *order);

#define SCOPEI_BLOCK 32u /* elements that are sorted by code without loops over lengths */

/* A comparison's result as a number, 0 or 1, of which compilers know nothing else: or they would branch on it, and the outcome cannot be
 * predicted. */
SCOPEI_HOT size_t scopei_number(bool truth)
{
    size_t number = truth;
    __asm__("" : "+r"(number));
    return number;
}

/* a if first is 1, b if it is 0: by arithmetic, as clang makes a branch of a choice in a loop. */
SCOPEI_HOT const char *scopei_either(size_t first, const char *a, const char *b)
{
    return (const char *)((uintptr_t)b + (((uintptr_t)a - (uintptr_t)b) & (0 - (uintptr_t)first)));
}

/* Moves the least element of two runs to the front of the merged one. */
SCOPEI_HOT void scopei_merge_front(struct scopei_merge *m, const struct scopei_order *order, size_t size,
                                   scopei_less_fn *less)
{
    size_t second = scopei_number(less(m->b, m->a, order));
    __builtin_memcpy(m->to, scopei_either(second, m->b, m->a), size);
    m->a += size * (second ^ 1);
    m->b += size * second;
    m->to += size;
}

/* Moves the greatest one to its back. */
SCOPEI_HOT void scopei_merge_back(struct scopei_merge *m, const struct scopei_order *order, size_t size,
                                  scopei_less_fn *less)
{
    const char *a = m->a_end - size, *b = m->b_end - size;
    size_t first = scopei_number(less(b, a, order));
    m->to_end -= size;
    __builtin_memcpy(m->to_end, scopei_either(first, a, b), size);
    m->a_end -= size * first;
    m->b_end -= size * (first ^ 1);
}

SCOPEI_HOT size_t scopei_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* As many bytes as can be moved by either end of the merge before a run may be used up. */
SCOPEI_HOT size_t scopei_merge_room(const struct scopei_merge *m)
{
    return scopei_least((size_t)(m->a_end - m->a), (size_t)(m->b_end - m->b));
}

/* Merges to the end, from both ends at once.  False: the ends passed each other, as the comparison contradicts itself. */
SCOPEI_HOT bool scopei_merge_finish(struct scopei_merge *m, const struct scopei_order *order, size_t size,
                                    scopei_less_fn *less)
{
    size_t room;
    while (m->a <= m->a_end && m->b <= m->b_end && (room = scopei_merge_room(m)) > 0) {
        for (; room > 0; room -= size) {
            scopei_merge_front(m, order, size, less);
            scopei_merge_back(m, order, size, less);
        }
    }
    if (SCOPEI_UNLIKELY(m->a > m->a_end || m->b > m->b_end))
        return false;
    size_t a_bytes = (size_t)(m->a_end - m->a), b_bytes = (size_t)(m->b_end - m->b);
    __builtin_memcpy(m->to, m->a, a_bytes);
    __builtin_memcpy(m->to + a_bytes, m->b, b_bytes);
    return true;
}

/* Two merges at once, each from both ends: four chains of comparisons, none of which waits for another. */
SCOPEI_HOT void scopei_merge_two(struct scopei_merge p, struct scopei_merge q, const struct scopei_order *order,
                                 size_t size, scopei_less_fn *less)
{
    struct scopei_merge p_whole = p, q_whole = q;
    for (size_t room = scopei_least(scopei_merge_room(&p), scopei_merge_room(&q)); room > 0; room -= size) {
        scopei_merge_front(&p, order, size, less);
        scopei_merge_back(&p, order, size, less);
        scopei_merge_front(&q, order, size, less);
        scopei_merge_back(&q, order, size, less);
    }
    if (SCOPEI_UNLIKELY(!scopei_merge_finish(&p, order, size, less)))
        scopei_merge_simply(p_whole, order);
    if (SCOPEI_UNLIKELY(!scopei_merge_finish(&q, order, size, less)))
        scopei_merge_simply(q_whole, order);
}

/* Merges two neighbouring runs of n elements each, a constant. */
SCOPEI_HOT void scopei_merge_even(const char *from, char *to, size_t n, const struct scopei_order *order, size_t size,
                                  scopei_less_fn *less)
{
    struct scopei_merge whole = {from, from + n * size, from + n * size, from + 2 * n * size, to, to + 2 * n * size};
    struct scopei_merge m = whole;
    for (size_t i = 0; i < n; i++) {
        scopei_merge_front(&m, order, size, less);
        scopei_merge_back(&m, order, size, less);
    }
    if (SCOPEI_UNLIKELY(m.a != m.a_end))
        scopei_merge_simply(whole, order);
}

/* Sorts four elements into another place: two pairs are sorted, the least and the greatest come from their ends, and what is left is one
 * more pair, x having stood before y. */
SCOPEI_HOT void scopei_sort_four(const char *at, char *to, const struct scopei_order *order, size_t size,
                                 scopei_less_fn *less)
{
    size_t p = scopei_number(less(at + size, at, order));
    size_t q = scopei_number(less(at + 3 * size, at + 2 * size, order));
    const char *a = at + p * size, *b = at + (p ^ 1) * size, *c = at + (2 + q) * size, *d = at + (3 - q) * size;
    size_t r = scopei_number(less(c, a, order)), t = scopei_number(less(d, b, order));
    const char *x = scopei_either(r, a, scopei_either(t, c, b)), *y = scopei_either(t, d, scopei_either(r, b, c));
    size_t u = scopei_number(less(y, x, order));
    __builtin_memcpy(to, scopei_either(r, c, a), size);
    __builtin_memcpy(to + size, scopei_either(u, y, x), size);
    __builtin_memcpy(to + 2 * size, scopei_either(u, x, y), size);
    __builtin_memcpy(to + 3 * size, scopei_either(t, b, d), size);
}

/* Sorts SCOPEI_BLOCK elements. */
SCOPEI_HOT void scopei_sort_block(char *at, char *spare, const struct scopei_order *order, size_t size,
                                  scopei_less_fn *less)
{
    for (size_t i = 0; i < SCOPEI_BLOCK; i += 4)
        scopei_sort_four(at + i * size, spare + i * size, order, size, less);
    for (size_t i = 0; i < SCOPEI_BLOCK; i += 8)
        scopei_merge_even(spare + i * size, at + i * size, 4, order, size, less);
    for (size_t i = 0; i < SCOPEI_BLOCK; i += 16)
        scopei_merge_even(at + i * size, spare + i * size, 8, order, size, less);
    scopei_merge_even(spare, at, 16, order, size, less);
}

/* Sorts fewer elements, by insertion. */
SCOPEI_HOT void scopei_sort_few(char *at, char *spare, size_t n, const struct scopei_order *order, size_t size,
                                scopei_less_fn *less)
{
    for (size_t i = 0; i < n; i++) {
        char *hole = spare + i * size;
        for (; hole > spare && less(at + i * size, hole - size, order); hole -= size)
            __builtin_memcpy(hole, hole - size, size);
        __builtin_memcpy(hole, at + i * size, size);
    }
    __builtin_memcpy(at, spare, n * size);
}

/* True if the elements were in order, or are now, having been in the opposite order. */
SCOPEI_HOT bool scopei_sort_arrange(char *at, size_t n, const struct scopei_order *order, size_t size,
                                    scopei_less_fn *less)
{
    size_t i = 2;
    if (n < 2)
        return true;
    if (!less(at + size, at, order)) {
        while (i < n && !less(at + i * size, at + (i - 1) * size, order))
            i++;
        return i == n;
    }
    while (i < n && less(at + i * size, at + (i - 1) * size, order))
        i++;
    if (i < n)
        return false;
    scopei_sort_reverse(at, n, size);
    return true;
}

/* Sorts by four quarters: two merges at once into the spare memory, one back. */
SCOPEI_HOT void scopei_sort_quarters(char *at, char *spare, size_t n, const struct scopei_order *order, size_t size,
                                     scopei_less_fn *less)
{
    size_t blocks = (n + SCOPEI_BLOCK - 1) / SCOPEI_BLOCK, cut[5];
    for (size_t i = 0; i < 5; i++)
        cut[i] = size * scopei_least(n, blocks * i / 4 * SCOPEI_BLOCK);
    (void)less;
    for (size_t i = 0; i < 4; i++)
        order->sort(at + cut[i], spare + cut[i], (cut[i + 1] - cut[i]) / size, order);
    struct scopei_merge p = {at, at + cut[1], at + cut[1], at + cut[2], spare, spare + cut[2]};
    struct scopei_merge q = {at + cut[2], at + cut[3], at + cut[3], at + cut[4], spare + cut[2], spare + cut[4]};
    order->merge(p, q, order);
    struct scopei_merge all = {spare, spare + cut[2], spare + cut[2], spare + cut[4], at, at + cut[4]};
    scopei_merge_halves(all, order);
}

SCOPEI_HOT void scopei_sort_serial(char *at, char *spare, size_t n, const struct scopei_order *order, size_t size,
                                   scopei_less_fn *less)
{
    if (n == SCOPEI_BLOCK)
        scopei_sort_block(at, spare, order, size, less);
    else if (n < SCOPEI_BLOCK)
        scopei_sort_few(at, spare, n, order, size, less);
    else if (!order->arrange(at, n, order))
        scopei_sort_quarters(at, spare, n, order, size, less);
}

/* Moves the elements that come before the pivot, or do not come after it if equals, to the front, and returns how many they are.  Lomuto's
 * partition without branches (after Peters and Bergdoll 2023): the front element, of those of the second side, moves to where
 * the last one was taken from, and makes room for the next element, whichever side it belongs to.  pivot and kept are apart from the array. */
SCOPEI_HOT size_t scopei_partition(char *at, size_t n, const char *pivot, bool equals, char *kept,
                                   const struct scopei_order *order, size_t size, scopei_less_fn *less)
{
    char *hole = at, *to = at, *end = at + n * size;
    if (n == 0)
        return 0;
    __builtin_memcpy(kept, at, size);
    for (char *v = at + size; v < end; v += size) {
        size_t first = equals ? scopei_number(less(pivot, v, order)) ^ 1 : scopei_number(less(v, pivot, order));
        __builtin_memmove(hole, to, size);
        __builtin_memcpy(to, v, size);
        hole = v;
        to += size * first;
    }
    bool first = equals ? !less(pivot, kept, order) : less(kept, pivot, order);
    __builtin_memmove(hole, to, size);
    __builtin_memcpy(to, kept, size);
    return (size_t)(to - at) / size + first;
}

#define SCOPEI_PARTITION_MOST 256u /* bytes of the elements that are partitioned so: others are swapped */

/* The partition for elements of size bytes, a constant. */
#define SCOPEI_SORT_PARTITION(name, size, less)                                                               \
    SCOPEI_WARM size_t name##_partition(char *scopei_at, size_t scopei_n, const char *scopei_pivot,           \
                                        bool scopei_equals, const struct scopei_order *scopei_order)          \
    {                                                                                                         \
        char scopei_apart[2][size] __attribute__((aligned(64)));                                              \
        __builtin_memcpy(scopei_apart[0], scopei_pivot, sizeof(scopei_apart[0]));                             \
        return scopei_equals ? scopei_partition(scopei_at, scopei_n, scopei_apart[0], true, scopei_apart[1],  \
                                                scopei_order, (size), (less))                                 \
                             : scopei_partition(scopei_at, scopei_n, scopei_apart[0], false, scopei_apart[1], \
                                                scopei_order, (size), (less));                                \
    }

/* The three functions for elements of size bytes, and name_order, which makes the order that they belong to. */
#define SCOPEI_SORT_FUNCTIONS(name, size, less)                                                                \
    SCOPEI_WARM bool name##_arrange(char *scopei_at, size_t scopei_n, const struct scopei_order *scopei_order) \
    {                                                                                                          \
        return scopei_sort_arrange(scopei_at, scopei_n, scopei_order, (size), (less));                         \
    }                                                                                                          \
    SCOPEI_WARM void name##_sort(char *scopei_at, char *scopei_spare, size_t scopei_n,                         \
                                 const struct scopei_order *scopei_order)                                      \
    {                                                                                                          \
        scopei_sort_serial(scopei_at, scopei_spare, scopei_n, scopei_order, (size), (less));                   \
    }                                                                                                          \
    SCOPEI_WARM void name##_merge(struct scopei_merge scopei_p, struct scopei_merge scopei_q,                  \
                                  const struct scopei_order *scopei_order)                                     \
    {                                                                                                          \
        scopei_merge_two(scopei_p, scopei_q, scopei_order, (size), (less));                                    \
    }                                                                                                          \
    SCOPEI_WARM struct scopei_order name##_order(size_t scopei_size, scope_compare_fn *scopei_compare,         \
                                                 void *scopei_arg)                                             \
    {                                                                                                          \
        struct scopei_order scopei_order = {scopei_size,  (less), name##_arrange, name##_sort,                 \
                                            name##_merge, NULL,   scopei_compare, scopei_arg};                 \
        return scopei_order;                                                                                   \
    }

#define SCOPEI_SORT_LESS(type, name, less)                                                                        \
    SCOPEI_WARM bool name##_less(const void *scopei_a, const void *scopei_b, const struct scopei_order *scopei_o) \
    {                                                                                                             \
        (void)scopei_o;                                                                                           \
        return less((type const *)scopei_a, (type const *)scopei_b);                                              \
    }

#define SCOPE_SORT(type, name, less)                                                                               \
    SCOPEI_SORT_LESS(type, name, less)                                                                             \
    SCOPEI_SORT_FUNCTIONS(name, sizeof(type), name##_less)                                                         \
    SCOPEI_WARM int name(struct scope *scopei_s, type *scopei_base, size_t scopei_n)                               \
    {                                                                                                              \
        struct scopei_order scopei_order = name##_order(sizeof(type), NULL, NULL);                                 \
        return scopei_sort(scopei_s, scopei_base, scopei_n, &scopei_order, NULL);                                  \
    }                                                                                                              \
    SCOPEI_WARM int name##_scratch(struct scope *scopei_s, type *scopei_base, size_t scopei_n, type *scopei_spare) \
    {                                                                                                              \
        struct scopei_order scopei_order = name##_order(sizeof(type), NULL, NULL);                                 \
        return scopei_sort_scratch(scopei_s, scopei_base, scopei_n, scopei_spare, &scopei_order, NULL);            \
    }                                                                                                              \
    SCOPEI_ASSERT(__alignof__(type) <= 64, "the elements of " #name " are aligned to more than 64 bytes")

#define SCOPE_SORT_UNSTABLE(type, name, less)                                        \
    SCOPEI_SORT_LESS(type, name, less)                                               \
    SCOPEI_SORT_FUNCTIONS(name, sizeof(type), name##_less)                           \
    SCOPEI_SORT_PARTITION(name, sizeof(type), name##_less)                           \
    SCOPEI_WARM int name(struct scope *scopei_s, type *scopei_base, size_t scopei_n) \
    {                                                                                \
        struct scopei_order scopei_order = name##_order(sizeof(type), NULL, NULL);   \
        if (sizeof(type) <= SCOPEI_PARTITION_MOST)                                   \
            scopei_order.partition = name##_partition;                               \
        return scopei_sort_unstable(scopei_s, scopei_base, scopei_n, &scopei_order); \
    }                                                                                \
    SCOPEI_ASSERT(__alignof__(type) <= 64, "the elements of " #name " are aligned to more than 64 bytes")

#ifdef __cplusplus
}
#endif

#endif

/* Sorting by merging: what does not depend on the type of the elements.  Without memory for it: inplace.c.
 *
 * A sort of more than GRAIN elements forks: its halves each sort two quarters and merge them into the spare memory, and what they
 * have made is merged back.  Merges fork as well, cut where half of the merged elements lie on either side (Akl and Santoro 1987).
 * Smaller parts are sorted by the functions of taskscope_sort.h, in the same way but one after the other.
 *
 * Cancellation: a merge that is cut short copies, so that it always fills its target; and only the last merge of a part, of what its
 * halves have left in the spare memory, writes to its array. */
#include "scope/taskscope_sort.h"

#include "scope/taskscope.h"

#include <stdlib.h>
#include <string.h>

#define GRAIN ((size_t)2048)       /* elements: a sort of so many, some 50 us, is not divided among workers */
#define MERGE_GRAIN ((size_t)8192) /* elements: likewise a merge, some 20 us */
#define HALVES_LEAST ((size_t)256) /* elements: finding the middle of a shorter merge costs more than it gains */
#define STACK_BYTES ((size_t)4096) /* spare memory that is taken from the stack */
#define DIRECT_SIZE ((size_t)32)   /* bytes: larger elements are sorted by pointers */
#define ALIGNMENT ((size_t)64)     /* bytes, of spare memory from malloc */

/* ----------------------------------------------------------------------------------------------------- Serial merges */

void scopei_merge_simply(struct scopei_merge m, const struct scopei_order *order)
{
    size_t size = order->size;
    while (m.a < m.a_end && m.b < m.b_end) {
        const char **from = order->less(m.b, m.a, order) ? &m.b : &m.a;
        memcpy(m.to, *from, size);
        *from += size;
        m.to += size;
    }
    memcpy(m.to, m.a, (size_t)(m.a_end - m.a));
    memcpy(m.to + (m.a_end - m.a), m.b, (size_t)(m.b_end - m.b));
}

size_t scopei_merge_cut(const char *a, size_t a_count, const char *b, size_t b_count, size_t k,
                        const struct scopei_order *order)
{
    size_t low = k > b_count ? k - b_count : 0, high = k < a_count ? k : a_count, size = order->size;
    while (low < high) {
        size_t i = low + (high - low) / 2;
        if (order->less(b + (k - i - 1) * size, a + i * size, order))
            high = i;
        else
            low = i + 1;
    }
    return low;
}

/* Cuts a merge in two that make halves of the merged run. */
static void merge_split(const struct scopei_merge *m, const struct scopei_order *order, struct scopei_merge *first,
                        struct scopei_merge *second)
{
    size_t size = order->size, a_count = (size_t)(m->a_end - m->a) / size, b_count = (size_t)(m->b_end - m->b) / size;
    size_t k = (a_count + b_count) / 2, i = scopei_merge_cut(m->a, a_count, m->b, b_count, k, order);
    const char *a = m->a + i * size, *b = m->b + (k - i) * size;
    char *to = m->to + k * size;
    *first = (struct scopei_merge){m->a, a, m->b, b, m->to, to};
    *second = (struct scopei_merge){a, m->a_end, b, m->b_end, to, m->to_end};
}

static void copy_both(char *to, const char *a, const char *a_end, const char *b, const char *b_end)
{
    memcpy(to, a, (size_t)(a_end - a));
    memcpy(to + (a_end - a), b, (size_t)(b_end - b));
}

/* One merge as two at once, but for what is short or can be copied as it is. */
void scopei_merge_halves(struct scopei_merge m, const struct scopei_order *order)
{
    size_t size = order->size;
    struct scopei_merge first = m, second = {m.a, m.a, m.b, m.b, m.to, m.to};
    if (m.a == m.a_end || m.b == m.b_end || !order->less(m.b, m.a_end - size, order)) {
        copy_both(m.to, m.a, m.a_end, m.b, m.b_end);
        return;
    }
    if (order->less(m.b_end - size, m.a, order)) {
        copy_both(m.to, m.b, m.b_end, m.a, m.a_end);
        return;
    }
    if ((size_t)(m.to_end - m.to) >= HALVES_LEAST * size)
        merge_split(&m, order, &first, &second);
    order->merge(first, second, order);
}

/* --------------------------------------------------------------------------------------------------- Parallel merges */

struct merge {
    struct scopei_merge runs;
    const struct scopei_order *order;
    bool done; /* the merged run is filled, if not in order */
};

/* Fills the merged run, in order if it returns 0. */
static int merge_part(struct scope *s, void *arg)
{
    struct merge *merge = arg;
    const struct scopei_merge *m = &merge->runs;
    merge->done = true;
    if (s && scope_cancelled(s)) {
        copy_both(m->to, m->a, m->a_end, m->b, m->b_end);
        return SCOPE_ECANCELED;
    }
    if (!s || (size_t)(m->to_end - m->to) <= MERGE_GRAIN * merge->order->size) {
        scopei_merge_halves(*m, merge->order);
        return 0;
    }
    struct merge first = {.order = merge->order}, second = {.order = merge->order};
    merge_split(m, merge->order, &first.runs, &second.runs);
    int code = scope_fork2(s, merge_part, &first, merge_part, &second);
    if (!first.done)
        (void)merge_part(s, &first); /* skipped, as s is cancelled */
    return code;
}

/* ---------------------------------------------------------------------------------------------------- Parallel sorts */

struct part {
    char *at, *spare;
    size_t n;
    const struct scopei_order *order;
    bool in_spare; /* of a half: they have been merged, or copied, into the spare memory */
};

static struct part part_of(const struct part *whole, size_t from, size_t n)
{
    size_t size = whole->order->size;
    return (struct part){whole->at + from * size, whole->spare + from * size, n, whole->order, false};
}

/* The middle of n elements, between blocks. */
static size_t part_middle(size_t n)
{
    return n / 2 / SCOPEI_BLOCK * SCOPEI_BLOCK;
}

static int sort_half(struct scope *s, void *arg);

/* Sorts a part in its array, if it returns 0. */
static int sort_part(struct scope *s, void *arg)
{
    struct part *part = arg;
    size_t middle = part_middle(part->n), size = part->order->size;
    if (s && scope_cancelled(s))
        return SCOPE_ECANCELED;
    if (!s || part->n <= GRAIN) {
        part->order->sort(part->at, part->spare, part->n, part->order);
        return 0;
    }
    if (part->order->arrange(part->at, part->n, part->order))
        return 0;
    struct part low = part_of(part, 0, middle), high = part_of(part, middle, part->n - middle);
    int code = scope_fork2(s, sort_half, &low, sort_half, &high);
    if (!low.in_spare || !high.in_spare)
        return SCOPE_ECANCELED;
    struct merge merge = {.order = part->order};
    merge.runs = (struct scopei_merge){
        low.spare, high.spare, high.spare, high.spare + high.n * size, part->at, part->at + part->n * size};
    int merged = merge_part(s, &merge);
    return code ? code : merged;
}

/* Sorts two quarters, and merges them into the spare memory. */
static int sort_half(struct scope *s, void *arg)
{
    struct part *part = arg;
    size_t middle = part_middle(part->n), size = part->order->size;
    struct part low = part_of(part, 0, middle), high = part_of(part, middle, part->n - middle);
    int code = scope_fork2(s, sort_part, &low, sort_part, &high);
    if (code)
        return code;
    struct merge merge = {.order = part->order};
    merge.runs = (struct scopei_merge){
        low.at, high.at, high.at, high.at + high.n * size, part->spare, part->spare + part->n * size};
    part->in_spare = true;
    return merge_part(s, &merge);
}

/* -------------------------------------------------------------------------------------------------------- The callers */

struct call {
    scope_fn *fn;
    void *arg;
    bool begun;
};

static int call_begin(struct scope *s, void *arg)
{
    struct call *call = arg;
    call->begun = true;
    return call->fn(s, call->arg);
}

int scopei_sort_call(struct scope *s, bool large, scope_fn *fn, void *arg)
{
    struct call call = {fn, arg, false};
    /* Elements are on their way between two places: a comparison must return. */
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    int status = s || !large ? fn(s, arg) : scope_run(call_begin, &call);
    if (!s && large && !call.begun)
        status = fn(NULL, arg);
    called = false;
    return status;
}

static int nothing(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    return 0;
}

int scopei_sort_check(struct scope *s, size_t n, size_t size, bool pointers)
{
    if (size == 0 || n > (SIZE_MAX - ALIGNMENT) / size || !pointers)
        return SCOPE_EINVAL;
    return s ? scope_fork2(s, nothing, NULL, nothing, NULL) : SCOPE_OK;
}

bool scopei_sort_arranged(void *base, size_t n, const struct scopei_order *order)
{
    /* A comparison must return, here as well. */
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    bool sorted = n < 2 || order->arrange(base, n, order);
    called = false;
    return sorted;
}

/* With spare memory; without any, in place. */
static int sort_with(struct scope *s, void *base, size_t n, void *spare, const struct scopei_order *order)
{
    struct part part = {base, spare, n, order, false};
    return spare ? scopei_sort_call(s, n > GRAIN, sort_part, &part) : scopei_sort_in_place(s, base, n, order);
}

int scopei_sort_scratch(struct scope *s, void *base, size_t n, void *scratch, const struct scopei_order *order,
                        scopei_sort_fn *sort)
{
    int status = scopei_sort_check(s, n, order->size, base || n == 0);
    if (status != SCOPE_OK || scopei_sort_arranged(base, n, order))
        return status;
    return (scratch && sort ? sort : sort_with)(s, base, n, scratch, order);
}

int scopei_sort(struct scope *s, void *base, size_t n, const struct scopei_order *order, scopei_sort_fn *sort)
{
    size_t bytes = n * order->size;
    int status = scopei_sort_check(s, n, order->size, base || n == 0);
    if (status != SCOPE_OK || scopei_sort_arranged(base, n, order))
        return status;
    if (bytes <= STACK_BYTES) {
        _Alignas(64) char spare[STACK_BYTES];
        return (sort ? sort : sort_with)(s, base, n, spare, order);
    }
    char *memory = malloc(bytes + ALIGNMENT);
    char *spare = memory ? memory + (ALIGNMENT - (uintptr_t)memory % ALIGNMENT) : NULL;
    status = (spare && sort ? sort : sort_with)(s, base, n, spare, order);
    free(memory);
    return status;
}

/* -------------------------------------------------------------------------------------- Comparisons that are functions */

static bool less_called(const void *a, const void *b, const struct scopei_order *order)
{
    return order->compare(a, b, order->arg) < 0;
}

static const void *pointer_at(const void *at)
{
    const void *pointer;
    memcpy(&pointer, at, sizeof(pointer));
    return pointer;
}

static bool less_pointed(const void *a, const void *b, const struct scopei_order *order)
{
    return order->compare(pointer_at(a), pointer_at(b), order->arg) < 0;
}

SCOPEI_SORT_FUNCTIONS(sort4, 4, less_called)
SCOPEI_SORT_FUNCTIONS(sort8, 8, less_called)
SCOPEI_SORT_FUNCTIONS(sort16, 16, less_called)
SCOPEI_SORT_PARTITION(sort4, 4, less_called)
SCOPEI_SORT_PARTITION(sort8, 8, less_called)
SCOPEI_SORT_PARTITION(sort16, 16, less_called)
SCOPEI_SORT_FUNCTIONS(sort_any, scopei_order->size, less_called)
SCOPEI_SORT_FUNCTIONS(sort_pointers, sizeof(void *), less_pointed)

static struct scopei_order order_of(size_t size, scope_compare_fn *compare, void *arg)
{
    return size == 4    ? sort4_order(size, compare, arg)
           : size == 8  ? sort8_order(size, compare, arg)
           : size == 16 ? sort16_order(size, compare, arg)
                        : sort_any_order(size, compare, arg);
}

/* Moves each element to where its pointer is, one cycle after the other; the pointers serve as marks. */
static void permute(char *base, size_t n, size_t size, char *pointers, char *kept)
{
    for (size_t i = 0; i < n; i++) {
        char *hole = base + i * size;
        const char *end = hole, *from = pointer_at(pointers + i * sizeof(from));
        if (from == end)
            continue;
        memcpy(kept, hole, size);
        for (size_t j = i; from != end; from = pointer_at(pointers + j * sizeof(from))) {
            memcpy(hole, from, size);
            memcpy(pointers + j * sizeof(from), &(const char *){hole}, sizeof(from));
            j = (size_t)(from - base) / size;
            hole = base + j * size;
        }
        memcpy(hole, kept, size);
        memcpy(pointers + (size_t)(hole - base) / size * sizeof(from), &(const char *){hole}, sizeof(from));
    }
}

/* Sorts pointers to the elements: two pointers an element and the one element that is kept fit into the spare memory. */
static int sort_large(struct scope *s, void *base, size_t n, void *spare, const struct scopei_order *order)
{
    struct scopei_order pointed = sort_pointers_order(sizeof(void *), order->compare, order->arg);
    char *pointers = spare, *kept = pointers + 2 * n * sizeof(void *);
    for (size_t i = 0; i < n; i++) {
        const char *element = (char *)base + i * order->size;
        memcpy(pointers + i * sizeof(element), &element, sizeof(element));
    }
    int status = sort_with(s, pointers, n, pointers + n * sizeof(void *), &pointed);
    if (status == SCOPE_OK)
        permute(base, n, order->size, pointers, kept);
    return status;
}

int scope_sort(struct scope *s, void *base, size_t n, size_t size, scope_compare_fn *compare, void *arg)
{
    struct scopei_order order = order_of(size, compare, arg);
    return compare ? scopei_sort(s, base, n, &order, size > DIRECT_SIZE ? sort_large : NULL) : SCOPE_EINVAL;
}

int scope_sort_scratch(struct scope *s, void *base, size_t n, size_t size, scope_compare_fn *compare, void *arg,
                       void *scratch)
{
    struct scopei_order order = order_of(size, compare, arg);
    return compare ? scopei_sort_scratch(s, base, n, scratch, &order, size > DIRECT_SIZE ? sort_large : NULL)
                   : SCOPE_EINVAL;
}

int scope_sort_unstable(struct scope *s, void *base, size_t n, size_t size, scope_compare_fn *compare, void *arg)
{
    struct scopei_order order = order_of(size, compare, arg);
    order.partition = size == 4 ? sort4_partition : size == 8 ? sort8_partition : size == 16 ? sort16_partition : NULL;
    return compare ? scopei_sort_unstable(s, base, n, &order) : SCOPE_EINVAL;
}

int scope_merge(struct scope *s, const void *a, size_t a_count, const void *b, size_t b_count, void *to, size_t size,
                scope_compare_fn *compare, void *arg)
{
    size_t n = a_count + b_count;
    struct scopei_order order = order_of(size, compare, arg);
    bool pointers = compare && (a || a_count == 0) && (b || b_count == 0) && (to || n == 0);
    int status = scopei_sort_check(s, n, size, pointers && n >= a_count);
    if ((status != SCOPE_OK && status != SCOPE_ECANCELED) || n == 0) /* if cancelled, merges just copy */
        return status;
    const char *first = a ? a : b, *second = b ? b : a;
    struct merge merge = {.order = &order};
    merge.runs = (struct scopei_merge){first, first + a_count * size, second, second + b_count * size,
                                       to,    (char *)to + n * size};
    int merged = scopei_sort_call(s, n > MERGE_GRAIN, merge_part, &merge);
    return status ? status : merged;
}

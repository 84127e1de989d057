/* Sorting without memory: stable by merges that rotate, and not stable by partitions.
 *
 * The merges stand in when there is no memory for those of sort.c.
 *
 * The partitions are a quicksort (Hoare 1961) in the form of Lomuto, for small elements without a branch that depends on a comparison:
 * scopei_partition.  The pivot is the median of a sample; elements equal to a pivot that lies before a part are set apart
 * (as in Peters' pdqsort), and parts that were divided badly too often are sorted by a heap, so that no input takes longer than
 * O(n log n).  Where parts end depends on their lengths and elements alone, not on who divides them: so the result does not, either.
 *
 * Cancellation: between any two steps each array holds its elements in some order. */
#include "scope/taskscope_sort.h"

#include "scope/taskscope.h"

#include <string.h>

#define GRAIN ((size_t)2048)         /* elements: a sort of so many, some 50 us, is not divided among workers */
#define DIVIDE_GRAIN ((size_t)65536) /* elements: likewise a partition, some 100 us */
#define DIVIDE_PARTS ((size_t)8)    /* about so many parts of the array are partitioned at once: more cost more swaps */
#define BUFFER_BYTES ((size_t)4096) /* elements that fit on the stack are sorted by merges */
#define INSERT_MOST ((size_t)16)    /* elements that are sorted by insertion */
#define SAMPLE ((size_t)32)         /* elements of which the median is taken as a pivot */
#define UNEVEN ((size_t)8)          /* a partition is bad if one side has less than such a part */
#define POP_MOST ((size_t)1024)     /* elements that join or leave a heap between two looks for a cancellation */

/* ----------------------------------------------------------------------------------------------------- Runs, swapped */

static inline void swap_bytes(char *a, char *b, size_t size)
{
    char kept[64];
    if (a == b)
        return;
    for (size_t chunk; size > 0; size -= chunk, a += chunk, b += chunk) {
        chunk = size < sizeof(kept) ? size : sizeof(kept);
        memcpy(kept, a, chunk);
        memcpy(a, b, chunk);
        memcpy(b, kept, chunk);
    }
}

/* Inlined, so that compilers know the size. */
__attribute__((always_inline)) static inline void reverse(char *at, size_t n, size_t size)
{
    if (n > 1)
        for (char *last = at + (n - 1) * size; at < last; at += size, last -= size)
            swap_bytes(at, last, size);
}

void scopei_sort_reverse(char *at, size_t n, size_t size)
{
    if (size == 4)
        reverse(at, n, 4);
    else if (size == 8)
        reverse(at, n, 8);
    else
        reverse(at, n, size);
}

/* Swaps two neighbouring runs. */
static void rotate(char *at, size_t left, size_t right, size_t size)
{
    scopei_sort_reverse(at, left, size);
    scopei_sort_reverse(at + left * size, right, size);
    scopei_sort_reverse(at, left + right, size);
}

struct run {
    char *at;
    size_t n;
    const struct scopei_order *order;
};

static struct run run_of(const struct run *whole, size_t from, size_t n)
{
    return (struct run){whole->at + from * whole->order->size, n, whole->order};
}

static void insert_all(const struct run *run)
{
    size_t size = run->order->size;
    for (size_t i = 1; i < run->n; i++)
        for (char *v = run->at + i * size; v > run->at && run->order->less(v, v - size, run->order); v -= size)
            swap_bytes(v, v - size, size);
}

/* Calls fn(s, low) and fn(s, high), perhaps at once. */
static int do_both(struct scope *s, bool fork, scope_fn *fn, void *low, void *high)
{
    if (s && fork)
        return scope_fork2(s, fn, low, fn, high);
    int first = fn(s, low), second = fn(s, high);
    return second ? second : first;
}

/* ------------------------------------------------------------------------------------------------------------- Stable */

struct neighbours {
    struct run both;
    size_t left; /* elements of the first run; the other one is the rest */
};

/* Merges two neighbouring runs: swaps what lies on the wrong side of the middle, then merges the halves. */
static int merge_in_place(struct scope *s, void *arg)
{
    const struct neighbours *m = arg;
    const struct run *both = &m->both;
    size_t size = both->order->size, left = m->left, right = both->n - left, k = both->n / 2;
    char *middle = both->at + left * size;
    if (s && scope_cancelled(s))
        return SCOPE_ECANCELED;
    if (left == 0 || right == 0 || !both->order->less(middle, middle - size, both->order))
        return 0;
    size_t i = scopei_merge_cut(both->at, left, middle, right, k, both->order);
    rotate(both->at + i * size, left - i, k - i, size);
    struct neighbours low = {run_of(both, 0, k), i}, high = {run_of(both, k, both->n - k), left - i};
    return do_both(s, both->n > GRAIN, merge_in_place, &low, &high);
}

static int sort_stable(struct scope *s, void *arg)
{
    const struct run *run = arg;
    size_t middle = run->n / 2;
    if (s && scope_cancelled(s))
        return SCOPE_ECANCELED;
    if (run->n <= INSERT_MOST) {
        insert_all(run);
        return 0;
    }
    if (run->order->arrange(run->at, run->n, run->order))
        return 0;
    struct run low = run_of(run, 0, middle), high = run_of(run, middle, run->n - middle);
    struct neighbours both = {*run, middle};
    int code = do_both(s, run->n > GRAIN, sort_stable, &low, &high);
    return code ? code : merge_in_place(s, &both);
}

int scopei_sort_in_place(struct scope *s, void *base, size_t n, const struct scopei_order *order)
{
    struct run run = {base, n, order};
    return scopei_sort_call(s, n > GRAIN, sort_stable, &run);
}

/* --------------------------------------------------------------------------------------------------------- Partitions */

struct division {
    struct run run;
    const char *pivot;
    size_t grain; /* more elements are partitioned in halves */
    size_t first; /* result: so many elements belong to the first side, and stand there */
    bool equals;  /* what is equal to the pivot belongs to the first side */
};

/* Partitions elements of any size, one after the other. */
static size_t partition_simply(const struct division *d)
{
    const struct scopei_order *order = d->run.order;
    size_t first = 0, size = order->size;
    char *at = d->run.at;
    for (size_t i = 0; i < d->run.n; i++) {
        char *v = at + i * size;
        if (!(d->equals ? !order->less(d->pivot, v, order) : order->less(v, d->pivot, order)))
            continue;
        if (first < i)
            swap_bytes(at + first * size, v, size);
        first++;
    }
    return first;
}

/* Both halves at once; then what ends the first half, and belongs to the second side, is swapped with what begins the second half. */
static int divide(struct scope *s, void *arg)
{
    struct division *d = arg;
    const struct run *run = &d->run;
    size_t size = run->order->size, middle = run->n / 2;
    if (run->n <= d->grain) {
        d->first = run->order->partition ? run->order->partition(run->at, run->n, d->pivot, d->equals, run->order)
                                         : partition_simply(d);
        return 0;
    }
    struct division low = *d, high = *d;
    low.run = run_of(run, 0, middle);
    high.run = run_of(run, middle, run->n - middle);
    int code = do_both(s, true, divide, &low, &high);
    if (code)
        return code;
    size_t wrong = middle - low.first, swaps = wrong < high.first ? wrong : high.first;
    d->first = low.first + high.first;
    swap_bytes(run->at + low.first * size, run->at + (middle + high.first - swaps) * size, swaps * size);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------- A heap */

/* Moves an element down until none of its children comes after it. */
static void heap_sift(const struct run *heap, size_t parent)
{
    const struct scopei_order *order = heap->order;
    size_t size = order->size;
    for (size_t child; (child = 2 * parent + 1) < heap->n; parent = child) {
        char *at = heap->at + child * size;
        if (child + 1 < heap->n && order->less(at, at + size, order)) {
            at += size;
            child++;
        }
        if (!order->less(heap->at + parent * size, at, order))
            return;
        swap_bytes(heap->at + parent * size, at, size);
    }
}

/* Williams' heapsort (1964). */
static int sort_by_heap(struct scope *s, struct run heap)
{
    for (size_t i = heap.n / 2; i-- > 0;) {
        if (i % POP_MOST == 0 && s && scope_cancelled(s))
            return SCOPE_ECANCELED;
        heap_sift(&heap, i);
    }
    while (heap.n-- > 1) {
        if (heap.n % POP_MOST == 0 && s && scope_cancelled(s))
            return SCOPE_ECANCELED;
        swap_bytes(heap.at, heap.at + heap.n * heap.order->size, heap.order->size);
        heap_sift(&heap, 0);
    }
    return 0;
}

/* --------------------------------------------------------------------------------------------------------- Not stable */

struct quick {
    struct run run;
    size_t grain;      /* as in struct division */
    unsigned patience; /* so many bad partitions are accepted */
    bool bounded;      /* a pivot stands before the run: no element of the run comes before it */
};

/* Sorts few elements.  False: they are too many. */
__attribute__((noinline)) static bool sort_few(const struct run *run)
{
    _Alignas(64) char spare[BUFFER_BYTES];
    if (run->n <= sizeof(spare) / run->order->size)
        run->order->sort(run->at, spare, run->n, run->order);
    else if (run->n <= INSERT_MOST)
        insert_all(run);
    else
        return false;
    return true;
}

/* Moves the median of a sample to the front. */
static void choose_pivot(const struct run *run)
{
    size_t size = run->order->size, most = BUFFER_BYTES / size, n = most < SAMPLE ? INSERT_MOST : SAMPLE;
    for (size_t i = 1; i < n; i++)
        swap_bytes(run->at + i * size, run->at + run->n / n * i * size, size);
    struct run sample = run_of(run, 0, n);
    (void)sort_few(&sample);
    swap_bytes(run->at, run->at + n / 2 * size, size);
}

static unsigned log2_of(size_t n)
{
    return n < 2 ? 0 : 63 - (unsigned)__builtin_clzll(n);
}

static int sort_quickly(struct scope *s, void *arg)
{
    struct quick q = *(struct quick *)arg;
    const struct scopei_order *order = q.run.order;
    if (s && scope_cancelled(s))
        return SCOPE_ECANCELED;
    if (sort_few(&q.run))
        return 0;
    if (q.patience == 0)
        return sort_by_heap(s, q.run);
    choose_pivot(&q.run);
    struct division d = {run_of(&q.run, 1, q.run.n - 1), q.run.at, q.grain, 0, false};
    d.equals = q.bounded && !order->less(q.run.at - order->size, q.run.at, order);
    int code = divide(s, &d);
    if (code)
        return code;
    swap_bytes(q.run.at, q.run.at + d.first * order->size, order->size);
    struct quick low = q, high = q;
    low.run = run_of(&q.run, 0, d.first);
    high.run = run_of(&q.run, d.first + 1, q.run.n - d.first - 1);
    high.bounded = true;
    size_t least = low.run.n < high.run.n ? low.run.n : high.run.n;
    if (least < q.run.n / UNEVEN)
        low.patience = --high.patience;
    if (d.equals)
        return sort_quickly(s, &high);
    return do_both(s, q.run.n > GRAIN, sort_quickly, &low, &high);
}

static int sort_unstable(struct scope *s, void *arg)
{
    struct run *run = arg;
    size_t grain = run->n / DIVIDE_PARTS + 1;
    struct quick q = {*run, grain < DIVIDE_GRAIN ? DIVIDE_GRAIN : grain, log2_of(run->n), false};
    return sort_quickly(s, &q);
}

int scopei_sort_unstable(struct scope *s, void *base, size_t n, const struct scopei_order *order)
{
    struct run run = {base, n, order};
    int status = scopei_sort_check(s, n, order->size, base || n == 0);
    if (status != SCOPE_OK || scopei_sort_arranged(base, n, order))
        return status;
    return scopei_sort_call(s, n > GRAIN, sort_unstable, &run);
}

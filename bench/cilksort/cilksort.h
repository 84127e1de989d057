/* Cilk's sort of N random 32-bit numbers: four quarters are sorted, each a task, and merged by two merges at once and
 * one after.  A merge is cut in two around the middle of its longer run, each half a task.  Up to GRAIN numbers are
 * sorted by a serial quicksort, or merged by a serial merge.  Parameters: N, GRAIN (Cilk's: 2048). */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

#define CILKSORT_INSERTION 20

/* Numbers to sort, and as much space. */
struct cilksort_part {
    uint32_t *values, *spare;
    long n;
};

/* Two sorted runs to merge. */
struct cilksort_merge {
    const uint32_t *a, *b;
    uint32_t *to;
    long a_count, b_count;
};

static struct cilksort_part cilksort_whole;
static long cilksort_grain;
static uint64_t cilksort_sum;
static uint32_t cilksort_xor;

static void cilksort_setup(const long *value)
{
    cilksort_whole.n = value[0];
    cilksort_grain = value[1] < CILKSORT_INSERTION ? CILKSORT_INSERTION : value[1];
    cilksort_whole.values = (uint32_t *)malloc(sizeof(uint32_t) * ((size_t)cilksort_whole.n + 1));
    cilksort_whole.spare = (uint32_t *)malloc(sizeof(uint32_t) * ((size_t)cilksort_whole.n + 1));
    if (!cilksort_whole.values || !cilksort_whole.spare) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
}

static void cilksort_reset(void)
{
    uint64_t state = 1;
    cilksort_sum = cilksort_xor = 0;
    for (long i = 0; i < cilksort_whole.n; i++) {
        uint32_t value = (uint32_t)bench_random(&state);
        cilksort_whole.values[i] = value;
        cilksort_whole.spare[i] = 0;
        cilksort_sum += value;
        cilksort_xor ^= value;
    }
}

static inline uint32_t cilksort_median(uint32_t a, uint32_t b, uint32_t c)
{
    if (a < b)
        return b < c ? b : a < c ? c : a;
    return a < c ? a : b < c ? c : b;
}

/* Partitions around the median of three, n being 3 or more.  Returns the length of the left part: neither 0 nor n. */
static inline long cilksort_split(uint32_t *values, long n)
{
    uint32_t pivot = cilksort_median(values[0], values[n / 2], values[n - 1]);
    for (long i = 0, j = n - 1;; i++, j--) {
        while (values[i] < pivot)
            i++;
        while (values[j] > pivot)
            j--;
        if (i >= j)
            return j + 1;
        uint32_t value = values[i];
        values[i] = values[j];
        values[j] = value;
    }
}

static inline void cilksort_insertion(uint32_t *values, long n)
{
    for (long i = 1; i < n; i++) {
        uint32_t value = values[i];
        long j = i;
        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

/* The serial kernels: sort and merge. */
static inline void cilksort_quick(uint32_t *values, long n)
{
    while (n > CILKSORT_INSERTION) {
        long left = cilksort_split(values, n);
        cilksort_quick(values, left);
        values += left;
        n -= left;
    }
    cilksort_insertion(values, n);
}

static inline void cilksort_join(const struct cilksort_merge *merge)
{
    const uint32_t *a = merge->a, *b = merge->b, *a_end = a + merge->a_count, *b_end = b + merge->b_count;
    uint32_t *to = merge->to;
    while (a < a_end && b < b_end) { /* without a branch on the numbers, by any compiler */
        bool left = *a < *b;
        *to++ = left ? *a : *b;
        a += left;
        b += !left;
    }
    while (a < a_end)
        *to++ = *a++;
    while (b < b_end)
        *to++ = *b++;
}

static inline void cilksort_quarters(const struct cilksort_part *part, struct cilksort_part quarter[4])
{
    long n = part->n / 4;
    for (int i = 0; i < 4; i++)
        quarter[i] = (struct cilksort_part){part->values + i * n, part->spare + i * n, i < 3 ? n : part->n - 3 * n};
}

/* The merges of sorted quarters: two into the spare space, and the last one back. */
static inline void cilksort_merges(const struct cilksort_part quarter[4], struct cilksort_merge merge[3])
{
    for (int i = 0; i < 2; i++) {
        const struct cilksort_part *pair = &quarter[2 * i];
        merge[i] = (struct cilksort_merge){pair[0].values, pair[1].values, pair->spare, pair[0].n, pair[1].n};
    }
    merge[2] = (struct cilksort_merge){merge[0].to, merge[1].to, quarter->values, merge[0].a_count + merge[0].b_count,
                                       merge[1].a_count + merge[1].b_count};
}

static inline bool cilksort_small(const struct cilksort_merge *merge)
{
    return merge->a_count + merge->b_count <= cilksort_grain;
}

/* Where value would be in the run. */
static inline long cilksort_place(const uint32_t *run, long count, uint32_t value)
{
    long low = 0;
    while (low < count) {
        long middle = low + (count - low) / 2;
        if (run[middle] < value)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

static inline void cilksort_cut(const struct cilksort_merge *merge, struct cilksort_merge half[2])
{
    bool swap = merge->a_count < merge->b_count;
    const uint32_t *a = swap ? merge->b : merge->a, *b = swap ? merge->a : merge->b;
    long a_count = swap ? merge->b_count : merge->a_count, b_count = swap ? merge->a_count : merge->b_count;
    long i = a_count / 2, j = cilksort_place(b, b_count, a[i]);
    half[0] = (struct cilksort_merge){a, b, merge->to, i, j};
    half[1] = (struct cilksort_merge){a + i, b + j, merge->to + i + j, a_count - i, b_count - j};
}

static bool cilksort_verify(void)
{
    uint64_t sum = 0;
    uint32_t bits = 0;
    for (long i = 0; i < cilksort_whole.n; i++) {
        if (i > 0 && cilksort_whole.values[i - 1] > cilksort_whole.values[i])
            return false;
        sum += cilksort_whole.values[i];
        bits ^= cilksort_whole.values[i];
    }
    return sum == cilksort_sum && bits == cilksort_xor;
}

static uint64_t cilksort_merge_count(const struct cilksort_merge *merge)
{
    struct cilksort_merge half[2];
    if (cilksort_small(merge)) {
        cilksort_join(merge);
        return 0;
    }
    cilksort_cut(merge, half);
    return 1 + cilksort_merge_count(&half[0]) + cilksort_merge_count(&half[1]);
}

static uint64_t cilksort_sort_count(const struct cilksort_part *part)
{
    struct cilksort_part quarter[4];
    struct cilksort_merge merge[3];
    uint64_t count = 4; /* three quarters and a merge */
    if (part->n <= cilksort_grain) {
        cilksort_quick(part->values, part->n);
        return 0;
    }
    cilksort_quarters(part, quarter);
    cilksort_merges(quarter, merge);
    for (int i = 0; i < 4; i++)
        count += cilksort_sort_count(&quarter[i]);
    for (int i = 0; i < 3; i++)
        count += cilksort_merge_count(&merge[i]);
    return count;
}

/* How the merges are cut depends on the numbers, so that they are sorted once more. */
static uint64_t cilksort_tasks(void)
{
    cilksort_reset();
    return cilksort_sort_count(&cilksort_whole);
}

#define CILKSORT(init_, run_)                                                                                         \
    (struct bench)                                                                                                    \
    {                                                                                                                 \
        .name = "cilksort", .parameters = "N GRAIN", .parameters_count = 2, .init = (init_), .setup = cilksort_setup, \
        .reset = cilksort_reset, .run = (run_), .verify = cilksort_verify, .tasks = cilksort_tasks                    \
    }

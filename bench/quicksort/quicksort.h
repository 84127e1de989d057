/* Quicksort of N random 64-bit numbers: a task for the left part of each partition of more than GRAIN numbers, while
 * the spawner goes on with the right part.  No task waits for another; only the whole is waited for.
 * Parameters: N, GRAIN. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

#define QUICKSORT_INSERTION 32

static uint64_t *quicksort_values, quicksort_sum, quicksort_xor;
static long quicksort_n, quicksort_grain;

static void quicksort_setup(const long *value)
{
    quicksort_n = value[0];
    quicksort_grain = value[1] < QUICKSORT_INSERTION ? QUICKSORT_INSERTION : value[1];
    quicksort_values = (uint64_t *)malloc(sizeof(uint64_t) * ((size_t)quicksort_n + 1));
    if (!quicksort_values) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
}

static void quicksort_reset(void)
{
    uint64_t state = 1;
    quicksort_sum = quicksort_xor = 0;
    for (long i = 0; i < quicksort_n; i++) {
        quicksort_values[i] = bench_random(&state);
        quicksort_sum += quicksort_values[i];
        quicksort_xor ^= quicksort_values[i];
    }
}

static inline uint64_t quicksort_median(uint64_t a, uint64_t b, uint64_t c)
{
    if (a < b)
        return b < c ? b : a < c ? c : a;
    return a < c ? a : b < c ? c : b;
}

/* Partitions around the median of three, n being 3 or more.  Returns the length of the left part: neither 0 nor n. */
static inline long quicksort_split(uint64_t *values, long n)
{
    uint64_t pivot = quicksort_median(values[0], values[n / 2], values[n - 1]);
    for (long i = 0, j = n - 1;; i++, j--) {
        while (values[i] < pivot)
            i++;
        while (values[j] > pivot)
            j--;
        if (i >= j)
            return j + 1;
        uint64_t value = values[i];
        values[i] = values[j];
        values[j] = value;
    }
}

static inline void quicksort_insertion(uint64_t *values, long n)
{
    for (long i = 1; i < n; i++) {
        uint64_t value = values[i];
        long j = i;
        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

/* The serial kernel. */
static inline void quicksort_serial(uint64_t *values, long n)
{
    while (n > QUICKSORT_INSERTION) {
        long left = quicksort_split(values, n);
        quicksort_serial(values, left);
        values += left;
        n -= left;
    }
    quicksort_insertion(values, n);
}

static bool quicksort_verify(void)
{
    uint64_t sum = 0, bits = 0;
    for (long i = 0; i < quicksort_n; i++) {
        if (i > 0 && quicksort_values[i - 1] > quicksort_values[i])
            return false;
        sum += quicksort_values[i];
        bits ^= quicksort_values[i];
    }
    return sum == quicksort_sum && bits == quicksort_xor;
}

static uint64_t quicksort_splits(uint64_t *values, long n)
{
    uint64_t count = 0;
    for (; n > quicksort_grain; count++) {
        long left = quicksort_split(values, n);
        count += quicksort_splits(values, left);
        values += left;
        n -= left;
    }
    return count;
}

/* One for each partition, which are counted by doing them. */
static uint64_t quicksort_tasks(void)
{
    quicksort_reset();
    return quicksort_splits(quicksort_values, quicksort_n);
}

#define QUICKSORT(init_, run_)                                                                         \
    (struct bench)                                                                                     \
    {                                                                                                  \
        .name = "quicksort", .parameters = "N GRAIN", .parameters_count = 2, .init = (init_),          \
        .setup = quicksort_setup, .reset = quicksort_reset, .run = (run_), .verify = quicksort_verify, \
        .tasks = quicksort_tasks                                                                       \
    }

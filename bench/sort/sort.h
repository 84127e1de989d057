/* Sorting N elements.  Parameters:
 *   N
 *   KIND     0: 32-bit unsigned numbers, 1: doubles from 0 to 1, 2: pointers to strings of 8 to 24 letters
 *   ORDER    0: random, 1: sorted, 2: reversed, 3: all equal, 4: ascending, then descending (an organ pipe)
 *   STABLE   1: by a stable sort, where the library has both
 * A run is one task. */
#ifndef BENCH_SORT_H
#define BENCH_SORT_H

#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum sort_kind { SORT_NUMBERS, SORT_DOUBLES, SORT_STRINGS };

static uint32_t *sort_numbers;
static double *sort_doubles;
static char **sort_strings, *sort_text;
static size_t sort_n;
static enum sort_kind sort_kind;
static bool sort_stable;
static int sort_order;
static uint64_t sort_sum;

static void *sort_memory(size_t bytes)
{
    void *memory = malloc(bytes + 1);
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    memset(memory, 0, bytes);
    return memory;
}

static void sort_setup(const long *value)
{
    sort_n = (size_t)value[0];
    sort_kind = (enum sort_kind)value[1];
    sort_order = (int)value[2];
    sort_stable = value[3] != 0;
    if (sort_kind == SORT_NUMBERS) {
        sort_numbers = (uint32_t *)sort_memory(sort_n * sizeof(*sort_numbers));
    } else if (sort_kind == SORT_DOUBLES) {
        sort_doubles = (double *)sort_memory(sort_n * sizeof(*sort_doubles));
    } else {
        sort_strings = (char **)sort_memory(sort_n * sizeof(*sort_strings));
        sort_text = (char *)sort_memory(sort_n * 25);
    }
}

/* The rank, below 2^32, of element i. */
static uint64_t sort_rank(size_t i, uint64_t *state)
{
    uint64_t random = bench_random(state) >> 32;
    switch (sort_order) {
    case 0:
        return random;
    case 1:
        return i;
    case 2:
        return sort_n - i;
    case 3:
        return 7;
    default:
        return i < sort_n / 2 ? i : sort_n - i;
    }
}

/* A string that stands in the order of its rank, of a length from 8 to 24. */
static void sort_string_make(char *text, uint64_t rank, uint64_t *state)
{
    size_t length = 8 + bench_random(state) % 17;
    for (size_t k = 0; k < length; k++) {
        text[k] = (char)('a' + (k < 8 ? rank >> (28 - 4 * k) & 15 : bench_random(state) % 26));
    }
    text[length] = 0;
}

static uint64_t sort_bits(size_t i)
{
    uint64_t bits = 0;
    if (sort_kind == SORT_NUMBERS)
        bits = sort_numbers[i];
    else if (sort_kind == SORT_DOUBLES)
        memcpy(&bits, &sort_doubles[i], sizeof(bits));
    else
        bits = (uint64_t)(uintptr_t)sort_strings[i];
    bits *= 0x9e3779b97f4a7c15u;
    return bits ^ bits >> 29;
}

static uint64_t sort_sum_up(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < sort_n; i++)
        sum += sort_bits(i);
    return sum;
}

static void sort_reset(void)
{
    uint64_t state = 1;
    for (size_t i = 0; i < sort_n; i++) {
        uint64_t rank = sort_rank(i, &state);
        if (sort_kind == SORT_NUMBERS) {
            sort_numbers[i] = (uint32_t)rank;
        } else if (sort_kind == SORT_DOUBLES) {
            sort_doubles[i] = (double)(rank << 21 | (sort_order ? 0 : bench_random(&state) >> 43)) * 0x1p-53;
        } else {
            sort_strings[i] = sort_text + 25 * i;
            sort_string_make(sort_strings[i], rank, &state);
        }
    }
    sort_sum = sort_sum_up();
}

static bool sort_verify(void)
{
    for (size_t i = 1; i < sort_n; i++) {
        bool wrong = sort_kind == SORT_NUMBERS   ? sort_numbers[i - 1] > sort_numbers[i]
                     : sort_kind == SORT_DOUBLES ? sort_doubles[i - 1] > sort_doubles[i]
                                                 : strcmp(sort_strings[i - 1], sort_strings[i]) > 0;
        if (wrong)
            return false;
    }
    return sort_sum == sort_sum_up();
}

static uint64_t sort_tasks(void)
{
    return 1;
}

#define SORT(init_, run_)                                                                                   \
    {                                                                                                       \
        .name = "sort", .parameters = "N KIND ORDER STABLE", .parameters_count = 4, .init = (init_),        \
        .setup = sort_setup, .reset = sort_reset, .run = (run_), .verify = sort_verify, .tasks = sort_tasks \
    }

#endif

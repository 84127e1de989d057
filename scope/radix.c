/* Sorting numbers by their bits, 8 at a time: from the greatest down while a part is larger than a core's cache, each step forking;
 * then from the least up.  A part is moved between its array and the spare memory, and moves are in order, so that parts can
 * be cut into blocks whose digits are counted, and moved, at the same time.  Few numbers are sorted by comparisons.
 *
 * Cancellation: a part's numbers rest where they are until all have been moved; one that is cut short copies them to where they
 * are wanted. */
#include "scope/taskscope_sort.h"

#include "scope/taskscope.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS 256u
#define BITS 8u
#define PASSES_MOST 8u
#define BLOCKS_MOST 32u               /* of a part */
#define BLOCK_LEAST ((size_t)16384)   /* numbers, some 30 us */
#define GRAIN ((size_t)8192)          /* numbers, some 100 us: smaller parts are not divided among workers */
#define CACHE_BYTES ((size_t)1 << 17) /* a part of so many bytes, and as many of spare memory, stay in a core's cache */
#define PASSES_FEW 4u                 /* so many cost less than one step from the greatest digit and comparisons */
#define FEW ((size_t)64)              /* numbers for each of these passes: fewer are sorted by comparisons */
#define STEP_LEAST ((size_t)2048)     /* numbers with more digits that differ: likewise */

/* ------------------------------------------------------------------------------------------------------------- Keys */

/* The kind of number.  Its bits, with sign inverted and with negative inverted in those whose first bit is set, are an unsigned
 * number in the same order. */
struct keys {
    struct scopei_order order; /* first: comparisons get this */
    uint64_t sign, negative;
};

SCOPEI_HOT uint64_t key_at(const char *at, size_t size, const struct keys *keys)
{
    if (size == 4) {
        uint32_t bits;
        memcpy(&bits, at, sizeof(bits));
        return bits ^ (uint32_t)keys->sign ^ (-(bits >> 31) & (uint32_t)keys->negative);
    }
    uint64_t bits;
    memcpy(&bits, at, sizeof(bits));
    return bits ^ keys->sign ^ (-(bits >> 63) & keys->negative);
}

SCOPEI_HOT bool key_less(const void *a, const void *b, const struct scopei_order *order, size_t size)
{
    const struct keys *keys = (const struct keys *)(const void *)order;
    return key_at(a, size, keys) < key_at(b, size, keys);
}

static bool less4(const void *a, const void *b, const struct scopei_order *order)
{
    return key_less(a, b, order, 4);
}

static bool less8(const void *a, const void *b, const struct scopei_order *order)
{
    return key_less(a, b, order, 8);
}

SCOPEI_SORT_FUNCTIONS(radix4, 4, less4)
SCOPEI_SORT_FUNCTIONS(radix8, 8, less8)

/* ---------------------------------------------------------------------------------------------- Loops over the numbers */

/* The bits in which any of the keys differs from the first. */
SCOPEI_HOT uint64_t differing(const char *at, size_t n, const struct keys *keys, size_t size)
{
    uint64_t first = key_at(at, size, keys), bits = 0;
    for (size_t i = 1; i < n; i++)
        bits |= key_at(at + i * size, size, keys) ^ first;
    return bits;
}

SCOPEI_HOT void digits_count(const char *at, size_t n, const struct keys *keys, unsigned shift, size_t *count,
                             size_t size)
{
    for (size_t i = 0; i < n; i++)
        count[key_at(at + i * size, size, keys) >> shift & (DIGITS - 1)]++;
}

/* Moves each number to where its digit's next one goes. */
SCOPEI_HOT void digits_move(const char *at, size_t n, const struct keys *keys, unsigned shift, size_t *next, char *to,
                            size_t size)
{
    for (size_t i = 0; i < n; i++) {
        size_t digit = key_at(at + i * size, size, keys) >> shift & (DIGITS - 1);
        memcpy(to + next[digit]++ * size, at + i * size, size);
    }
}

/* How many digits there are up to the last bit that differs. */
static unsigned passes_of(uint64_t bits)
{
    return bits == 0 ? 0 : (64 - (unsigned)__builtin_clzll(bits) + BITS - 1) / BITS;
}

/* Sorts from the least digit up; true if the numbers are in spare at the end. */
SCOPEI_HOT bool passes_do(char *at, char *spare, size_t n, const struct keys *keys, uint64_t bits, size_t size)
{
    size_t count[PASSES_MOST][DIGITS];
    unsigned passes = passes_of(bits);
    bool moved = false;
    memset(count, 0, passes * sizeof(count[0]));
    for (size_t i = 0; i < n; i++) {
        uint64_t key = key_at(at + i * size, size, keys);
        for (unsigned p = 0; p < passes; p++)
            count[p][key >> BITS * p & (DIGITS - 1)]++;
    }
    for (unsigned p = 0; p < passes; p++) {
        size_t start = 0;
        if (!(bits >> BITS * p & (DIGITS - 1)))
            continue;
        for (unsigned d = 0; d < DIGITS; d++) {
            size_t end = start + count[p][d];
            count[p][d] = start;
            start = end;
        }
        digits_move(moved ? spare : at, n, keys, BITS * p, count[p], moved ? at : spare, size);
        moved = !moved;
    }
    return moved;
}

/* --------------------------------------------------------------------------------------------------------------- Parts */

struct part {
    char *at, *spare;
    size_t n;
    const struct keys *keys;
    bool wanted_in_spare;
};

/* A step from the greatest digit down, in blocks. */
struct step {
    const struct part *part;
    unsigned shift;
    size_t blocks;
    uint64_t bits[BLOCKS_MOST];
    size_t next[BLOCKS_MOST][DIGITS]; /* how many numbers of a digit; then where the next one goes */
    size_t start[DIGITS + 1];         /* of the digits' numbers, when moved */
};

struct range {
    struct step *step;
    void (*work)(struct step *step, size_t block); /* for blocks */
    size_t low, high;                              /* blocks, or digits */
    bool done;
};

static size_t block_start(const struct step *step, size_t block)
{
    return step->part->n / step->blocks * block +
           (block < step->part->n % step->blocks ? block : step->part->n % step->blocks);
}

/* Calls work for each block, some at the same time. */
static int blocks_do(struct scope *s, void *arg)
{
    struct range *range = arg, low = *range, high = *range;
    if (s && scope_cancelled(s))
        return SCOPE_ECANCELED;
    if (range->high - range->low == 1) {
        range->work(range->step, range->low);
        return 0;
    }
    low.high = high.low = range->low + (range->high - range->low) / 2;
    if (s)
        return scope_fork2(s, blocks_do, &low, blocks_do, &high);
    return blocks_do(s, &low), blocks_do(s, &high);
}

static int for_blocks(struct scope *s, struct step *step, void (*work)(struct step *step, size_t block))
{
    struct range all = {step, work, 0, step->blocks, false};
    return blocks_do(s, &all);
}

/* What is done for a block: its place, then the loop for the size. */
struct block {
    const char *at;
    size_t n;
    const struct keys *keys;
};

static struct block block_of(const struct step *step, size_t i)
{
    const struct part *part = step->part;
    size_t from = block_start(step, i);
    return (struct block){part->at + from * part->keys->order.size, block_start(step, i + 1) - from, part->keys};
}

static uint64_t numbers_differing(const char *at, size_t n, const struct keys *keys)
{
    return keys->order.size == 4 ? differing(at, n, keys, 4) : differing(at, n, keys, 8);
}

static void block_differing(struct step *step, size_t i)
{
    struct block b = block_of(step, i);
    size_t size = b.keys->order.size;
    step->bits[i] =
        numbers_differing(b.at, b.n, b.keys) | (key_at(b.at, size, b.keys) ^ key_at(step->part->at, size, b.keys));
}

static void block_count(struct step *step, size_t i)
{
    struct block b = block_of(step, i);
    memset(step->next[i], 0, sizeof(step->next[i]));
    if (b.keys->order.size == 4)
        digits_count(b.at, b.n, b.keys, step->shift, step->next[i], 4);
    else
        digits_count(b.at, b.n, b.keys, step->shift, step->next[i], 8);
}

static void block_move(struct step *step, size_t i)
{
    struct block b = block_of(step, i);
    if (b.keys->order.size == 4)
        digits_move(b.at, b.n, b.keys, step->shift, step->next[i], step->part->spare, 4);
    else
        digits_move(b.at, b.n, b.keys, step->shift, step->next[i], step->part->spare, 8);
}

/* From counts to places: by digits, and those of a digit by blocks. */
static void places_find(struct step *step)
{
    size_t place = 0;
    for (unsigned d = 0; d < DIGITS; d++) {
        step->start[d] = place;
        for (size_t b = 0; b < step->blocks; b++) {
            size_t n = step->next[b][d];
            step->next[b][d] = place;
            place += n;
        }
    }
    step->start[DIGITS] = place;
}

static void part_copy(const struct part *part)
{
    if (part->wanted_in_spare)
        memcpy(part->spare, part->at, part->n * part->keys->order.size);
}

static int part_sort(struct scope *s, void *arg);

/* Sorts the numbers of some digits, which have been moved to the spare memory. */
static int digits_sort(struct scope *s, void *arg)
{
    struct range *range = arg, low = *range, high = *range;
    const struct step *step = range->step;
    const struct part *whole = step->part;
    size_t from = step->start[range->low], n = step->start[range->high] - from, size = whole->keys->order.size;
    range->done = true;
    if (range->high - range->low == 1) {
        struct part part = {whole->spare + from * size, whole->at + from * size, n, whole->keys,
                            !whole->wanted_in_spare};
        return n > 0 ? part_sort(s, &part) : 0;
    }
    low.done = high.done = false;
    low.high = high.low = range->low + (range->high - range->low) / 2;
    int code = s && n > GRAIN ? scope_fork2(s, digits_sort, &low, digits_sort, &high) : 0;
    int first = low.done ? 0 : digits_sort(s, &low);
    int second = high.done ? 0 : digits_sort(s, &high);
    return code ? code : first ? first : second;
}

/* The step for a large part. */
static int step_run(struct scope *s, const struct part *part, struct step *step)
{
    uint64_t bits = 0;
    step->part = part;
    step->blocks = part->n / BLOCK_LEAST < BLOCKS_MOST ? part->n / BLOCK_LEAST : BLOCKS_MOST;
    step->blocks += step->blocks == 0;
    int code = for_blocks(s, step, block_differing);
    for (size_t i = 0; code == 0 && i < step->blocks; i++)
        bits |= step->bits[i];
    if (bits == 0) { /* cancelled, or all are equal */
        part_copy(part);
        return code;
    }
    step->shift = 64 - (unsigned)__builtin_clzll(bits);
    step->shift = step->shift > BITS ? step->shift - BITS : 0;
    code = for_blocks(s, step, block_count);
    if (code == 0) {
        places_find(step);
        code = for_blocks(s, step, block_move);
    }
    if (code) {
        part_copy(part);
        return code;
    }
    struct range all = {step, NULL, 0, DIGITS, false};
    return digits_sort(s, &all);
}

/* By comparisons. */
static void part_compare(const struct part *part)
{
    part->keys->order.sort(part->at, part->spare, part->n, &part->keys->order);
    part_copy(part);
}

/* Its counts are not on the stack, as steps run inside each other, one for each digit. */
static int part_step(struct scope *s, const struct part *part)
{
    struct step *step = malloc(sizeof(*step));
    int code = 0;
    if (step)
        code = step_run(s, part, step);
    else
        part_compare(part);
    free(step);
    return code;
}

/* From the least digit up. */
static void part_passes(const struct part *part, uint64_t bits)
{
    const struct keys *keys = part->keys;
    size_t size = keys->order.size;
    bool in_spare = size == 4 ? passes_do(part->at, part->spare, part->n, keys, bits, 4)
                              : passes_do(part->at, part->spare, part->n, keys, bits, 8);
    if (in_spare != part->wanted_in_spare)
        memcpy(in_spare ? part->at : part->spare, in_spare ? part->spare : part->at, part->n * size);
}

/* Brings the numbers of a part to where they are wanted, in order if it returns 0. */
static int part_sort(struct scope *s, void *arg)
{
    const struct part *part = arg;
    const struct scopei_order *order = &part->keys->order;
    if (s && scope_cancelled(s)) {
        part_copy(part);
        return SCOPE_ECANCELED;
    }
    if (part->n * order->size > CACHE_BYTES)
        return part_step(s, part);
    uint64_t bits = part->n < FEW ? UINT64_MAX : numbers_differing(part->at, part->n, part->keys);
    unsigned passes = passes_of(bits);
    if (passes > PASSES_FEW && part->n >= STEP_LEAST)
        return part_step(s, part);
    if (passes > PASSES_FEW || part->n < FEW * passes) {
        part_compare(part);
    } else if (passes > 0) {
        part_passes(part, bits);
    } else {
        part_copy(part);
    }
    return 0;
}

/* --------------------------------------------------------------------------------------------------------- The callers */

static int sort_numbers(struct scope *s, void *base, size_t n, void *spare, const struct scopei_order *order)
{
    struct part part = {base, spare, n, (const struct keys *)(const void *)order, false};
    return scopei_sort_call(s, n > GRAIN, part_sort, &part);
}

static int numbers_sort(struct scope *s, void *base, size_t n, const struct keys *keys)
{
    return scopei_sort(s, base, n, &keys->order, sort_numbers);
}

static int numbers_sort_scratch(struct scope *s, void *base, size_t n, void *scratch, const struct keys *keys)
{
    return scopei_sort_scratch(s, base, n, scratch, &keys->order, sort_numbers);
}

static struct keys keys32(uint32_t sign, uint32_t negative)
{
    return (struct keys){radix4_order(4, NULL, NULL), sign, negative};
}

static struct keys keys64(uint64_t sign, uint64_t negative)
{
    return (struct keys){radix8_order(8, NULL, NULL), sign, negative};
}

#define SIGN32 ((uint32_t)1 << 31)
#define SIGN64 ((uint64_t)1 << 63)

/* The public calls for a type of number. */
#define NUMBERS(name, type, kind)                                                       \
    int scope_sort_##name(struct scope *s, type *base, size_t n)                        \
    {                                                                                   \
        struct keys keys = kind;                                                        \
        return numbers_sort(s, base, n, &keys);                                         \
    }                                                                                   \
    int scope_sort_##name##_scratch(struct scope *s, type *base, size_t n, type *spare) \
    {                                                                                   \
        struct keys keys = kind;                                                        \
        return numbers_sort_scratch(s, base, n, spare, &keys);                          \
    }
NUMBERS(u32, uint32_t, keys32(0, 0))
NUMBERS(i32, int32_t, keys32(SIGN32, 0))
NUMBERS(u64, uint64_t, keys64(0, 0))
NUMBERS(i64, int64_t, keys64(SIGN64, 0))
NUMBERS(float, float, keys32(SIGN32, ~SIGN32))
NUMBERS(double, double, keys64(SIGN64, ~SIGN64))

/* Reductions and scans with the same bits whoever takes part.
 *
 * The range is cut into blocks, which depend on its length alone.  Over them stands a binary tree: a node is 2^l blocks, the first
 * of which has a number that 2^l divides, and its value that of its two halves.  A part of a loop keeps the values of the largest
 * nodes that its blocks make up, at most two of each level; two parts are joined by putting theirs one after the other and
 * adding up those that are the two halves of a node.  So every node is the sum of the same two values, wherever parts were
 * divided.  What is left at the end, one node of each level at most, is added up from the right. */
#include "scope/loop.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_MOST 1024
#define BLOCKS_ABOUT 32
#define SCAN_BLOCKS_MOST ((size_t)1 << 20)

/* Bytes of values that need no memory of the heap: of a reduction of 2^20 blocks of 32 bytes; one value of a scan. */
#define VALUES_SMALL 1536
#define VALUE_SMALL 32

static size_t divide_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

/* A fitting one is rounded up, by a quarter at most, to a multiple of a power of two, so that vectors fit. */
static size_t block_length(size_t items, size_t wanted)
{
    size_t fitting = items / BLOCKS_ABOUT < BLOCK_MOST ? items / BLOCKS_ABOUT : BLOCK_MOST, unit = 1;
    while (8 * unit <= fitting)
        unit *= 2;
    return wanted ? wanted : fitting ? divide_up(fitting, unit) * unit : 1;
}

/* The items of block i of those that items is cut into. */
static struct scope_range block_items(struct scope_range items, size_t block, size_t i)
{
    items.begin += i * block;
    if (items.end - items.begin > block)
        items.end = items.begin + block;
    return items;
}

static size_t blocks_count(struct scope_range items, size_t block)
{
    return divide_up(items.end - items.begin, block);
}

/* A copy of a value; the usual sizes without a call. */
static inline void value_copy(void *to, const void *from, size_t size)
{
    if (size == sizeof(double))
        memcpy(to, from, sizeof(double));
    else
        memcpy(to, from, size);
}

/* ------------------------------------------------------------------------------------------------------------ Reduce */

/* Of a part, memory has the values of its nodes from left to right, count says how many bytes they take, and origin is its first
 * block. */
struct reduce {
    const struct scope_reduction *what;
    struct scope_range items;
    size_t block; /* items of each but the last */
    size_t blocks;
    size_t stride; /* bytes from a value to the next */
};

/* Bytes for the values of a part: two nodes of each level, and one that is just being added. */
static size_t values_size(const struct reduce *reduce)
{
    size_t nodes = 3;
    for (size_t blocks = reduce->blocks; blocks > 1; blocks /= 2)
        nodes += 2;
    return nodes * reduce->stride;
}

static char *values_end(const struct part *part)
{
    return (char *)part->memory + part->count;
}

/* The last of part's nodes, whose values end there, is one of length blocks that ends before block end: adds up what it completes.
 * Returns where values end then. */
static inline char *nodes_settle(const struct reduce *reduce, const struct part *part, char *last, size_t end,
                                 size_t length)
{
    const struct scope_reduction *what = reduce->what;
    for (length *= 2; !(end & (length - 1)) && end - part->origin >= length; length *= 2) {
        last -= reduce->stride;
        what->combine(last - reduce->stride, last, what->arg);
    }
    return last;
}

static int reduce_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    const struct reduce *reduce = part->loop->what;
    const struct scope_reduction *what = reduce->what;
    char *value = values_end(part);
    for (size_t i = chunk->begin; i < chunk->end; i++) {
        struct scope_range items = block_items(reduce->items, reduce->block, i);
        value_copy(value, what->identity, what->size);
        int code = what->map(s, items.begin, items.end, value, what->arg);
        if (SCOPEI_UNLIKELY(code)) {
            *chunk = items;
            return code;
        }
        value = nodes_settle(reduce, part, value + reduce->stride, i + 1, 1);
    }
    part->count = (size_t)(value - (char *)part->memory);
    return 0;
}

static bool reduce_split(struct part *near, struct part *far)
{
    far->memory = aligned_alloc(16, values_size(near->loop->what));
    far->origin = far->begin;
    far->count = 0;
    return far->memory != NULL;
}

/* How many blocks the first node of those from begin to end has. */
static size_t node_length(size_t begin, size_t end)
{
    size_t length = begin & (0 - begin);
    while (length > end - begin)
        length /= 2;
    return length;
}

/* If both have run all their items, near has run them all; if not, it has not. */
static void reduce_join(struct part *near, struct part *far)
{
    const struct reduce *reduce = near->loop->what;
    const char *more = far->memory;
    char *value = values_end(near);
    size_t length, end = part_done(near) && part_done(far) ? far->end : 0;
    for (size_t block = far->origin; block < end; more += reduce->stride) {
        length = node_length(block, end);
        block += length;
        value_copy(value, more, reduce->what->size);
        value = nodes_settle(reduce, near, value + reduce->stride, block, length);
    }
    near->count = (size_t)(value - (char *)near->memory);
    if (part_done(near)) {
        near->begin = far->begin;
        near->end = far->end;
    }
    free(far->memory);
}

static int reduce_work(struct scope *s, void *arg)
{
    struct part *part = arg;
    const struct reduce *reduce = part->loop->what;
    const struct scope_reduction *what = reduce->what;
    int code = scopei_loop_run(s, part);
    for (; !code && part->count > reduce->stride; part->count -= reduce->stride) {
        char *last = values_end(part) - reduce->stride;
        what->combine(last - reduce->stride, last, what->arg);
    }
    return code;
}

static bool value_valid(size_t size, const void *identity)
{
    return size && identity && size <= PTRDIFF_MAX / 2 / SCAN_BLOCKS_MOST - 16;
}

int scope_reduce(struct scope *s, size_t begin, size_t end, const struct scope_reduction *what, void *result)
{
    if (!what || !what->map || !what->combine || !result || begin > end || !value_valid(what->size, what->identity))
        return SCOPE_EINVAL;
    struct reduce reduce = {.what = what, .items = {begin, end}, .block = block_length(end - begin, what->block)};
    reduce.blocks = blocks_count(reduce.items, reduce.block);
    reduce.stride = divide_up(what->size, 16) * 16;
    size_t size = values_size(&reduce);
    struct loop loop = {.run = reduce_run,
                        .split = reduce_split,
                        .join = reduce_join,
                        .split_ns = split_cost(size),
                        .what = &reduce,
                        .body = (uintptr_t)what->map,
                        .stop = {LOOP_NO_STOP}};
    alignas(16) char small[VALUES_SMALL];
    struct part part = {.loop = &loop, .end = reduce.blocks};
    part.memory = size <= sizeof(small) ? small : aligned_alloc(16, size);
    if (!part.memory)
        return SCOPE_ENOMEM;
    int code = scopei_loop_in(s, reduce_work, &part);
    if (code == SCOPE_OK)
        value_copy(result, begin < end ? part.memory : what->identity, what->size);
    if (part.memory != small)
        free(part.memory);
    return code;
}

/* -------------------------------------------------------------------------------------------------------------- Scan
 *
 * Before block k stands offset k, the sum of blocks 0 to k - 1, added up one after the other.  The part that begins at block 0
 * knows its offsets and writes results at once.  All others only sum up their blocks; when all are done, the offsets are added up
 * and a second loop writes the results of those blocks. */

struct scan {
    const struct scope_prefix *what;
    struct scope_range items; /* these four as in struct reduce */
    size_t block, blocks, stride;
    size_t first; /* the second loop's first block */
    char *sums;   /* once there is another part, two values for each block: its sum, later its offset; and room */
    char *spare;  /* room for three values: the first part's offset, its block's sum, another */
};

static char *scan_sum(const struct scan *scan, size_t block)
{
    return scan->sums + 2 * block * scan->stride;
}

/* One block: *sum becomes its sum. */
static int block_scan(struct scope *s, const struct scan *scan, size_t block, const void *before, void *sum,
                      struct scope_range *chunk)
{
    const struct scope_prefix *what = scan->what;
    struct scope_range items = block_items(scan->items, scan->block, block);
    value_copy(sum, what->identity, what->size);
    int code = what->scan(s, items.begin, items.end, before, sum, what->arg);
    if (SCOPEI_UNLIKELY(code))
        *chunk = items;
    return code;
}

/* part->count: it is the first part. */
static int scan_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    const struct scan *scan = part->loop->what;
    char *offset = scan->spare, *sum = scan->spare + scan->stride;
    int code = 0;
    for (size_t i = chunk->begin; !code && i < chunk->end; i++) {
        if (part->count) {
            code = block_scan(s, scan, i, offset, sum, chunk);
            scan->what->combine(offset, sum, scan->what->arg);
        } else {
            code = block_scan(s, scan, i, NULL, scan_sum(scan, i), chunk);
        }
    }
    return code;
}

static bool scan_split(struct part *near, struct part *far)
{
    struct scan *scan = (struct scan *)near->memory;
    if (!scan->sums)
        scan->sums = aligned_alloc(16, 2 * scan->blocks * scan->stride);
    if (!scan->sums)
        return false;
    if (near->count)
        scan->first = far->begin;
    far->count = 0;
    return true;
}

/* The blocks whose results are missing: their sums become the offsets. */
static void scan_offsets(const struct scan *scan)
{
    const struct scope_prefix *what = scan->what;
    char *offset = scan->spare, *spare = scan->spare + 2 * scan->stride;
    for (size_t i = scan->first; i < scan->blocks; i++) {
        value_copy(spare, scan_sum(scan, i), what->size);
        value_copy(scan_sum(scan, i), offset, what->size);
        what->combine(offset, spare, what->arg);
    }
}

static int write_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    const struct scan *scan = part->loop->what;
    int code = 0;
    for (size_t i = chunk->begin; !code && i < chunk->end; i++)
        code = block_scan(s, scan, i, scan_sum(scan, i), scan_sum(scan, i) + scan->stride, chunk);
    return code;
}

static int scan_work(struct scope *s, void *arg)
{
    struct scan *scan = arg;
    struct loop loop = {.run = scan_run,
                        .split = scan_split,
                        .split_ns = split_cost(2 * scan->blocks * scan->stride),
                        .what = scan,
                        .body = (uintptr_t)scan->what->scan,
                        .stop = {LOOP_NO_STOP}};
    struct part part = {.loop = &loop, .end = scan->blocks, .memory = scan, .count = 1};
    int code = scopei_loop_run(s, &part);
    if (code || scan->first == scan->blocks)
        return code;
    scan_offsets(scan);
    struct loop write = {.run = write_run, .what = scan, .body = loop.body, .stop = {LOOP_NO_STOP}};
    struct part rest = {.loop = &write, .begin = scan->first, .end = scan->blocks};
    return scopei_loop_run(s, &rest);
}

int scope_scan(struct scope *s, size_t begin, size_t end, const struct scope_prefix *what, void *total)
{
    if (!what || !what->scan || !what->combine || begin > end || !value_valid(what->size, what->identity))
        return SCOPE_EINVAL;
    struct scan scan = {.what = what, .items = {begin, end}, .block = block_length(end - begin, what->block)};
    size_t least = divide_up(end - begin, SCAN_BLOCKS_MOST);
    alignas(16) char small[3 * VALUE_SMALL];
    scan.block = scan.block < least ? least : scan.block;
    scan.stride = divide_up(what->size, 16) * 16;
    scan.first = scan.blocks = blocks_count(scan.items, scan.block);
    scan.spare = scan.stride <= VALUE_SMALL ? small : aligned_alloc(16, 3 * scan.stride);
    if (!scan.spare)
        return SCOPE_ENOMEM;
    value_copy(scan.spare, what->identity, what->size);
    int code = scopei_loop_in(s, scan_work, &scan);
    if (code == SCOPE_OK && total)
        value_copy(total, scan.spare, what->size);
    free(scan.sums);
    if (scan.spare != small)
        free(scan.spare);
    return code;
}

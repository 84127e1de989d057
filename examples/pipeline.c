/* A pipeline: blocks of numbers are made one by one, sieved on all cores, and looked at in order, with no more than 16
 * blocks in memory.  Finds the widest gap between primes below 20 million; a gap may begin in one block and end in
 * another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taskscope.h>

#define LIMIT 20000000L
#define BLOCK 250000L
#define BLOCKS_AT_ONCE 16

struct block {
    long begin;
    char composite[BLOCK];
};

struct gaps {
    long next, last_prime, widest, after;
};

static int make(struct scope *s, void **item, void *arg)
{
    struct gaps *gaps = arg;
    if (gaps->next == LIMIT)
        return 0; /* *item is NULL: that was all */
    struct block *block = calloc(1, sizeof(*block));
    if (!block)
        return scope_fail(s, 1, "out of memory");
    block->begin = gaps->next;
    gaps->next += BLOCK;
    *item = block;
    return 0;
}

static int sieve(struct scope *s, void **item, void *arg)
{
    struct block *block = *item;
    (void)s, (void)arg;
    for (long d = 2; d * d < block->begin + BLOCK; d++) {
        long first = (block->begin + d - 1) / d * d;
        for (long n = first > d * d ? first : d * d; n < block->begin + BLOCK; n += d)
            block->composite[n - block->begin] = 1;
    }
    return 0;
}

static int look(struct scope *s, void **item, void *arg)
{
    struct block *block = *item;
    struct gaps *gaps = arg;
    (void)s;
    for (long n = block->begin > 2 ? block->begin : 2; n < block->begin + BLOCK; n++) {
        if (block->composite[n - block->begin])
            continue;
        if (n - gaps->last_prime > gaps->widest) {
            gaps->widest = n - gaps->last_prime;
            gaps->after = gaps->last_prime;
        }
        gaps->last_prime = n;
    }
    return 0;
}

int main(void)
{
    struct gaps gaps = {.last_prime = 2};
    const struct scope_stage stages[] = {
        {.name = "make", .fn = make, .arg = &gaps},
        {.name = "sieve", .kind = SCOPE_STAGE_PARALLEL, .fn = sieve},
        {.name = "look", .kind = SCOPE_STAGE_IN_ORDER, .fn = look, .arg = &gaps},
    };
    int status = scope_pipeline(NULL, stages, 3, BLOCKS_AT_ONCE, free);
    printf("%s: after %ld comes no prime for %ld numbers\n", scope_strerror(status), gaps.after, gaps.widest - 1);
    return status == SCOPE_OK && gaps.after == 17051707 && gaps.widest == 180 ? EXIT_SUCCESS : EXIT_FAILURE;
}

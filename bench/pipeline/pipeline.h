/* A pipeline: ITEMS numbers are made one by one, each goes through WORK rounds of a hash on any worker, and the
 * results are folded together in the order in which the numbers were made.  At most 4 items a worker are on their way.
 * Parameters: ITEMS, WORK (a round takes a few nanoseconds). */
#include "bench/bench.h"

#include <stdlib.h>

static long pipeline_items, pipeline_work, pipeline_made;
static uint64_t pipeline_folded, pipeline_expected;

/* The kernels: three stages.  Not inlined, so that their code is the same in all programs of a compiler.  0: no more. */
__attribute__((noinline, unused)) static uint64_t pipeline_make(void)
{
    return pipeline_made < pipeline_items ? (uint64_t)++pipeline_made : 0;
}

__attribute__((noinline, unused)) static uint64_t pipeline_hash(uint64_t x)
{
    for (long i = 0; i < pipeline_work; i++)
        x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    return x | 1;
}

__attribute__((noinline, unused)) static void pipeline_fold(uint64_t x)
{
    pipeline_folded = pipeline_folded * 0x9e3779b97f4a7c15u + x;
}

static void pipeline_reset(void)
{
    pipeline_made = 0;
    pipeline_folded = 0;
}

static void pipeline_setup(const long *value)
{
    pipeline_items = value[0];
    pipeline_work = value[1];
    for (uint64_t x; (x = pipeline_make()) != 0;)
        pipeline_fold(pipeline_hash(x));
    pipeline_expected = pipeline_folded;
}

static bool pipeline_verify(void)
{
    return pipeline_folded == pipeline_expected;
}

/* One for each item. */
static uint64_t pipeline_tasks(void)
{
    return (uint64_t)pipeline_items;
}

#define PIPELINE(init_, run_)                                                                       \
    (struct bench)                                                                                  \
    {                                                                                               \
        .name = "pipeline", .parameters = "ITEMS WORK", .parameters_count = 2, .init = (init_),     \
        .setup = pipeline_setup, .reset = pipeline_reset, .run = (run_), .verify = pipeline_verify, \
        .tasks = pipeline_tasks                                                                     \
    }

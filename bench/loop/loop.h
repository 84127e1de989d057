/* One parallel loop over N items of COST picoseconds each, repeated.  Parameters:
 *   N
 *   COST     below 1000: x[i] * a + b, which is vectorised, and takes 0.3 ns or what memory allows; else arithmetic
 *            that takes about so long at 3.5 GHz.  The serial program tells how long it does
 *   SHAPE    0: all items cost the same.  1: item i costs 2 i / N times COST.  2: the one in the middle costs as much
 *            as all others.  3: the first tenth are of the cheapest
 *   VARIANT  the runtime's schedule, partitioner or place of call: see the source of each; 0 is the usual one
 *   IDLE     microseconds before each loop but the very first in which the caller does something else; 0: loop after
 *            loop */
#include "bench/repeat.h"

#define LOOP_UNIFORM 0
#define LOOP_SKEWED 1
#define LOOP_HEAVY 2
#define LOOP_STEP 3

#define LOOP_FRACTION 32 /* bits of loop_slope after the point */

static uint64_t *loop_x;
static long loop_n, loop_shape, loop_variant;
static uint64_t loop_rounds; /* 0: item_step */
static long loop_cheap;      /* how many items, from the first on, are item_step */
static uint64_t loop_slope;  /* rounds more for each item, if skewed */

static void loop_setup(const long *value)
{
    loop_n = value[0] > 0 ? value[0] : 1;
    loop_rounds = item_rounds(value[1]);
    loop_shape = loop_rounds ? value[2] : LOOP_UNIFORM;
    loop_cheap = !loop_rounds ? loop_n : loop_shape == LOOP_STEP ? loop_n / 10 : 0;
    loop_variant = value[3];
    loop_slope = (uint64_t)((double)(loop_rounds << LOOP_FRACTION) * 2 / (double)loop_n);
    repeat_setup(value[4]);
    loop_x = (uint64_t *)repeat_memory(loop_n);
    for (long i = 0; i < loop_n; i++)
        loop_x[i] = (uint64_t)i;
}

static inline uint64_t loop_rounds_of(long i)
{
    if (loop_shape == LOOP_SKEWED)
        return (uint64_t)i * loop_slope >> LOOP_FRACTION;
    return loop_shape == LOOP_HEAVY && i == loop_n / 2 ? loop_rounds * (uint64_t)(loop_n - 1) : loop_rounds;
}

/* One item of a loop that is not of the cheapest ones only. */
static inline void loop_item(long i)
{
    loop_x[i] = i < loop_cheap ? item_step(loop_x[i]) : item_work(loop_x[i], loop_rounds_of(i));
}

/* The serial loop.  Not inlined, so that its code is the same in all programs of a compiler. */
__attribute__((noinline, unused)) static void loop_items(long begin, long end)
{
    if (loop_rounds)
        for (long i = begin; i < end; i++)
            loop_item(i);
    else
        for (long i = begin; i < end; i++)
            loop_x[i] = item_step(loop_x[i]);
}

/* Every item must have been worked on as often as there were loops. */
static bool loop_verify(void)
{
    struct item_map map = {1, 0};
    uint64_t last = UINT64_MAX;
    bool good = true;
    for (long i = 0; i < loop_n; i++) {
        uint64_t rounds = loop_rounds_of(i);
        if (rounds != last || i == loop_cheap)
            map = item_power(item_map_of(i < loop_cheap, rounds), (uint64_t)repeat_done);
        last = rounds;
        good &= loop_x[i] == (uint64_t)i * map.multiply + map.add;
    }
    return good;
}

#define LOOP(init_, run_)                                                                                  \
    (struct bench)                                                                                         \
    {                                                                                                      \
        .name = "loop", .parameters = "N COST SHAPE VARIANT IDLE", .parameters_count = 5, .init = (init_), \
        .setup = loop_setup, .reset = 0, .run = (run_), .verify = loop_verify, .tasks = repeat_tasks,      \
        .seconds = repeat_seconds                                                                          \
    }

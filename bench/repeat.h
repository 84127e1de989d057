/* What the problems that time single loops share: loop, nested, reduce and scan.  A run repeats the loop, so that it
 * can be timed; the time per task is that of a loop.  Between loops the caller may be busy with something else, while the
 * runtime idles. */
#ifndef BENCH_REPEAT_H
#define BENCH_REPEAT_H

#include "bench/bench.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define REPEAT_SECONDS 1e-3  /* how long a run takes at least */
#define REPEAT_IDLE_MOST 20  /* loops a run, if the runtime idles between them */
#define REPEAT_TASKS 1000    /* a run is reported as if it had so many loops */
#define REPEAT_ROUND_NS 1.15 /* of item_work, at 3.5 GHz */
#define REPEAT_CALL_NS 5     /* what it takes beside its rounds */

static long repeat_count; /* loops a run; 0: not known yet */
static long repeat_idle_us, repeat_done;
static double repeat_total; /* seconds of the last run */

static inline double repeat_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Part of setup. */
static inline void repeat_setup(long idle_us)
{
    repeat_idle_us = idle_us;
}

/* The caller does something else. */
static inline void repeat_idle(void)
{
    double end = repeat_now() + 1e-6 * (double)repeat_idle_us;
    while (repeat_now() < end)
        ;
}

/* A loop starts.  The compiler may not join two of them. */
static inline void repeat_barrier(void)
{
    __asm__ volatile("" : : : "memory");
}

static inline void repeat_hot(void (*loop)(void *arg), void *arg, long count)
{
    double begin = repeat_now();
    for (long i = 0; i < count; i++, repeat_barrier())
        loop(arg);
    repeat_total = repeat_now() - begin;
}

static inline void repeat_idling(void (*loop)(void *arg), void *arg, long count)
{
    repeat_total = 0;
    for (long i = 0; i < count; i++) {
        repeat_idle();
        double begin = repeat_now();
        loop(arg);
        repeat_total += repeat_now() - begin;
    }
}

/* Calls loop(arg) count times.  The very first loop starts the runtime's threads, so that there are some to idle. */
static inline void repeat_loops(void (*loop)(void *arg), void *arg, long count)
{
    if (repeat_idle_us && repeat_done)
        repeat_idling(loop, arg, count);
    else
        repeat_hot(loop, arg, count);
    repeat_done += count;
}

/* How many loops take long enough, twice in a row: once may have been bad luck. */
static inline void repeat_find_count(void (*loop)(void *arg), void *arg)
{
    long most = repeat_idle_us ? REPEAT_IDLE_MOST : LONG_MAX / 2;
    int often = 0;
    repeat_count = 1;
    for (;;) {
        repeat_loops(loop, arg, repeat_count);
        if (repeat_total < REPEAT_SECONDS && repeat_count < most) {
            repeat_count *= 2;
            often = 0;
        } else if (++often == 2) {
            return;
        }
    }
}

/* A run: calls loop(arg) as often as it takes; the first run, which warms up, finds out. */
static inline void repeat_run(void (*loop)(void *arg), void *arg)
{
    if (repeat_count)
        repeat_loops(loop, arg, repeat_count);
    else
        repeat_find_count(loop, arg);
}

static inline double repeat_seconds(void)
{
    return repeat_total / (double)repeat_count * REPEAT_TASKS;
}

static inline uint64_t repeat_tasks(void)
{
    return REPEAT_TASKS;
}

/* Memory for so many items of 8 bytes. */
static inline void *repeat_memory(long items)
{
    void *memory = aligned_alloc(64, ((size_t)items * 8 + 63) / 64 * 64);
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return memory;
}

/* ------------------------------------------------------------------------------------------ What an item costs */

#define ITEM_A 0x5851f42d4c957f2du
#define ITEM_B 0x14057b7ef767814fu

/* x becomes multiply * x + add, modulo 2^64. */
struct item_map {
    uint64_t multiply, add;
};

/* The cheapest work, which can be vectorised. */
static inline uint64_t item_step(uint64_t x)
{
    return x * ITEM_A + ITEM_B;
}

/* So many rounds of work, and some more for the call.  Four chains keep the multiplier busy all the time, so that
 * nothing is gained by running this beside the next item's. */
__attribute__((noinline, unused)) static uint64_t item_work(uint64_t x, uint64_t rounds)
{
    uint64_t a = x, b = x + 1, c = x + 2, d = x + 3;
    for (; rounds; rounds--) {
        a = item_step(a);
        b = item_step(b);
        c = item_step(c);
        d = item_step(d);
        __asm__("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d)); /* not to be vectorised: that has other costs */
    }
    return a + b + 2 * c + d;
}

/* 0, but compilers do not know it: so that a serial program gets no copies of its own of the functions that all programs share. */
static inline long repeat_zero(void)
{
    long zero = 0;
    __asm__("" : "+r"(zero));
    return zero;
}

/* How many rounds take so long; 0: item_step is meant. */
static inline uint64_t item_rounds(long picoseconds)
{
    double rounds = (1e-3 * (double)picoseconds - REPEAT_CALL_NS) / REPEAT_ROUND_NS;
    return picoseconds < 1000 ? 0 : rounds < 1 ? 1 : (uint64_t)rounds;
}

/* first, then second. */
static inline struct item_map item_then(struct item_map first, struct item_map second)
{
    struct item_map both = {second.multiply * first.multiply, second.multiply * first.add + second.add};
    return both;
}

static inline struct item_map item_power(struct item_map map, uint64_t times)
{
    struct item_map result = {1, 0};
    for (; times; times /= 2, map = item_then(map, map))
        if (times & 1)
            result = item_then(result, map);
    return result;
}

/* What item_step does, or item_work with so many rounds. */
static inline struct item_map item_map_of(bool step, uint64_t rounds)
{
    struct item_map map = {ITEM_A, ITEM_B};
    if (step)
        return map;
    map = item_power(map, rounds);
    struct item_map work = {5 * map.multiply, 8 * map.multiply + 5 * map.add};
    return work;
}

#endif

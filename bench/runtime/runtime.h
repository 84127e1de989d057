/* What the problems that ask about the runtime itself share: open, spawn, lopsided, steal, wake, busy and idle.  They
 * time N operations as a run, so that the time per task is that of an operation. */
#ifndef BENCH_RUNTIME_H
#define BENCH_RUNTIME_H

#include "bench/bench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A waiting thread lets others run after so many looks, as there may be more workers than cores. */
#define RUNTIME_SPINS 1000

static unsigned runtime_workers;
static long runtime_here; /* workers at a meeting */

/* Part of init.  Status 3: the question makes no sense with so few workers. */
static inline void runtime_init(unsigned workers, unsigned least)
{
    runtime_workers = workers;
    if (workers < least) {
        fprintf(stderr, "not applicable: it takes at least %u workers\n", least);
        exit(3);
    }
}

static inline double runtime_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static inline double runtime_now(void)
{
    return runtime_clock(CLOCK_MONOTONIC);
}

static inline void runtime_sleep(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static inline long runtime_load(const long *count)
{
    return __atomic_load_n(count, __ATOMIC_ACQUIRE);
}

static inline long runtime_increment(long *count)
{
    return __atomic_add_fetch(count, 1, __ATOMIC_ACQ_REL);
}

static inline void runtime_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Spins until count has reached value, and lets others have the core meanwhile. */
static inline void runtime_wait(const long *count, long value)
{
    for (unsigned spins = 1; runtime_load(count) < value; spins++) {
        runtime_pause();
        if (spins % RUNTIME_SPINS == 0)
            sched_yield();
    }
}

/* The same, but keeps the core, as a program does that computes. */
static inline void runtime_compute(const long *count, long value)
{
    while (runtime_load(count) < value)
        runtime_pause();
}

/* Waits until every worker is here.  Returns true to the last one.  Before a meeting runtime_here must be 0. */
static inline bool runtime_meet(void)
{
    bool last = runtime_increment(&runtime_here) == (long)runtime_workers;
    runtime_wait(&runtime_here, (long)runtime_workers);
    return last;
}

#endif

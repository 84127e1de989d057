/* What the scheduler needs from the operating system and the processor: this file and os.c are what a port has to write. */
#ifndef SCHED_OS_H
#define SCHED_OS_H

#include "deque/atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A thread's place to sleep.  A wake-up that comes before the sleep is kept: the sleep then returns at once. */
struct parker {
    struct atomic_u32 state;
};

enum parker_state { PARKER_AWAKE, PARKER_ASLEEP, PARKER_NOTIFIED };

/* Sleeps until somebody unparks, or returns at once if somebody did since the last call.  Owner only. */
void scopei_park(struct parker *parker);

/* Wakes the owner, or spares it its next sleep.  Any thread; async-signal-safe.  Returns true if it made a system call. */
bool scopei_unpark(struct parker *parker);

/* Nanoseconds of the monotonic clock.  Never 0, which elsewhere stands for: not yet. */
uint64_t scopei_now_ns(void);

/* What that is if the system refuses the time. */
#define NO_TIME 1

/* Zeroed memory whose pages exist once they are touched; NULL: out of memory. */
void *scopei_map(size_t size);
void scopei_unmap(void *memory, size_t size);

/* The processor that the calling thread runs on; -1: not known. */
int scopei_cpu(void);

/* Prepares scopei_barrier_all; false: the system has none, and whoever relies on it must fence. */
bool scopei_barrier_available(void);

/* Every running thread of the process passes a full fence before this returns, if anybody relies on it: if the above has ever
 * returned true.  Async-signal-safe. */
void scopei_barrier_all(void);

/* A clock that is quick to read; how long a tick is, a pool finds out when it is made (scopei_tick_ns). */
static inline uint64_t os_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return scopei_now_ns();
#endif
}

/* What both clocks say now. */
struct instant {
    uint64_t ns, ticks;
};
struct instant scopei_instant(void);

/* The length of a tick.  Waits until `before` was some time ago. */
double scopei_tick_ns(struct instant before);

/* What a call of os_ticks costs, in ticks. */
uint64_t scopei_tick_cost(void);

/* A short rest in a loop that waits for memory to change. */
static inline void os_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif

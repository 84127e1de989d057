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

/* Nanoseconds of the monotonic clock. */
uint64_t scopei_now_ns(void);

/* Zeroed memory whose pages exist once they are touched; NULL: out of memory. */
void *scopei_map(size_t size);
void scopei_unmap(void *memory, size_t size);

/* The processor that the calling thread runs on; -1: not known. */
int scopei_cpu(void);

/* Prepares scopei_barrier_all; false: the system has none, and whoever relies on it must fence. */
bool scopei_barrier_available(void);

/* Every running thread of the process passes a full fence before this returns.  Async-signal-safe. */
void scopei_barrier_all(void);

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

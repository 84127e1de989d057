/* Makes the system fail: the k-th call, from now on, that the library makes of the kinds named; that one alone, or all after it, too.
 * The programs that include this are linked with a copy of the archive whose calls go to the stand-ins of inject.c (see the
 * Makefile), so nobody else's calls count: neither the test's own, nor hwloc's or the C library's, nor a sanitizer's. */
#ifndef TESTS_INJECT_H
#define TESTS_INJECT_H

#include <stdbool.h>

/* What fails. */
enum injected {
    INJECT_MEMORY = 1,    /* malloc and its like, mmap */
    INJECT_THREADS = 2,   /* starting a thread */
    INJECT_BINDING = 4,   /* asking where threads run and may run, and saying it */
    INJECT_HWLOC = 8,     /* hwloc's calls */
    INJECT_FILES = 16,    /* opening, reading, writing, closing; sigaction */
    INJECT_CLOCK = 32,    /* clock_gettime */
    INJECT_SLEEP = 64,    /* futex and pthread_cond_*wait return early: EINTR, EAGAIN, or for no reason */
    INJECT_BARRIER = 128, /* membarrier */
    INJECT_SETUP = 256    /* pthread_atfork, thread-specific data, names of threads */
};
#define INJECT_KINDS 9
#define INJECT_ALL ((1u << INJECT_KINDS) - 1)

/* k counts from 0. */
void injection_begin(unsigned kinds, unsigned k, bool later);

/* Returns how many calls have failed since it began. */
unsigned injection_end(void);

#endif

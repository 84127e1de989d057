/* An explorer of interleavings and weak memory, for the code that ships.
 *
 * The library is compiled with -fsanitize=thread, and this folder takes the place of that sanitizer's runtime: every atomic
 * access, and every plain one that the compiler cannot prove private, is a call to memory.c.  Threads are coroutines on one
 * OS thread (explore.c), which switch only at atomic accesses, locks and system calls (system.c); plain accesses between are checked for
 * races.  A scenario is run over and over, each time with other choices: who goes on, which store a load reads, whether a
 * futex returns early, whether memory is refused.
 *
 * Engines.  SC: a load reads the newest store.  TSO: stores wait in a buffer each thread, as on x86.  C11: each location keeps its stores in
 * modification order; a thread reads any that is not older than what it has seen; release and acquire pass on what was seen;
 * seq_cst fences pass it on through one place.  This is RC11 (Lahav et al. 2017) in the operational form of Kang et al. (2017)
 * without promises: no load buffering.  It is stronger than RC11 in one point: fences are ordered as they are executed, so also by
 * what relaxed accesses between them have passed on.  seq_cst accesses are taken for acquire and release ones, which is weaker. */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum engine { ENGINE_SC, ENGINE_TSO, ENGINE_C11, ENGINES };

#define MODEL_THREADS 10 /* at once, with those that the library starts */

struct scenario {
    const char *name;
    void (*setup)(void);     /* once; what it leaves in memory is how every execution begins */
    void (*thread[6])(void); /* run at the same time */
    void (*finish)(void);    /* when all of these have ended */
    unsigned bound;          /* how many deviations are explored at least; ALL: every execution */
    bool memory_fails;       /* any allocation may be refused */
    bool wakes_spuriously;   /* any sleep may end early */
    bool barrier_fails;      /* the system has no membarrier */
    bool displays;           /* SCOPE_DISPLAY is set */
    const char *fails;       /* it must be found to fail, with this in the message */
    /* litmus.c */
    const char *program[4], *shown;
    const char *outcomes[ENGINES]; /* that must be found, and no others; NULL: any */
};

#define BOUND_ALL 1000u

/* Each ends with name NULL. */
extern const struct scenario litmus_scenarios[], deque_scenarios[], sched_scenarios[], scope_scenarios[],
    pool_scenarios[];

/* For scenarios.  The execution that breaks one is printed so that it can be run again. */
void model_check(bool held, const char *what);
#define MUST(condition) model_check((condition), #condition)

/* An outcome of this execution, at most 63 characters: litmus tests are about the set of them. */
void model_outcome(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The running thread has read `at` (its plain data) when its clock stood so, though it only knows now that it meant to: whoever
 * writes there without being ordered after that is a race.  For reads that a later step makes valid: on real machines they may
 * come late, so what follows them must be released (load buffering, which the C11 engine otherwise leaves out). */
unsigned model_clock(void);
void model_read_at(const void *at, unsigned clock);

/* One of several threads' code: which it is, from 0. */
unsigned model_self(void);

#endif

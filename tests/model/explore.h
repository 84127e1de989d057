/* Between the files of the explorer. */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "model.h"

#include <setjmp.h>

/* ------------------------------------------------------------------------------------------------ explore.c: threads */

/* What a thread is about to do, as far as others may notice. */
struct op {
    const volatile void *at; /* NULL: nothing that depends on the order */
    bool write;
    bool all;       /* depends on everything */
    bool locks;     /* takes a lock: may come before whoever took it, not before it was given back */
    bool drains;    /* TSO: only when the thread's buffer is empty */
    unsigned after; /* TSO: a buffered store gets to memory: the step that stored it */
};

enum blocked { BLOCKED_NOT, BLOCKED_LOCK, BLOCKED_FUTEX, BLOCKED_JOIN, BLOCKED_PAUSE };

struct thread {
    unsigned id;
    void *(*entry)(void *);
    void *arg;
    jmp_buf resume, restart;
    bool used, ended;
    bool standing;   /* created by setup: in every execution */
    bool scenarios;  /* one of the scenario's own: */
    unsigned number; /* which */
    struct op next;
    enum blocked blocked;
    const void *on;     /* the lock, or futex, or thread that it is blocked on */
    unsigned paused_at; /* step */
    void *self;         /* the library's thread-local */
};

extern struct thread threads[MODEL_THREADS];
extern struct thread *self; /* that runs now; NULL: setup or finish */
extern enum engine engine;
extern const struct scenario *scenario;
extern unsigned epoch; /* number of the execution: what is older is void */
extern bool tracing;

/* Every visible action is preceded by this.  Returns when the thread is chosen. */
void point(struct op op);

/* Of the step that is being taken, from 1. */
unsigned step_number(void);

/* Any of 0 .. n - 1; 0 is the ordinary one, the others are deviations. */
unsigned choose(unsigned n);

struct thread *thread_create(void *(*entry)(void *), void *arg);
void thread_join(unsigned id);

/* The running thread waits for memory to change: others go first. */
void point_paused(void);

/* The execution is wrong: prints how to repeat it, and ends. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Nothing can come of this execution that others do not show. */
void abandon(void) __attribute__((noreturn));

/* ------------------------------------------------------------------------------------------------ memory.c: accesses */

void memory_init(void);
void memory_begin(void); /* of an execution */
void memory_end(void);   /* puts everything back as setup left it */
void memory_thread_begins(struct thread *created, const struct thread *creator);
void memory_thread_joined(const struct thread *ended);
bool memory_buffered(const struct thread *thread);
struct op memory_flush_op(const struct thread *thread);
void memory_flush(struct thread *thread);
void memory_barrier_all(void);

/* Locks pass on what their holder has seen. */
void memory_locked(const void *lock);
void memory_unlocked(const void *lock);
struct thread *memory_holder(const void *lock);

void *memory_allocate(size_t size);
void memory_free(void *memory, const char *how);
void memory_written(void *memory, size_t size); /* plainly, by the running thread */
uint32_t memory_newest_u32(const uint32_t *at);
void *memory_stack(unsigned thread);
#define STACK_SIZE ((size_t)256 * 1024)

/* Changes of orders, for the proof by mutation.  memory.c */
struct site {
    const void *pc;
    const char *what;
    int order;    /* as compiled */
    int weakened; /* as run; -1: not at all */
};
extern struct site sites[4096];
extern unsigned site_count;
struct site *site_at(const void *pc, const char *what, int order);

#endif

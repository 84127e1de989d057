/* The system that the explored library runs on: locks, threads, futex, clock, memory, a machine with as many cores as asked for. */
#include "explore.h"

#include "sched/topology.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

/* ------------------------------------------------------------------------------------------------------------- Locks */

int model_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes);
int model_mutex_destroy(pthread_mutex_t *lock);
int model_mutex_lock(pthread_mutex_t *lock);
int model_mutex_unlock(pthread_mutex_t *lock);

int model_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes)
{
    (void)lock;
    (void)attributes;
    return 0;
}

int model_mutex_destroy(pthread_mutex_t *lock)
{
    if (self && memory_holder(lock))
        fail("a lock that is held is destroyed");
    return 0;
}

int model_mutex_lock(pthread_mutex_t *lock)
{
    if (!self)
        return 0;
    if (memory_holder(lock) == self)
        fail("a lock is taken by its holder");
    self->blocked = BLOCKED_LOCK;
    self->on = lock;
    point((struct op){.at = lock, .write = true, .locks = true, .drains = true});
    memory_locked(lock);
    trace("locks %p", (void *)lock);
    return 0;
}

int model_mutex_unlock(pthread_mutex_t *lock)
{
    if (!self)
        return 0;
    if (memory_holder(lock) != self)
        fail("a lock is given back by another than its holder");
    point((struct op){.at = lock, .write = true, .drains = true});
    memory_unlocked(lock);
    trace("unlocks %p", (void *)lock);
    return 0;
}

/* ----------------------------------------------------------------------------------------------------------- Threads */

int model_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *), void *arg);
int model_thread_join(pthread_t thread, void **result);

int model_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *), void *arg)
{
    (void)attributes;
    if (self && scenario->memory_fails && choose(2))
        return EAGAIN;
    const struct thread *created = thread_create(entry, arg);
    if (!created)
        return EAGAIN;
    *thread = created->id + 1;
    trace("starts thread %u", created->id);
    return 0;
}

int model_thread_join(pthread_t thread, void **result)
{
    (void)result;
    thread_join((unsigned)thread - 1);
    return 0;
}

/* Setup runs it; no scenario is about the race for it. */
int model_once(pthread_once_t *once, void (*fn)(void));
int model_once(pthread_once_t *once, void (*fn)(void))
{
    if (!*once) {
        *once = 1;
        fn();
    }
    return 0;
}

int model_atfork(void (*before)(void), void (*parent)(void), void (*child)(void));
int model_atfork(void (*before)(void), void (*parent)(void), void (*child)(void))
{
    (void)before;
    (void)parent;
    (void)child;
    return 0;
}

int model_key_create(pthread_key_t *key, void (*destroy)(void *));
int model_key_create(pthread_key_t *key, void (*destroy)(void *))
{
    (void)key;
    (void)destroy;
    return ENOSYS; /* the ends of threads are not watched here */
}

int model_setspecific(pthread_key_t key, const void *value);
int model_setspecific(pthread_key_t key, const void *value)
{
    (void)key;
    (void)value;
    return 0;
}

int model_sigmask(int how, const sigset_t *set, sigset_t *old);
int model_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    (void)how;
    (void)set;
    (void)old;
    return 0;
}

int model_setname(pthread_t thread, const char *name);
int model_setname(pthread_t thread, const char *name)
{
    (void)thread;
    (void)name;
    return 0;
}

int model_setcancelstate(int state, int *old);
int model_setcancelstate(int state, int *old)
{
    (void)state;
    (void)old;
    return 0;
}

/* The timer's thread is not explored. */
int model_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);
int model_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
    (void)cond;
    (void)lock;
    fail("condition variables are not modelled");
}

int model_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *until);
int model_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *until)
{
    (void)cond;
    (void)lock;
    (void)until;
    fail("condition variables are not modelled");
}

int model_cond_signal(pthread_cond_t *cond);
int model_cond_signal(pthread_cond_t *cond)
{
    (void)cond;
    fail("condition variables are not modelled");
}

/* ------------------------------------------------------------------------------------------------------------- Futex */

static long futex_wait(const uint32_t *at, uint32_t expected)
{
    point((struct op){.at = at, .drains = true});
    if (memory_newest_u32(at) != expected) {
        errno = EAGAIN;
        return -1;
    }
    if (scenario->wakes_spuriously && choose(2)) {
        errno = EINTR;
        return -1;
    }
    trace("sleeps on %p", (const void *)at);
    self->blocked = BLOCKED_FUTEX;
    self->on = at;
    point((struct op){.at = at});
    trace("wakes on %p", (const void *)at);
    return 0;
}

static long futex_wake(const uint32_t *at)
{
    struct thread *asleep[MODEL_THREADS];
    unsigned count = 0;
    point((struct op){.at = at, .write = true, .drains = true});
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (threads[i].used && !threads[i].ended && threads[i].blocked == BLOCKED_FUTEX && threads[i].on == at)
            asleep[count++] = &threads[i];
    if (count == 0)
        return 0;
    asleep[choose(count)]->blocked = BLOCKED_NOT;
    return 1;
}

long model_syscall(long number, ...);
long model_syscall(long number, ...)
{
    if (number == SYS_membarrier) {
        va_list args;
        va_start(args, number);
        int command = va_arg(args, int);
        va_end(args);
        if (scenario->barrier_fails) {
            errno = ENOSYS;
            return -1;
        }
        if (self && command == 8) /* MEMBARRIER_CMD_PRIVATE_EXPEDITED; else it is registered */
            memory_barrier_all();
        return 0;
    }
    if (number != SYS_futex)
        fail("system call %ld is not modelled", number);
    va_list args;
    va_start(args, number);
    const uint32_t *at = va_arg(args, const uint32_t *);
    int op = va_arg(args, int);
    uint32_t value = va_arg(args, uint32_t);
    va_end(args);
    if (!self)
        return 0;
    return op == FUTEX_WAIT_PRIVATE ? futex_wait(at, value) : futex_wake(at);
}

void model_pause(void);
void model_pause(void)
{
    if (!self)
        return;
    self->blocked = BLOCKED_PAUSE;
    point_paused();
}

/* ------------------------------------------------------------------------------------------------------ Clock, memory */

/* Each thread has a clock of its own, which goes on by a microsecond whenever it is read: what is read does not depend on others. */
static unsigned long readings[MODEL_THREADS + 1], readings_epoch[MODEL_THREADS + 1];

static uint64_t clock_read(void)
{
    unsigned i = self ? self->id : MODEL_THREADS;
    if (readings_epoch[i] != epoch)
        readings[i] = 0;
    readings_epoch[i] = epoch;
    return 1000000000u + ++readings[i] * 1000u;
}

uint64_t model_ticks(void);
uint64_t model_ticks(void)
{
    return clock_read();
}

int model_clock_gettime(clockid_t id, struct timespec *now);
int model_clock_gettime(clockid_t id, struct timespec *now)
{
    (void)id;
    uint64_t ns = clock_read();
    now->tv_sec = (time_t)(ns / 1000000000u);
    now->tv_nsec = (long)(ns % 1000000000u);
    return 0;
}

void *model_malloc(size_t size);
void *model_calloc(size_t count, size_t size);
void *model_aligned_alloc(size_t alignment, size_t size);
void model_free(void *memory);
void *model_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
int model_munmap(void *memory, size_t size);

void *model_malloc(size_t size)
{
    return memory_allocate(size);
}

/* Who finds old memory again has to clear it, so it is written. */
void *model_calloc(size_t count, size_t size)
{
    void *memory = memory_allocate(count * size);
    if (memory && self)
        memory_written(memory, count * size);
    return memory;
}

void *model_aligned_alloc(size_t alignment, size_t size)
{
    if (alignment > 64)
        fail("no memory is aligned to %zu", alignment);
    return memory_allocate(size);
}

void model_free(void *memory)
{
    memory_free(memory, "free");
}

void *model_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    (void)at;
    (void)protection;
    (void)flags;
    (void)file;
    (void)offset;
    void *memory = memory_allocate(size);
    return memory ? memory : MAP_FAILED;
}

int model_munmap(void *memory, size_t size)
{
    (void)size;
    memory_free(memory, "munmap");
    return 0;
}

int model_getcpu(void);
int model_getcpu(void)
{
    return 0;
}

char *model_getenv(const char *name);
char *model_getenv(const char *name)
{
    static char set[] = "1";
    return scenario->displays && strcmp(name, "SCOPE_DISPLAY") == 0 ? set : NULL;
}

/* ---------------------------------------------------------------------------------- The machine: sched/topology.h */

struct topology {
    unsigned workers;
};

struct topology *scopei_topology_create(unsigned requested, unsigned limit)
{
    static struct topology topologies[4];
    static unsigned next;
    struct topology *t = &topologies[next++ % 4];
    t->workers = requested < limit ? requested : limit;
    return t;
}

void scopei_topology_destroy(struct topology *topology)
{
    (void)topology;
}

unsigned scopei_topology_workers(const struct topology *topology)
{
    return topology->workers;
}

/* So that nobody spins: what a spinning worker does, it does at least once. */
bool scopei_topology_oversubscribed(const struct topology *topology)
{
    (void)topology;
    return true;
}

int scopei_topology_pin(const struct topology *topology, unsigned worker)
{
    (void)topology;
    (void)worker;
    return 0;
}

unsigned scopei_topology_worker_at(const struct topology *topology, int cpu)
{
    (void)topology;
    return (unsigned)cpu;
}

unsigned scopei_topology_distance(const struct topology *topology, unsigned a, unsigned b)
{
    (void)topology;
    return a == b ? 0 : 1;
}

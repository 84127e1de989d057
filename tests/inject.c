/* Stand-ins for what the library calls and what may fail: inject_NAME for NAME.  tests/inject.sh holds them against what the archive
 * calls. */
#include "tests/inject.h"

#include <errno.h>
#include <hwloc.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_uint struck; /* the kinds that fail */
static atomic_int left;    /* calls that succeed before one fails */
static atomic_bool all_later;
static atomic_uint injected;

void injection_begin(unsigned kinds, unsigned k, bool later)
{
    atomic_store(&injected, 0);
    atomic_store(&all_later, later);
    atomic_store(&left, (int)k);
    atomic_store(&struck, kinds);
}

unsigned injection_end(void)
{
    atomic_store(&struck, 0);
    return atomic_exchange(&injected, 0);
}

/* ThreadSanitizer's: a child does not wait a second, before it ends, for races that others might come upon. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "atexit_sleep_ms=0";
}

/* True if this call is to fail, with errno set. */
static bool strikes(enum injected kind, int error)
{
    if (!(atomic_load(&struck) & kind))
        return false;
    int before = atomic_fetch_sub(&left, 1);
    if (before > 0 || (before < 0 && !atomic_load(&all_later)))
        return false;
    atomic_fetch_add(&injected, 1);
    errno = error;
    return true;
}

#define STAND_IN(kind, error, failure, type, name, parameters, arguments) \
    type inject_##name parameters;                                        \
    type inject_##name parameters                                         \
    {                                                                     \
        return strikes(kind, error) ? (failure) : name arguments;         \
    }

/* Memory. */
STAND_IN(INJECT_MEMORY, ENOMEM, NULL, void *, malloc, (size_t size), (size))
STAND_IN(INJECT_MEMORY, ENOMEM, NULL, void *, calloc, (size_t count, size_t size), (count, size))
STAND_IN(INJECT_MEMORY, ENOMEM, NULL, void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
STAND_IN(INJECT_MEMORY, ENOMEM, MAP_FAILED, void *, mmap,
         (void *at, size_t size, int protection, int flags, int file, off_t offset),
         (at, size, protection, flags, file, offset))
STAND_IN(INJECT_MEMORY, ENOMEM, NULL, cpu_set_t *, __sched_cpualloc, (size_t count), (count))

/* Threads. */
STAND_IN(INJECT_THREADS, EAGAIN, EAGAIN, int, pthread_create,
         (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg),
         (thread, attributes, start, arg))

/* Set-up. */
STAND_IN(INJECT_SETUP, ENOMEM, ENOMEM, int, pthread_atfork,
         (void (*before)(void), void (*parent)(void), void (*child)(void)), (before, parent, child))
STAND_IN(INJECT_SETUP, EAGAIN, EAGAIN, int, pthread_key_create, (pthread_key_t * key, void (*end)(void *)), (key, end))
STAND_IN(INJECT_SETUP, ENOMEM, ENOMEM, int, pthread_setspecific, (pthread_key_t key, const void *value), (key, value))
STAND_IN(INJECT_SETUP, ENOENT, ENOENT, int, pthread_setname_np, (pthread_t thread, const char *name), (thread, name))
STAND_IN(INJECT_SETUP, ENOMEM, ENOMEM, int, pthread_getattr_np, (pthread_t thread, pthread_attr_t *attributes),
         (thread, attributes))

/* Binding. */
STAND_IN(INJECT_BINDING, EPERM, -1, int, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *set), (pid, size, set))
STAND_IN(INJECT_BINDING, EPERM, -1, int, sched_setaffinity, (pid_t pid, size_t size, const cpu_set_t *set),
         (pid, size, set))
STAND_IN(INJECT_BINDING, ENOSYS, -1, int, sched_getcpu, (void), ())
STAND_IN(INJECT_BINDING, EINVAL, -1, long, sysconf, (int name), (name))

/* hwloc. */
STAND_IN(INJECT_HWLOC, ENOMEM, NULL, hwloc_bitmap_t, hwloc_bitmap_alloc, (void), ())
STAND_IN(INJECT_HWLOC, ENOMEM, NULL, hwloc_bitmap_t, hwloc_bitmap_dup, (hwloc_const_bitmap_t bitmap), (bitmap))
STAND_IN(INJECT_HWLOC, ENOMEM, -1, int, hwloc_bitmap_set, (hwloc_bitmap_t bitmap, unsigned id), (bitmap, id))
STAND_IN(INJECT_HWLOC, ENOMEM, -1, int, hwloc_bitmap_set_range, (hwloc_bitmap_t bitmap, unsigned begin, int end),
         (bitmap, begin, end))
STAND_IN(INJECT_HWLOC, ENOMEM, -1, int, hwloc_bitmap_list_asprintf, (char **text, hwloc_const_bitmap_t bitmap),
         (text, bitmap))
STAND_IN(INJECT_HWLOC, ENOMEM, -1, int, hwloc_bitmap_taskset_asprintf, (char **text, hwloc_const_bitmap_t bitmap),
         (text, bitmap))
STAND_IN(INJECT_HWLOC, ENOMEM, -1, int, hwloc_topology_init, (hwloc_topology_t * topology), (topology))
STAND_IN(INJECT_HWLOC, EIO, -1, int, hwloc_topology_load, (hwloc_topology_t topology), (topology))
STAND_IN(INJECT_HWLOC, ENOMEM, -1, int, hwloc_topology_restrict,
         (hwloc_topology_t topology, hwloc_const_bitmap_t set, unsigned long flags), (topology, set, flags))
STAND_IN(INJECT_HWLOC, EINVAL, -1, int, hwloc_topology_set_flags, (hwloc_topology_t topology, unsigned long flags),
         (topology, flags))
STAND_IN(INJECT_HWLOC, EINVAL, -1, int, hwloc_topology_set_io_types_filter,
         (hwloc_topology_t topology, enum hwloc_type_filter_e filter), (topology, filter))
STAND_IN(INJECT_HWLOC, EINVAL, HWLOC_TYPE_DEPTH_UNKNOWN, int, hwloc_get_type_depth,
         (hwloc_topology_t topology, hwloc_obj_type_t type), (topology, type))
STAND_IN(INJECT_HWLOC, EINVAL, 0, unsigned, hwloc_get_nbobjs_by_depth, (hwloc_topology_t topology, int depth),
         (topology, depth))
STAND_IN(INJECT_HWLOC, EINVAL, NULL, hwloc_obj_t, hwloc_get_obj_by_depth,
         (hwloc_topology_t topology, int depth, unsigned index), (topology, depth, index))

/* Files. */
STAND_IN(INJECT_FILES, EMFILE, NULL, FILE *, fopen, (const char *path, const char *mode), (path, mode))
STAND_IN(INJECT_FILES, EIO, -1, ssize_t, getline, (char **line, size_t *size, FILE *file), (line, size, file))
STAND_IN(INJECT_FILES, EIO, -1, ssize_t, __getdelim, (char **line, size_t *size, int end, FILE *file),
         (line, size, end, file))
STAND_IN(INJECT_FILES, EIO, 0, size_t, fread, (void *to, size_t size, size_t count, FILE *file),
         (to, size, count, file))
STAND_IN(INJECT_FILES, ENOMEM, NULL, FILE *, open_memstream, (char **text, size_t *size), (text, size))
STAND_IN(INJECT_FILES, ENOMEM, EOF, int, fputs, (const char *text, FILE *file), (text, file))
STAND_IN(INJECT_FILES, ENOMEM, 0, size_t, fwrite, (const void *from, size_t size, size_t count, FILE *file),
         (from, size, count, file))
/* A signal does not interrupt for ever. */
STAND_IN(INJECT_FILES, atomic_load(&all_later) ? EIO : EINTR, -1, ssize_t, write,
         (int file, const void *from, size_t size), (file, from, size))
STAND_IN(INJECT_FILES, EINVAL, -1, int, sigaction,
         (int number, const struct sigaction *action, struct sigaction *before), (number, action, before))

int inject_fprintf(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
int inject_fprintf(FILE *file, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = strikes(INJECT_FILES, ENOMEM) ? -1 : vfprintf(file, format, args);
    va_end(args);
    return length;
}

/* A file that could not be closed properly is closed all the same. */
int inject_fclose(FILE *file);
int inject_fclose(FILE *file)
{
    bool fails = strikes(INJECT_FILES, ENOMEM);
    int status = fclose(file);
    return fails ? EOF : status;
}

/* Clock. */
STAND_IN(INJECT_CLOCK, EPERM, -1, int, clock_gettime, (clockid_t clock, struct timespec *now), (clock, now))

/* Sleep.  A wait that ends early has let go of the lock all the same. */
static int wakes_early(pthread_mutex_t *lock)
{
    pthread_mutex_unlock(lock);
    (void)usleep(10);
    return pthread_mutex_lock(lock);
}

STAND_IN(INJECT_SLEEP, 0, wakes_early(lock), int, pthread_cond_wait,
         (pthread_cond_t * condition, pthread_mutex_t *lock), (condition, lock))
STAND_IN(INJECT_SLEEP, 0, wakes_early(lock), int, pthread_cond_timedwait,
         (pthread_cond_t * condition, pthread_mutex_t *lock, const struct timespec *until), (condition, lock, until))

static long futex_wait_early(void)
{
    static const int errors[] = {EINTR, 0, EAGAIN};
    int error = errors[atomic_load(&injected) % 3];
    errno = error;
    return error ? -1 : 0;
}

/* Futex and membarrier.  A FUTEX_WAKE of a word that exists cannot fail. */
long inject_syscall(long number, ...);
long inject_syscall(long number, ...)
{
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_futex && (uint32_t)a[1] == FUTEX_WAIT_PRIVATE && strikes(INJECT_SLEEP, EINTR))
        return futex_wait_early();
    if (number == SYS_membarrier && strikes(INJECT_BARRIER, ENOSYS))
        return -1;
    return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

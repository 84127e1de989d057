/* Included before each file of the library when it is compiled for the explorer: what it asks of the system goes to system.c.
 * The names are changed before the system's headers declare them, so types are checked as always. */
#ifndef MODEL_PORT_H
#define MODEL_PORT_H

#define pthread_mutex_lock model_mutex_lock
#define pthread_mutex_unlock model_mutex_unlock
#define pthread_mutex_init model_mutex_init
#define pthread_mutex_destroy model_mutex_destroy
#define pthread_create model_thread_create
#define pthread_join model_thread_join
#define pthread_once model_once
#define pthread_atfork model_atfork
#define pthread_key_create model_key_create
#define pthread_setspecific model_setspecific
#define pthread_sigmask model_sigmask
#define pthread_setname_np model_setname
#define pthread_setcancelstate model_setcancelstate
#define pthread_cond_timedwait model_cond_timedwait
#define pthread_cond_signal model_cond_signal
#define pthread_cond_wait model_cond_wait
#define malloc model_malloc
#define calloc model_calloc
#define aligned_alloc model_aligned_alloc
#define free model_free
#define mmap model_mmap
#define munmap model_munmap
#define syscall model_syscall
#define clock_gettime model_clock_gettime
#define sched_getcpu model_getcpu
#define secure_getenv model_getenv

#define os_pause os_pause_of_the_processor
#define os_ticks os_ticks_of_the_processor
#include "sched/os.h"
#undef os_pause
#undef os_ticks

void model_pause(void);
uint64_t model_ticks(void);

static inline void os_pause(void)
{
    model_pause();
}

static inline uint64_t os_ticks(void)
{
    return model_ticks();
}

#endif

/* Timers: a list under a lock, and one thread that sleeps until the first of them is due. */
#include "sched/timer.h"
#include "sched/os.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* there is a new first one; by the monotonic clock */
    struct timer *first;    /* L, all below */
    bool running;           /* the thread is there */
} timers = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void list_remove(struct timer *timer)
{
    if (timer->prev)
        timer->prev->next = timer->next;
    else
        timers.first = timer->next;
    if (timer->next)
        timer->next->prev = timer->prev;
    timer->armed = false;
}

static void list_insert(struct timer *timer)
{
    struct timer *before = NULL, *after = timers.first;
    while (after && after->when_ns <= timer->when_ns) {
        before = after;
        after = after->next;
    }
    timer->prev = before;
    timer->next = after;
    if (before)
        before->next = timer;
    else
        timers.first = timer;
    if (after)
        after->prev = timer;
    timer->armed = true;
}

static void *timer_main(void *arg)
{
    uint64_t passed = 0; /* the time that a sleep has ended at: the clock may be refused */
    (void)arg;
    pthread_mutex_lock(&timers.lock);
    for (;;) {
        struct timer *first = timers.first;
        if (!first) {
            pthread_cond_wait(&timers.changed, &timers.lock);
        } else if (passed >= first->when_ns || scopei_now_ns() >= first->when_ns) {
            list_remove(first);
            first->fire(first); /* under the lock, so that disarm waits for it */
        } else {
            uint64_t end = first->when_ns;
            struct timespec until = {.tv_sec = (time_t)(end / 1000000000), .tv_nsec = (long)(end % 1000000000)};
            if (pthread_cond_timedwait(&timers.changed, &timers.lock, &until) == ETIMEDOUT)
                passed = end;
        }
    }
    return NULL;
}

/* Under the lock.  Every signal is blocked in the thread: they are for the program's own threads to handle. */
static bool thread_start(void)
{
    pthread_t thread;
    pthread_attr_t detached;
    pthread_condattr_t monotonic;
    sigset_t all, before;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&timers.changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_attr_init(&detached);
    (void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, &detached, timer_main, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        (void)pthread_setname_np(thread, "taskscope/timer");
    (void)pthread_attr_destroy(&detached);
    return started;
}

bool scopei_timer_arm(struct timer *timer, uint64_t when_ns, void (*fire)(struct timer *timer))
{
    pthread_mutex_lock(&timers.lock);
    if (!timers.running)
        timers.running = thread_start();
    bool armed = timers.running;
    if (armed) {
        timer->when_ns = when_ns;
        timer->fire = fire;
        list_insert(timer);
        if (timers.first == timer)
            pthread_cond_signal(&timers.changed);
    }
    pthread_mutex_unlock(&timers.lock);
    return armed;
}

void scopei_timer_disarm(struct timer *timer)
{
    pthread_mutex_lock(&timers.lock);
    if (timer->armed)
        list_remove(timer);
    pthread_mutex_unlock(&timers.lock);
}

void scopei_timer_fork_before(void)
{
    pthread_mutex_lock(&timers.lock);
}

void scopei_timer_fork_parent(void)
{
    pthread_mutex_unlock(&timers.lock);
}

void scopei_timer_fork_child(void)
{
    for (struct timer *timer = timers.first; timer; timer = timer->next)
        timer->armed = false;
    timers.first = NULL;
    timers.running = false;
    pthread_mutex_unlock(&timers.lock);
}

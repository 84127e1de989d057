/* An idle pool uses no CPU, and a pool whose only work is one long serial task uses one CPU (rayon #642, taskflow #681: an
 * idle worker at 100 %).  What is measured is CPU time, not wall time: that of the whole process less that of the calling
 * thread, which is 1 % of the duration at most.  The idle case has to let time pass while nobody does anything, so here,
 * and here only, a test sleeps. */
#include "scope/scope.h"
#include "tests/check.h"

#include <sched.h>
#include <time.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static const uint64_t duration_ns = 1000000000u;

static uint64_t others_ns(void)
{
    uint64_t process = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    return process - clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Waits until every worker that may run tasks has gone to sleep. */
static void settle(struct scope_pool *pool, unsigned sleepers)
{
    while (load_acquire(&pool->idle.sleeping) != sleepers || load_acquire(&pool->idle.searching) != 0)
        sched_yield();
}

static int leaf(struct scope *s, void *arg)
{
    (void)s;
    atomic_fetch_add((atomic_uint *)arg, 1);
    return 0;
}

static int thousand(struct scope *s, void *arg)
{
    for (int i = 0; i < 1000; i++)
        CHECK(scope_spawn(s, leaf, arg) == SCOPE_OK);
    return 0;
}

static void compare(int64_t used) /* a little below 0, perhaps: the two clocks are not read at the same time */
{
    printf("# others used %lld us in %llu ms\n", (long long)used / 1000, (unsigned long long)duration_ns / 1000000);
    CHECK(used < (int64_t)duration_ns / 100);
}

static void idle_pool_uses_no_cpu(void)
{
    atomic_uint ran = 0;
    CHECK_EQ_INT(scope_run(thousand, &ran), SCOPE_OK);
    CHECK_EQ_INT(atomic_load(&ran), 1000);
    struct scope_pool *pool = scopei_pool_default(&scopei_hooks);
    settle(pool, pool->workers);
    uint64_t before = others_ns();
    struct timespec left = {.tv_sec = (time_t)(duration_ns / 1000000000u)};
    while (nanosleep(&left, &left) != 0)
        ;
    compare((int64_t)(others_ns() - before));
}

/* Spins until its own thread has used the duration of CPU time. */
static void compute(void)
{
    uint64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + duration_ns;
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
        os_pause();
}

static int serial_body(struct scope *s, void *arg)
{
    (void)s;
    struct scope_pool *pool = worker_self()->pool;
    settle(pool, pool->workers ? pool->workers - 1 : 0); /* one is stood down for us, and not counted */
    int64_t *used = arg;
    uint64_t before = others_ns();
    compute();
    *used = (int64_t)(others_ns() - before);
    return 0;
}

static void long_serial_body_leaves_the_others_asleep(void)
{
    int64_t used = INT64_MAX;
    CHECK_EQ_INT(scope_run(serial_body, &used), SCOPE_OK);
    compare(used);
}

/* The same in a task that another worker has taken, if there is one, while the scope waits. */
struct serial {
    atomic_uint begun;
    int64_t used;
};

static int serial_task(struct scope *s, void *arg)
{
    struct serial *serial = arg;
    struct scope_pool *pool = worker_self()->pool;
    (void)s;
    atomic_store(&serial->begun, 1);
    if (pool->workers) {
        settle(pool, pool->workers - 2);
        while (load_acquire(&pool->idle.waiting) != 1)
            sched_yield();
    }
    uint64_t before = others_ns();
    compute();
    serial->used = (int64_t)(others_ns() - before);
    return 0;
}

static int hands_over(struct scope *s, void *arg)
{
    struct serial *serial = arg;
    struct scope_pool *pool = worker_self()->pool;
    if (pool->workers)
        settle(pool, pool->workers - 1);
    CHECK(scope_spawn(s, serial_task, serial) == SCOPE_OK);
    while (pool->workers && !atomic_load(&serial->begun))
        sched_yield();
    return 0;
}

static void waiting_scope_sleeps_meanwhile(void)
{
    struct serial serial = {.used = INT64_MAX};
    CHECK_EQ_INT(scope_run(hands_over, &serial), SCOPE_OK);
    compare(serial.used);
}

int main(void)
{
    check_run("idle_pool_uses_no_cpu", idle_pool_uses_no_cpu);
    check_run("long_serial_body_leaves_the_others_asleep", long_serial_body_leaves_the_others_asleep);
    check_run("waiting_scope_sleeps_meanwhile", waiting_scope_sleeps_meanwhile);
    return check_done();
}

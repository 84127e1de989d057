#include "sched/os.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The parker's word moves AWAKE -> ASLEEP by its owner, to NOTIFIED by anybody, and back to AWAKE by its owner.  Both sides
 * move it by an exchange, so one of them comes second and sees the other: either the sleeper sees NOTIFIED, or the waker
 * sees ASLEEP. */
void scopei_park(struct parker *parker)
{
    /* Relaxed, all but the last: that acquires what every waker before it has released, as exchanges only come between. */
    if (exchange_relaxed_u32(&parker->state, PARKER_ASLEEP) != PARKER_NOTIFIED) {
        /* A wake-up without NOTIFIED is spurious, or a signal. */
        while (load_relaxed_u32(&parker->state) == PARKER_ASLEEP)
            (void)syscall(SYS_futex, &parker->state.raw, FUTEX_WAIT_PRIVATE, (uint32_t)PARKER_ASLEEP, NULL, NULL, 0);
    }
    /* pairs with: scopei_unpark; what the waker did before is visible. */
    (void)exchange_acquire_u32(&parker->state, PARKER_AWAKE);
}

bool scopei_unpark(struct parker *parker)
{
    /* pairs with: scopei_park */
    if (exchange_release_u32(&parker->state, PARKER_NOTIFIED) != PARKER_ASLEEP)
        return false;
    int saved = errno;
    (void)syscall(SYS_futex, &parker->state.raw, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
    return true;
}

uint64_t scopei_now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return NO_TIME;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The clocks are compared over at least this time. */
#define TICK_BASE_NS 50000

/* Both clocks at the same time, give or take 1 us, unless something always comes in between. */
struct instant scopei_instant(void)
{
    struct instant now = {0, 0};
    for (int tries = 0; tries < 100; tries++) {
        now.ns = scopei_now_ns();
        now.ticks = os_ticks();
        if (scopei_now_ns() - now.ns < 1000)
            break;
    }
    return now;
}

double scopei_tick_ns(struct instant before)
{
    struct instant now;
    do
        now = scopei_instant();
    while (now.ns != NO_TIME && now.ns - before.ns < TICK_BASE_NS);
    uint64_t ticks = now.ticks - before.ticks;
    bool timed = now.ns != NO_TIME && before.ns != NO_TIME;
    return timed && ticks ? (double)(now.ns - before.ns) / (double)ticks : 1;
}

uint64_t scopei_tick_cost(void)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 16; i++) {
        uint64_t before = os_ticks(), cost = os_ticks() - before;
        least = cost < least ? cost : least;
    }
    return least;
}

void *scopei_map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void scopei_unmap(void *memory, size_t size)
{
    if (memory)
        (void)munmap(memory, size);
}

int scopei_cpu(void)
{
    return sched_getcpu();
}

static struct atomic_u32 barrier_wanted; /* 1: somebody relies on scopei_barrier_all */

bool scopei_barrier_available(void)
{
    bool available = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    if (available)
        store_relaxed_u32(&barrier_wanted, 1); /* Relaxed: seen by who sees a pool that relies on it. */
    return available;
}

/* A hundred microseconds or more: what the other processors have stored by now can be seen long before it is over. */
#define SETTLING_PAUSES 5000

/* It may be refused though it was available: out of memory, or the program has given up system calls meanwhile. */
static void barrier_refused(void)
{
    if (!load_relaxed_u32(&barrier_wanted)) /* Relaxed: see above. */
        return;
    fence_seq_cst(); /* pairs with: scopei_cancel_inherit; what the caller has stored can be seen before the others' rest begins */
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0)
        for (int i = 0; i < SETTLING_PAUSES; i++)
            os_pause();
}

void scopei_barrier_all(void)
{
    int saved = errno;
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
        barrier_refused();
    errno = saved;
}

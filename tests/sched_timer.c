/* Timers: in order, disarmed in time, from many threads.  All of it under a lock, so tests/valgrind.sh runs this under helgrind and
 * drd, which know nothing but locks. */
#include "sched/os.h"
#include "sched/timer.h"
#include "tests/check.h"

#include <pthread.h>

#define COUNT 8
#define SOON_NS 2000000u
#define HOUR_NS 3600000000000u

struct item {
    struct timer timer; /* first, as fire gets its address */
    int fired;          /* L, below */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct item item[COUNT];
    struct item *order[COUNT]; /* L, as they fired */
    int fired;                 /* L */
} group = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void note(struct timer *timer)
{
    struct item *item = (struct item *)(void *)timer;
    pthread_mutex_lock(&group.lock);
    item->fired++;
    if (group.fired < COUNT)
        group.order[group.fired] = item;
    group.fired++;
    pthread_cond_signal(&group.changed);
    pthread_mutex_unlock(&group.lock);
}

static void group_clear(void)
{
    pthread_mutex_lock(&group.lock);
    memset(group.item, 0, sizeof(group.item));
    memset(group.order, 0, sizeof(group.order));
    group.fired = 0;
    pthread_mutex_unlock(&group.lock);
}

static void group_wait(int fired)
{
    pthread_mutex_lock(&group.lock);
    while (group.fired < fired)
        pthread_cond_wait(&group.changed, &group.lock);
    pthread_mutex_unlock(&group.lock);
}

static int fired_of(const struct item *item)
{
    pthread_mutex_lock(&group.lock);
    int fired = item->fired;
    pthread_mutex_unlock(&group.lock);
    return fired;
}

/* Arms all, the later ones first and each time twice.  False, and none is armed: the first was due before the last was armed. */
static bool pairs_arm(uint64_t delay_ns)
{
    uint64_t begin = scopei_now_ns() + delay_ns;
    for (int i = 0; i < COUNT; i++)
        CHECK(scopei_timer_arm(&group.item[i].timer, begin + (uint64_t)(COUNT - i / 2) * SOON_NS, note));
    if (scopei_now_ns() < begin)
        return true;
    for (int i = 0; i < COUNT; i++)
        scopei_timer_disarm(&group.item[i].timer);
    return false;
}

static void many_armed_fire_in_order(void)
{
    uint64_t delay_ns = SOON_NS;
    do {
        group_clear();
        delay_ns *= 2;
    } while (!pairs_arm(delay_ns));
    group_wait(COUNT);
    for (int i = 0; i < COUNT; i++)
        CHECK(group.order[i] == &group.item[COUNT - 2 - i / 2 * 2 + i % 2]);
}

static void disarmed_fires_never(void)
{
    group_clear();
    uint64_t now = scopei_now_ns();
    for (int i = 0; i < COUNT; i++)
        CHECK(scopei_timer_arm(&group.item[i].timer, now + HOUR_NS, note));
    static const int disarmed[COUNT] = {3, 0, 7, 1, 2, 6, 5, 4}; /* in the middle, first, last */
    for (int i = 0; i < COUNT; i++)
        scopei_timer_disarm(&group.item[disarmed[i]].timer);
    scopei_timer_disarm(&group.item[0].timer); /* which is no harm */
    CHECK(scopei_timer_arm(&group.item[0].timer, scopei_now_ns(), note));
    group_wait(1);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ_INT(fired_of(&group.item[i]), i == 0);
}

/* An earlier one comes while the thread waits for a later one. */
static void earlier_one_is_not_late(void)
{
    group_clear();
    CHECK(scopei_timer_arm(&group.item[0].timer, scopei_now_ns() + HOUR_NS, note));
    CHECK(scopei_timer_arm(&group.item[1].timer, scopei_now_ns() + SOON_NS, note));
    group_wait(1);
    scopei_timer_disarm(&group.item[0].timer);
    CHECK_EQ_INT(fired_of(&group.item[0]), 0);
    CHECK_EQ_INT(fired_of(&group.item[1]), 1);
}

/* Two words without a lock: disarm is what orders them. */
static struct {
    struct timer timer;
    bool ended;
} slow;

static void fire_slowly(struct timer *timer)
{
    note(&group.item[0].timer);
    uint64_t until = scopei_now_ns() + SOON_NS;
    while (scopei_now_ns() < until)
        continue;
    slow.ended = timer == &slow.timer;
}

static void disarm_waits_for_a_fire(void)
{
    group_clear();
    slow.ended = false;
    CHECK(scopei_timer_arm(&slow.timer, scopei_now_ns(), fire_slowly));
    group_wait(1); /* it is inside */
    scopei_timer_disarm(&slow.timer);
    CHECK(slow.ended);
}

static void *arm_and_disarm(void *arg)
{
    struct item *item = arg;
    for (uint64_t i = 0; i < 50; i++) {
        int before = fired_of(item);
        if (!CHECK(scopei_timer_arm(&item->timer, scopei_now_ns() + i % 3 * SOON_NS / 20, note)))
            return NULL;
        for (uint64_t k = 0; k < i % 7 * 100; k++)
            os_pause();
        scopei_timer_disarm(&item->timer);
        int after = fired_of(item);
        CHECK(after == before || after == before + 1);
    }
    return NULL;
}

static void many_threads_arm_and_disarm(void)
{
    pthread_t thread[COUNT / 2];
    group_clear();
    for (int i = 0; i < COUNT / 2; i++)
        CHECK(pthread_create(&thread[i], NULL, arm_and_disarm, &group.item[i]) == 0);
    for (int i = 0; i < COUNT / 2; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
}

int main(void)
{
    check_run("many_armed_fire_in_order", many_armed_fire_in_order);
    check_run("disarmed_fires_never", disarmed_fires_never);
    check_run("earlier_one_is_not_late", earlier_one_is_not_late);
    check_run("disarm_waits_for_a_fire", disarm_waits_for_a_fire);
    check_run("many_threads_arm_and_disarm", many_threads_arm_and_disarm);
    return check_done();
}

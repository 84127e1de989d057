/* The deque with real thieves: every task is won exactly once and arrives whole.  Small capacities, so that positions are
 * used again and again and drift changes often; indices near the wrap-around.  What peers got wrong here:
 *   CDSChecker on Le et al.: the array published after bottom;  crossbeam CVE-2021-32810 (PR #726): a task twice, another
 *   lost;  parlaylib 5af0694, coreclr #17508: relaxed loads in the thief;  a slot read after the swap;  libfork: a counter
 *   of 16 bits, so more than 65,536 thefts. */
#include "deque/deque.h"
#include "tests/check.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define THIEVES_MAX 4
#define CAPACITY_MAX 8

static struct slot slots[CAPACITY_MAX];
static struct deque d;
static struct plain {
    uint64_t value; /* not atomic: written before the task is published, so its winner must see it */
} * plain;
static atomic_uchar *won; /* by task: how often */
static atomic_bool closing;
static atomic_ullong stolen;
static uint64_t tasks;

static uint64_t xorshift(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t scramble(uint64_t id, uint64_t word)
{
    return (id + word) * 0x9e3779b97f4a7c15u;
}

static void win(const uint64_t *word)
{
    uint64_t id = word[0];
    if (!CHECK(id < tasks))
        return;
    bool whole = true;
    for (uint64_t i = 1; i < SLOT_WORDS; i++)
        whole &= word[i] == scramble(id, i);
    CHECK(whole);
    CHECK(plain[id].value == scramble(id, 0));
    plain[id].value = 0; /* a race with another winner, for ThreadSanitizer */
    CHECK(atomic_fetch_add(&won[id], 1) == 0);
}

static void win_slot(const struct slot *slot)
{
    uint64_t word[SLOT_WORDS];
    for (size_t i = 0; i < SLOT_WORDS; i++)
        word[i] = load_relaxed(&slot->word[i]); /* Relaxed: the owner's own writes. */
    win(word);
}

static void fill(struct slot *slot, uint64_t id)
{
    plain[id].value = scramble(id, 0);
    store_relaxed(&slot->word[0], id); /* Relaxed: published by the release of pub. */
    for (uint64_t i = 1; i < SLOT_WORDS; i++)
        store_relaxed(&slot->word[i], scramble(id, i));
}

static void *thief(void *arg)
{
    uint64_t random = (uint64_t)(uintptr_t)arg * 0x9e3779b97f4a7c15u;
    uint64_t last = 0;
    bool any = false;
    while (!atomic_load(&closing) || scopei_deque_stealable(&d)) {
        struct theft theft;
        enum theft_result result = scopei_deque_peek(&d, &theft);
        if (result == THEFT_EMPTY) {
            if (xorshift(&random) % 8 == 0)
                scopei_deque_request(&d);
            if (xorshift(&random) % 64 == 0)
                sched_yield();
            continue;
        }
        if (result == THEFT_LOST)
            continue;
        if (xorshift(&random) % 256 == 0)
            sched_yield(); /* time for the owner to reuse the position */
        if (!scopei_deque_commit(&d, &theft))
            continue;
        CHECK(!any || (int64_t)(theft.index - last) > 0); /* indices never come again */
        any = true;
        last = theft.index;
        atomic_fetch_add(&stolen, 1);
        win(theft.word);
    }
    return NULL;
}

/* A thief that comes for the rest at once: the owner's last store may still be on its way (the fence in take). */
static void *quick_thief(void *arg)
{
    (void)arg;
    while (!atomic_load_explicit(&closing, memory_order_relaxed) || scopei_deque_stealable(&d)) {
        struct theft theft[2];
        int count = 0;
        while (count < 2 && scopei_deque_peek(&d, &theft[count]) == THEFT_WON && scopei_deque_commit(&d, &theft[count]))
            count++;
        while (count > 0)
            win(theft[--count].word);
    }
    return NULL;
}

/* The newest task that is left; false: none. */
static bool owner_pop(void)
{
    struct slot *slot = deque_pop(&d);
    if (!slot && (deque_private(&d) || scopei_deque_withdraw(&d)))
        slot = deque_pop_anyway(&d);
    if (!slot)
        slot = scopei_deque_take(&d);
    if (slot)
        win_slot(slot);
    return slot != NULL;
}

static void owner_push(uint64_t id, uint64_t capacity, uint64_t *random)
{
    struct slot *slot = deque_push(&d);
    while (!slot) {
        if (deque_requested(&d))
            scopei_deque_clear(&d, 1 + xorshift(random) % 4);
        if ((uint64_t)(d.bottom - d.slots) < capacity)
            slot = deque_push_anyway(&d);
        else if (!scopei_deque_reset(&d, slots))
            (void)owner_pop();
    }
    fill(slot, id);
}

static void owner(uint64_t capacity, uint64_t *random)
{
    uint64_t next = 0;
    while (next < tasks) {
        uint64_t choice = xorshift(random) % 16;
        uint64_t private = deque_private(&d);
        if (choice < 6)
            owner_push(next++, capacity, random);
        else if (choice < 8)
            (void)owner_pop();
        else if (choice < 11 && !private)
            (void)scopei_deque_reset(&d, d.slots + xorshift(random) % (uint64_t)(d.bottom - d.slots + 1));
        else if (choice < 15 && private)
            scopei_deque_publish(&d, 1 + xorshift(random) % private);
        else if (xorshift(random) % 64 == 0)
            sched_yield();
    }
    while (owner_pop())
        ;
    CHECK(!scopei_deque_stealable(&d));
}

static bool memory_for(uint64_t count)
{
    tasks = count;
    plain = calloc(count, sizeof(*plain));
    won = calloc(count, sizeof(*won));
    atomic_store(&closing, false);
    atomic_store(&stolen, 0);
    return CHECK(plain && won);
}

static void each_once(void)
{
    for (uint64_t id = 0; id < tasks; id++) {
        unsigned times = atomic_load(&won[id]);
        check_tasks(times, times == 0, times > 1 ? times - 1 : 0);
        CHECK_EQ_INT(times, 1);
    }
    free(plain);
    free(won);
}

static void with_thieves(unsigned thieves, void *(*thief_main)(void *),
                         void (*work)(uint64_t capacity, uint64_t *random), uint64_t capacity, uint64_t first)
{
    uint64_t random = capacity * 31 + first + thieves * 7 + 1;
    pthread_t thread[THIEVES_MAX];
    unsigned running = 0;
    scopei_deque_init(&d, slots, capacity, first);
    while (running < thieves) {
        void *number = (void *)(uintptr_t)(running + 1);
        if (!CHECK(pthread_create(&thread[running], NULL, thief_main, number) == 0))
            break;
        running++;
    }
    work(capacity, &random);
    atomic_store(&closing, true);
    for (unsigned i = 0; i < running; i++)
        (void)pthread_join(thread[i], NULL);
}

static void random_owner_each_task_once(void)
{
    static const uint64_t capacities[] = {1, 2, 3, 8};
    static const uint64_t firsts[] = {0, INT64_MAX - 100, UINT64_MAX - 2};
    for (unsigned i = 0; i < 36; i++) {
        unsigned thieves = i % 3 == 2 ? THIEVES_MAX : i % 3 + 1;
        uint64_t capacity = capacities[i / 3 % 4];
        uint64_t first = firsts[i / 12];
        if (!memory_for(check_rounds(200000)))
            return;
        with_thieves(thieves, thief, owner, capacity, first);
        each_once();
        if (atomic_load(&check_bad)) {
            printf("# capacity %" PRIu64 ", first %" PRIu64 ", thieves %u\n", capacity, first, thieves);
            return;
        }
    }
}

/* One task at a time, published and fought for at once: the swing for the last task, and drift changed each time. */
static void owner_duel(uint64_t capacity, uint64_t *random)
{
    for (uint64_t id = 0; id < tasks; id++) {
        owner_push(id, capacity, random);
        scopei_deque_publish(&d, 1);
        for (uint64_t i = xorshift(random) % 32; i > 0; i--)
            fence_compiler();
        (void)owner_pop();
        CHECK(scopei_deque_reset(&d, d.slots + xorshift(random) % (uint64_t)(d.bottom - d.slots + 1)));
    }
}

static void last_task_is_won_by_one(void)
{
    for (uint64_t capacity = 1; capacity <= 3; capacity++) {
        if (!memory_for(check_rounds(800000)))
            return;
        with_thieves(2, thief, owner_duel, capacity, UINT64_MAX - 2);
        each_once();
    }
}

/* The newest two are published: the owner takes without a swing while a thief comes from the other end. */
static void owner_pairs(uint64_t capacity, uint64_t *random)
{
    for (uint64_t id = 0; id + 1 < tasks; id += 2) {
        owner_push(id, capacity, random);
        owner_push(id + 1, capacity, random);
        scopei_deque_publish(&d, deque_private(&d));
        while (owner_pop())
            ;
        CHECK(scopei_deque_reset(&d, slots));
    }
}

static void owner_and_thief_meet_in_the_middle(void)
{
    if (!memory_for(check_rounds(800000)))
        return;
    with_thieves(2, thief, owner_pairs, 2, INT64_MAX - 1000);
    each_once();
    if (!memory_for(check_rounds(4000000)))
        return;
    with_thieves(1, quick_thief, owner_pairs, 2, 0);
    each_once();
}

/* The owner gives everything away, more often than 2^16 (libfork). */
static void owner_gives(uint64_t capacity, uint64_t *random)
{
    (void)random;
    uint64_t id = 0;
    while (id < tasks) {
        struct slot *slot = (uint64_t)(d.bottom - d.slots) < capacity ? deque_push_anyway(&d) : NULL;
        if (slot) {
            fill(slot, id++);
            scopei_deque_publish(&d, 1);
        } else if (!scopei_deque_reset(&d, slots)) {
            sched_yield();
        }
    }
    while (!scopei_deque_reset(&d, slots))
        sched_yield();
}

static void more_thefts_than_two_to_the_16(void)
{
    if (!memory_for(200000))
        return;
    with_thieves(3, thief, owner_gives, 8, UINT64_MAX - 100000);
    CHECK_EQ_INT(atomic_load(&stolen), tasks);
    each_once();
}

int main(void)
{
    check_run("random_owner_each_task_once", random_owner_each_task_once);
    check_run("last_task_is_won_by_one", last_task_is_won_by_one);
    check_run("owner_and_thief_meet_in_the_middle", owner_and_thief_meet_in_the_middle);
    check_run("more_thefts_than_two_to_the_16", more_thefts_than_two_to_the_16);
    return check_done();
}

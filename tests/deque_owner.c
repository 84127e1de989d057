/* The deque in one thread: orders, limits, requests, reset and drift; then random operations against a plain list.  The
 * thief's calls are made by the same thread, so everything that they give is exact. */
#include "deque/deque.h"
#include "tests/check.h"

#include <inttypes.h>

#define CAPACITY_MAX 64

static struct slot slots[CAPACITY_MAX];
static struct deque d;

/* Where indices may begin: the counters pass their greatest and their smallest value soon (rayon #797). */
static const uint64_t firsts[] = {0, 1, INT64_MAX - 1, INT64_MAX, UINT64_MAX - 2, UINT64_MAX};

static uint64_t xorshift(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fill(struct slot *slot, uint64_t value)
{
    for (uint64_t i = 0; i < SLOT_WORDS; i++)
        store_relaxed(&slot->word[i], value + i); /* Relaxed: one thread. */
}

static uint64_t value_of(const struct slot *slot)
{
    uint64_t value = load_relaxed(&slot->word[0]); /* Relaxed: one thread. */
    for (uint64_t i = 0; i < SLOT_WORDS; i++)
        CHECK(load_relaxed(&slot->word[i]) == value + i);
    return value;
}

static bool push(uint64_t value)
{
    struct slot *slot = deque_push(&d);
    if (slot)
        fill(slot, value);
    return slot != NULL;
}

/* -1: NULL. */
static long long pop(void)
{
    const struct slot *slot = deque_pop(&d);
    return slot ? (long long)value_of(slot) : -1;
}

static long long take(void)
{
    const struct slot *slot = scopei_deque_take(&d);
    return slot ? (long long)value_of(slot) : -1;
}

static long long steal(void)
{
    struct theft theft;
    enum theft_result result = scopei_deque_peek(&d, &theft);
    CHECK((result == THEFT_WON) == (scopei_deque_stealable(&d) > 0));
    if (!CHECK(result != THEFT_LOST) || result == THEFT_EMPTY)
        return -1;
    CHECK(scopei_deque_commit(&d, &theft));
    for (uint64_t i = 0; i < SLOT_WORDS; i++)
        CHECK(theft.word[i] == theft.word[0] + i);
    return (long long)theft.word[0];
}

static void start(uint64_t capacity, uint64_t first)
{
    scopei_deque_init(&d, slots, capacity, first);
}

static void empty_everything_says_none(void)
{
    for (size_t i = 0; i < sizeof(firsts) / sizeof(*firsts); i++) {
        start(4, firsts[i]);
        /* An empty pop that lowers the index below the top would find 2^64 tasks (crossbeam #33). */
        for (int again = 0; again < 3; again++) {
            CHECK_EQ_INT(pop(), -1);
            CHECK_EQ_INT(take(), -1);
            CHECK_EQ_INT(steal(), -1);
        }
        CHECK(push(7));
        CHECK_EQ_INT(pop(), 7);
        CHECK_EQ_INT(pop(), -1);
        CHECK_EQ_INT(take(), -1);
        CHECK_EQ_INT(steal(), -1);
    }
}

static void private_part_is_last_in_first_out_and_hidden(void)
{
    start(4, 0);
    for (uint64_t v = 0; v < 4; v++)
        CHECK(push(v));
    CHECK_EQ_INT(deque_private(&d), 4);
    CHECK_EQ_INT(steal(), -1);
    CHECK_EQ_INT(take(), -1);
    for (long long v = 3; v >= 0; v--)
        CHECK_EQ_INT(pop(), v);
    CHECK_EQ_INT(pop(), -1);
}

static void published_part_goes_oldest_first_to_thieves_newest_first_to_owner(void)
{
    for (size_t i = 0; i < sizeof(firsts) / sizeof(*firsts); i++) {
        start(8, firsts[i]);
        for (uint64_t v = 0; v < 6; v++)
            CHECK(push(v));
        scopei_deque_publish(&d, 4);
        CHECK_EQ_INT(deque_private(&d), 2);
        CHECK_EQ_INT(steal(), 0);
        CHECK_EQ_INT(pop(), 5);
        CHECK_EQ_INT(pop(), 4);
        CHECK_EQ_INT(pop(), -1); /* a plain pop stops above what is published */
        CHECK_EQ_INT(take(), 3);
        CHECK_EQ_INT(steal(), 1);
        CHECK_EQ_INT(take(), 2);
        CHECK_EQ_INT(take(), -1);
        CHECK_EQ_INT(steal(), -1);
    }
}

static void full_push_fails_until_there_is_room(void)
{
    start(3, 0);
    for (uint64_t v = 0; v < 3; v++)
        CHECK(push(v));
    CHECK(!push(3));
    CHECK(!push(3));
    CHECK_EQ_INT(pop(), 2);
    CHECK(push(4));
    CHECK(!push(5));
    scopei_deque_publish(&d, 3);
    CHECK_EQ_INT(steal(), 0);
    CHECK(!push(5)); /* a stolen task's position is not free before a reset */
    CHECK(!scopei_deque_reset(&d, slots));
    CHECK_EQ_INT(steal(), 1);
    CHECK_EQ_INT(steal(), 4);
    CHECK(scopei_deque_reset(&d, slots));
    for (uint64_t v = 0; v < 3; v++)
        CHECK(push(v));
    CHECK(!push(3));
}

static void capacity_one_is_enough(void)
{
    for (size_t i = 0; i < sizeof(firsts) / sizeof(*firsts); i++) {
        start(1, firsts[i]);
        for (uint64_t v = 0; v < 5; v++) {
            CHECK(push(3 * v));
            CHECK(!push(99));
            CHECK_EQ_INT(pop(), (long long)(3 * v));
            CHECK(push(3 * v + 1));
            scopei_deque_publish(&d, 1);
            CHECK_EQ_INT(take(), (long long)(3 * v + 1));
            CHECK(push(3 * v + 2));
            scopei_deque_publish(&d, 1);
            CHECK_EQ_INT(steal(), (long long)(3 * v + 2));
            CHECK(!push(99));
            CHECK_EQ_INT(take(), -1);
            CHECK(scopei_deque_reset(&d, slots));
        }
    }
}

static void request_fails_push_and_pop_until_cleared(void)
{
    start(8, 0);
    CHECK(!deque_requested(&d));
    scopei_deque_request(&d); /* while bottom is 0: the poison of limit is 0, too */
    CHECK(deque_requested(&d));
    for (int again = 0; again < 3; again++) {
        CHECK(!push(1));
        CHECK_EQ_INT(pop(), -1);
    }
    fill(deque_push_anyway(&d), 1);
    fill(deque_push_anyway(&d), 2);
    CHECK(deque_requested(&d));
    CHECK_EQ_INT(pop(), -1);
    CHECK_EQ_INT(value_of(deque_pop_anyway(&d)), 2);
    scopei_deque_publish(&d, 1); /* publishing is no answer by itself: the poison stays */
    CHECK(deque_requested(&d));
    CHECK(!push(3));
    CHECK_EQ_INT(take(), 1); /* nor is taking back */
    CHECK(deque_requested(&d));
    CHECK(scopei_deque_reset(&d, slots));
    CHECK(deque_requested(&d));
    CHECK_EQ_INT(pop(), -1);
    scopei_deque_clear(&d, 8);
    CHECK(!deque_requested(&d));
    CHECK(push(4));
    CHECK_EQ_INT(pop(), 4);
    CHECK_EQ_INT(pop(), -1);
    scopei_deque_request(&d);
    scopei_deque_request(&d);
    scopei_deque_clear(&d, 8);
    CHECK(!deque_requested(&d)); /* not counted */
}

static void clear_opens_a_window_of_pushes(void)
{
    start(8, 0);
    CHECK(push(0));
    scopei_deque_clear(&d, 3);
    for (uint64_t v = 1; v <= 3; v++)
        CHECK(push(v));
    CHECK(!push(4));
    CHECK(!deque_requested(&d)); /* a closed window is no request */
    CHECK_EQ_INT(pop(), 3);      /* and no obstacle to pops */
    CHECK(push(5));
    CHECK(!push(6));
    scopei_deque_clear(&d, 100); /* more than there is room for */
    for (uint64_t v = 6; v < 10; v++)
        CHECK(push(v));
    CHECK_EQ_INT(d.bottom - d.slots, 8);
    CHECK(!push(10));
}

static void clear_keeps_pops_above_the_published(void)
{
    start(8, 5);
    for (uint64_t v = 0; v < 3; v++)
        CHECK(push(v));
    scopei_deque_request(&d);
    scopei_deque_publish(&d, 2); /* floor is poisoned: it can only be moved by clear */
    scopei_deque_clear(&d, 8);
    CHECK_EQ_INT(pop(), 2);
    CHECK_EQ_INT(pop(), -1);
    CHECK_EQ_INT(take(), 1);
    CHECK_EQ_INT(pop(), -1);
    scopei_deque_request(&d);
    CHECK_EQ_INT(take(), 0); /* floor is poisoned: likewise */
    scopei_deque_clear(&d, 8);
    CHECK(push(7));
    CHECK_EQ_INT(pop(), 7);
    CHECK_EQ_INT(pop(), -1);
}

static void reset_needs_an_empty_deque(void)
{
    start(8, 0);
    CHECK(scopei_deque_reset(&d, slots));
    CHECK(push(1));
    CHECK(!scopei_deque_reset(&d, slots)); /* private */
    scopei_deque_publish(&d, 1);
    CHECK(!scopei_deque_reset(&d, slots)); /* published */
    CHECK_EQ_INT(steal(), 1);
    CHECK(push(2));
    CHECK(!scopei_deque_reset(&d, slots)); /* private above what was stolen */
    CHECK_EQ_INT(d.bottom - d.slots, 2);
    CHECK_EQ_INT(pop(), 2);
    CHECK(scopei_deque_reset(&d, slots + 1)); /* to a mark that is not the beginning */
    CHECK_EQ_INT(d.bottom - d.slots, 1);
    CHECK(push(3));
    scopei_deque_publish(&d, 1);
    CHECK_EQ_INT(steal(), 3);
}

/* Indices never come twice, though positions do (ABA). */
static void stale_thief_loses_whatever_the_owner_did(void)
{
    for (size_t i = 0; i < sizeof(firsts) / sizeof(*firsts); i++) {
        struct theft theft;
        start(2, firsts[i]);
        CHECK(push(1));
        scopei_deque_publish(&d, 1);
        CHECK_EQ_INT(scopei_deque_peek(&d, &theft), THEFT_WON);
        CHECK_EQ_INT(take(), 1); /* the last published one */
        CHECK(!scopei_deque_commit(&d, &theft));
        CHECK(push(2)); /* into the same position */
        scopei_deque_publish(&d, 1);
        CHECK(!scopei_deque_commit(&d, &theft));
        CHECK_EQ_INT(steal(), 2);
        CHECK(scopei_deque_reset(&d, slots));
        CHECK(push(3));
        scopei_deque_publish(&d, 1);
        CHECK(!scopei_deque_commit(&d, &theft));
        CHECK_EQ_INT(scopei_deque_peek(&d, &theft), THEFT_WON);
        CHECK_EQ_INT(theft.word[0], 3);
        CHECK_EQ_INT(steal(), 3);
        CHECK(!scopei_deque_commit(&d, &theft)); /* another thief was faster */
    }
}

/* A thief that peeked while more than one was left keeps its right to the oldest. */
static void take_of_a_newer_task_does_not_disturb_a_thief(void)
{
    struct theft theft;
    start(4, UINT64_MAX - 1);
    for (uint64_t v = 0; v < 3; v++)
        CHECK(push(v));
    scopei_deque_publish(&d, 3);
    CHECK_EQ_INT(scopei_deque_peek(&d, &theft), THEFT_WON);
    CHECK_EQ_INT(take(), 2);
    CHECK_EQ_INT(take(), 1);
    CHECK(scopei_deque_commit(&d, &theft));
    CHECK_EQ_INT(theft.word[0], 0);
    CHECK_EQ_INT(take(), -1);
}

/* A thief that has looked at the oldest task wins it although the owner has withdrawn what is newer; one that comes when
 * everything but the oldest is withdrawn finds no more than that. */
static void withdraw_leaves_the_older_half(void)
{
    for (size_t i = 0; i < sizeof(firsts) / sizeof(*firsts); i++) {
        struct theft theft;
        start(8, firsts[i]);
        CHECK(!scopei_deque_withdraw(&d));
        for (uint64_t v = 0; v < 8; v++)
            CHECK(push(v));
        scopei_deque_publish(&d, 7);
        CHECK(scopei_deque_peek(&d, &theft) == THEFT_WON);
        CHECK(scopei_deque_withdraw(&d)); /* 4, 5, 6 */
        CHECK_EQ_INT(deque_private(&d), 4);
        CHECK(scopei_deque_commit(&d, &theft));
        CHECK_EQ_INT(theft.word[0], 0);
        for (long long v = 7; v > 3; v--)
            CHECK_EQ_INT(pop(), v);
        CHECK_EQ_INT(pop(), -1);
        CHECK_EQ_INT(steal(), 1);
        CHECK(scopei_deque_withdraw(&d)); /* 3 */
        CHECK_EQ_INT(steal(), 2);
        CHECK_EQ_INT(steal(), -1);
        CHECK(!scopei_deque_withdraw(&d));
        CHECK_EQ_INT(pop(), 3);
    }
}

/* ------------------------------------------------------------------------------------------------ Against a plain list */

static struct {
    uint64_t value[CAPACITY_MAX]; /* what is left, oldest first */
    uint64_t count;
    uint64_t published; /* of them, the oldest */
    uint64_t bottom;    /* position of the next push */
    uint64_t limit;
    bool requested;
} model;

static void model_steal(void)
{
    long long expected = model.published ? (long long)model.value[0] : -1;
    CHECK_EQ_INT(steal(), expected);
    if (expected < 0)
        return;
    model.count--;
    model.published--;
    memmove(model.value, model.value + 1, model.count * sizeof(*model.value));
}

static void model_push(uint64_t value, uint64_t capacity)
{
    bool expected = !model.requested && model.bottom < model.limit;
    if (!CHECK(push(value) == expected))
        return;
    if (!expected && model.bottom < capacity) {
        fill(deque_push_anyway(&d), value);
        expected = true;
    }
    if (expected) {
        model.value[model.count++] = value;
        model.bottom++;
    }
}

static void model_pop(void)
{
    bool any = model.count > model.published;
    long long expected = !model.requested && any ? (long long)model.value[model.count - 1] : -1;
    CHECK_EQ_INT(pop(), expected);
    if (any && expected < 0)
        CHECK_EQ_INT(value_of(deque_pop_anyway(&d)), model.value[model.count - 1]);
    if (any) {
        model.count--;
        model.bottom--;
    }
}

static void model_take(void)
{
    if (model.count > model.published)
        return;
    long long expected = model.published ? (long long)model.value[model.count - 1] : -1;
    CHECK_EQ_INT(take(), expected);
    if (expected < 0)
        return;
    model.count--;
    model.published--;
    model.bottom--;
}

static void model_withdraw(void)
{
    CHECK(scopei_deque_withdraw(&d) == (model.published >= 2));
    if (model.published >= 2)
        model.published -= model.published / 2;
}

static void model_step(uint64_t *random, uint64_t value, uint64_t capacity)
{
    uint64_t choice = xorshift(random) % 34;
    uint64_t private = model.count - model.published;
    uint64_t amount = xorshift(random);
    if (choice < 12) {
        model_push(value, capacity);
    } else if (choice < 16) {
        model_pop();
    } else if (choice < 19) {
        model_take();
    } else if (choice < 23) {
        model_steal();
    } else if (choice < 26) {
        amount = private ? 1 + amount % private : 0;
        scopei_deque_publish(&d, amount);
        model.published += amount;
    } else if (choice < 29) {
        uint64_t mark = amount % (model.bottom + 1);
        CHECK(scopei_deque_reset(&d, slots + mark) == (model.count == 0));
        if (model.count == 0)
            model.bottom = mark;
    } else if (choice < 31) {
        model_withdraw();
    } else if (choice < 32) {
        scopei_deque_request(&d);
        model.requested = true;
    } else {
        amount = 1 + amount % 5;
        scopei_deque_clear(&d, amount);
        model.requested = false;
        model.limit = model.bottom + (amount < capacity - model.bottom ? amount : capacity - model.bottom);
    }
}

static void random_operations_agree_with_a_list(void)
{
    static const uint64_t capacities[] = {1, 2, 3, 8, CAPACITY_MAX};
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15u;
        uint64_t capacity = capacities[seed % 5];
        uint64_t first = firsts[seed % 6] - (seed % 7) * 3;
        start(capacity, first);
        memset(&model, 0, sizeof(model));
        model.limit = capacity;
        for (uint64_t step = 0; step < 300; step++) {
            model_step(&random, step, capacity);
            bool same = CHECK_EQ_INT(d.bottom - d.slots, model.bottom);
            same &= CHECK_EQ_INT(deque_private(&d), model.count - model.published);
            same &= CHECK(deque_requested(&d) == model.requested);
            same &= CHECK(scopei_deque_stealable(&d) == model.published);
            if (!same || atomic_load(&check_bad)) {
                printf("# seed %" PRIu64 ", step %" PRIu64 "\n", seed, step);
                return;
            }
        }
    }
}

int main(void)
{
    check_run("empty_everything_says_none", empty_everything_says_none);
    check_run("private_part_is_last_in_first_out_and_hidden", private_part_is_last_in_first_out_and_hidden);
    check_run("published_part_goes_oldest_first_to_thieves_newest_first_to_owner",
              published_part_goes_oldest_first_to_thieves_newest_first_to_owner);
    check_run("full_push_fails_until_there_is_room", full_push_fails_until_there_is_room);
    check_run("capacity_one_is_enough", capacity_one_is_enough);
    check_run("request_fails_push_and_pop_until_cleared", request_fails_push_and_pop_until_cleared);
    check_run("clear_opens_a_window_of_pushes", clear_opens_a_window_of_pushes);
    check_run("clear_keeps_pops_above_the_published", clear_keeps_pops_above_the_published);
    check_run("reset_needs_an_empty_deque", reset_needs_an_empty_deque);
    check_run("stale_thief_loses_whatever_the_owner_did", stale_thief_loses_whatever_the_owner_did);
    check_run("take_of_a_newer_task_does_not_disturb_a_thief", take_of_a_newer_task_does_not_disturb_a_thief);
    check_run("withdraw_leaves_the_older_half", withdraw_leaves_the_older_half);
    check_run("random_operations_agree_with_a_list", random_operations_agree_with_a_list);
    return check_done();
}

/* Loops: every item once, nested, in two and three dimensions; failures and cancellation at any place; misuse. */
#include "sched/pool.h"
#include "scope/guess.h"
#include "tests/scope_check.h"

#include <time.h>

#define N 3000
#define FAILED 41

static void burn(double microseconds)
{
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (1e6 * (double)(now.tv_sec - begin.tv_sec) + 1e-3 * (double)(now.tv_nsec - begin.tv_nsec) < microseconds);
}

/* What a loop has done: items, and chunks that ran at once with others. */
struct seen {
    atomic_uchar times[N];
    atomic_uint chunks;
    double cost; /* of an item, us */
    size_t bad;  /* item that fails or cancels; SIZE_MAX: none */
    bool cancels;
    atomic_bool done; /* it has */
    atomic_uint late; /* chunks that began afterwards */
    int code;         /* that the loop returned */
};

static struct seen seen;

static void seen_reset(double cost, size_t bad, bool cancels)
{
    memset(&seen, 0, sizeof(seen));
    seen.cost = cost;
    seen.bad = bad;
    seen.cancels = cancels;
}

static int item(struct scope *s, size_t i)
{
    CHECK_EQ_INT(atomic_fetch_add(&seen.times[i], 1), 0);
    if (seen.cost > 0)
        burn(seen.cost);
    if (i != seen.bad)
        return 0;
    int code = seen.cancels ? 0 : scope_fail(s, FAILED, "item %zu is bad", i);
    if (seen.cancels)
        (void)scope_cancel(s);
    atomic_store(&seen.done, true);
    return code;
}

static int chunk(struct scope *s, size_t begin, size_t end, void *arg)
{
    CHECK(arg == &seen && begin < end);
    atomic_fetch_add(&seen.chunks, 1);
    if (atomic_load(&seen.done))
        atomic_fetch_add(&seen.late, 1);
    for (size_t i = begin; i < end; i++) {
        int code = item(s, i);
        if (code)
            return code;
    }
    return 0;
}

static size_t seen_items(void)
{
    size_t items = 0;
    for (size_t i = 0; i < N; i++)
        items += seen.times[i];
    return items;
}

static int loop_body(struct scope *s, void *arg)
{
    size_t n = *(size_t *)arg;
    return seen.code = scope_for(s, 0, n, chunk, &seen);
}

/* ------------------------------------------------------------------------------------------------------------ Each once */

static void for_any_length_each_item_once(void)
{
    static const size_t lengths[] = {0, 1, 2, 3, 31, 32, 33, 34, 1000, 1057, 1058, N};
    for (size_t k = 0; k < sizeof(lengths) / sizeof(*lengths); k++)
        for (int cost = 0; cost < 2; cost++) {
            size_t n = lengths[k];
            seen_reset(cost, SIZE_MAX, false);
            CHECK_EQ_INT(scope_run(loop_body, &n), SCOPE_OK);
            for (size_t i = 0; i < n; i++)
                if (!CHECK_EQ_INT(seen.times[i], 1))
                    break;
            CHECK_EQ_INT(seen_items(), n);
        }
}

static void for_without_scope_opens_one(void)
{
    seen_reset(0, SIZE_MAX, false);
    CHECK_EQ_INT(scope_for(NULL, 0, N, chunk, &seen), SCOPE_OK);
    CHECK_EQ_INT(seen_items(), N);
    seen_reset(0, 17, false);
    CHECK_EQ_INT(scope_for(NULL, 0, N, chunk, &seen), SCOPE_ERROR);
}

static int in_order(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    size_t *next = arg;
    CHECK_EQ_INT(begin, *next);
    *next = end;
    return 0;
}

static void for_one_worker_keeps_the_order(void)
{
    struct scope_pool *pool = pool_of_one();
    struct scope_options options = options_of(pool);
    size_t next = 0;
    SCOPE(s, &options, NULL)
    CHECK_EQ_INT(scope_for(s, 0, 100000, in_order, &next), SCOPE_OK);
    CHECK_EQ_INT(next, 100000);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* Most of it takes no time at all, so what was learnt from an item that does is soon wrong. */
static int to_end(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    if (begin == 0 || (begin <= SIZE_MAX / 3 && SIZE_MAX / 3 < end) || (begin <= SIZE_MAX / 2 && SIZE_MAX / 2 < end))
        burn(1000);
    atomic_fetch_add((atomic_ullong *)arg, end - begin);
    return 0;
}

static void for_longest_range_ends(void)
{
    atomic_ullong items = 0;
    CHECK_EQ_INT(scope_for(NULL, 0, SIZE_MAX, to_end, &items), SCOPE_OK);
    CHECK(items == SIZE_MAX);
    items = 0;
    CHECK_EQ_INT(scope_for(NULL, SIZE_MAX - 5, SIZE_MAX, to_end, &items), SCOPE_OK);
    CHECK_EQ_INT(items, 5);
}

/* A worker that is idle gets its part, if what is left is worth it: an item of the near half waits for the last one. */
#define MEETING 100 /* more than are offered before the first has run */

static atomic_uint arrived;

static int meet(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    (void)arg;
    for (size_t i = begin; i < end; i++) {
        burn(200); /* so that it is worth it to wake somebody */
        if (i == MEETING - 1)
            atomic_store(&arrived, 1);
        if (i == 5)
            spin_until(&arrived, 1);
    }
    return 0;
}

static void for_with_idle_workers_is_divided(void)
{
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    arrived = 0;
    SCOPE(s, &options, NULL)
    CHECK_EQ_INT(scope_for(s, 0, MEETING, meet, NULL), SCOPE_OK);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* The other worker's first item is the one in the middle, though the first ones were run before the loop was divided: loops over the same
 * array are cut at the same places. */
#define HALVES 1000

static atomic_size_t far_begin;

static int find_far_half(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    for (size_t i = begin; i < end; i++) {
        size_t none = SIZE_MAX;
        burn(20);
        if (!pthread_equal(pthread_self(), *(pthread_t *)arg))
            (void)atomic_compare_exchange_strong(&far_begin, &none, begin);
        while (i == HALVES / 10 && atomic_load(&far_begin) == SIZE_MAX)
            sched_yield();
    }
    return 0;
}

static void for_is_divided_in_the_middle(void)
{
    struct scope_pool_options two = {.size = sizeof(two), .workers = 2};
    struct scope_pool *pool = NULL;
    CHECK_EQ_INT(scope_pool_create(&pool, &two), SCOPE_OK);
    struct scope_options options = options_of(pool);
    for (int i = 0; i < 5; i++) {
        pthread_t owner = pthread_self();
        far_begin = SIZE_MAX;
        SCOPE(s, &options, NULL)
        CHECK_EQ_INT(scope_for(s, 0, HALVES, find_far_half, &owner), SCOPE_OK);
        CHECK_EQ_INT(far_begin, HALVES / 2);
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* Loops of which none alone is worth waking anybody, and which all are asleep for: after some of them it is, since there are more.
 * Without that, a loop that is interrupted looks worth it, too, but only after more than a hundred short ones, or a dozen of those
 * with few items. */
#define SHORT_TRIES 21

static _Thread_local bool loops_owner;
static atomic_bool helped;

static int short_items(struct scope *s, size_t begin, size_t end, void *arg)
{
    static uint64_t value[1000];
    (void)s, (void)arg;
    for (size_t i = begin; i < end; i++)
        for (int round = 0; round < 20; round++)
            value[i] = value[i] * 0x5851f42d4c957f2d + i;
    if (!loops_owner)
        atomic_store(&helped, true);
    return 0;
}

static int longer_items(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s, (void)arg;
    for (size_t i = begin; i < end; i++)
        burn(12);
    if (!loops_owner)
        atomic_store(&helped, true);
    return 0;
}

/* The first of few items costs nothing, so that all others are run in one go, and only the end of the loop tells what they cost. */
static int dearer_items(struct scope *s, size_t begin, size_t end, void *arg)
{
    return longer_items(s, begin > 0 ? begin : 1, end, arg);
}

/* How many loops it takes until somebody has been woken.  Goes on until he has come, as he is waited for longer each time. */
static int loops_alone(struct scope *s, const struct scope_pool *pool, size_t items, scope_for_fn *body)
{
    int alone = 0;
    burn(5000);
    uint64_t asleep = load_relaxed(&pool->idle.sleeping);
    atomic_store(&helped, false);
    for (int i = 1; i <= 6000 && !atomic_load(&helped); i++) {
        CHECK_EQ_INT(scope_for(s, 0, items, body, NULL), SCOPE_OK);
        if (!alone && (atomic_load(&helped) || load_relaxed(&pool->idle.sleeping) < asleep))
            alone = i;
    }
    return alone;
}

static void loops_wake_a_sleeper(size_t items, scope_for_fn *body, int loops)
{
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    int few = 0;
    loops_owner = true;
    SCOPE(s, &options, NULL)
    for (int i = 0; i < SHORT_TRIES; i++) {
        int alone = loops_alone(s, pool, items, body);
        few += alone > 0 && alone <= loops;
    }
    printf("# at most %d loops in %d of %d tries\n", loops, few, SHORT_TRIES);
    CHECK(few > SHORT_TRIES / 2);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static void for_many_short_loops_wake_a_sleeper(void)
{
    loops_wake_a_sleeper(1000, short_items, 60);
    loops_wake_a_sleeper(8, longer_items, 8);
    loops_wake_a_sleeper(8, dearer_items, 40);
}

/* The first item after a pause, and of new memory, takes a thousand times as long as the others, which is no reason to wake anybody. */
#define PAUSES 300
#define CHEAP_ITEMS 1100 /* not few for 32 workers */

static int cheap_items(struct scope *s, size_t begin, size_t end, void *arg)
{
    uint64_t *value = arg;
    (void)s;
    for (size_t i = begin; i < end; i++)
        value[i] += i;
    return 0;
}

static void for_cheap_loop_after_a_pause_wakes_nobody(void)
{
    static uint64_t value[PAUSES][CHEAP_ITEMS];
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    int woken = 0;
    SCOPE(s, &options, NULL)
    for (int i = 0; i < PAUSES; i++) {
        burn(1000);
        uint64_t asleep = load_relaxed(&pool->idle.sleeping);
        CHECK_EQ_INT(scope_for(s, 0, CHEAP_ITEMS, cheap_items, value[i]), SCOPE_OK);
        woken += load_relaxed(&pool->idle.sleeping) < asleep;
    }
    printf("# somebody woken %d times of %d\n", woken, PAUSES);
    CHECK(woken < PAUSES / 10);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* Loops of few cheap items, which are soon no longer offered to anybody, and run in two chunks, do not keep one of few long items that
 * comes after them from being looked at after each, if somebody asks.  Who does so is feigned. */
#define VAIN_LOOPS 200
#define FEW_ITEMS 10

static atomic_bool lumped;

static int long_items(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s, (void)arg;
    for (size_t i = begin; i < end; i++)
        burn(30);
    if (end - begin > 1)
        atomic_store(&lumped, true);
    return 0;
}

static void for_few_long_items_after_cheap_ones_are_looked_at(void)
{
    static uint64_t value[FEW_ITEMS];
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    int looked_at = 0;
    SCOPE(s, &options, NULL)
    {
        (void)add_relaxed(&pool->idle.searching, 1);
        for (int i = 0; i < SHORT_TRIES; i++) {
            for (int k = 0; k < VAIN_LOOPS; k++)
                CHECK_EQ_INT(scope_for(s, 0, FEW_ITEMS, cheap_items, value), SCOPE_OK);
            atomic_store(&lumped, false);
            scopei_deque_request(&worker_self()->deque);
            CHECK_EQ_INT(scope_for(s, 0, FEW_ITEMS, long_items, NULL), SCOPE_OK);
            looked_at += !atomic_load(&lumped);
        }
        (void)sub_relaxed(&pool->idle.searching, 1);
    }
    printf("# looked at %d of %d\n", looked_at, SHORT_TRIES);
    CHECK(looked_at > SHORT_TRIES / 2);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* After some loops of which half was given to somebody who asks, the next one is divided before its first item; after one that was
 * not worth it, no longer, unless that was of another body.  Who asks is feigned, so that he does so in time. */
#define LIKELY_ITEMS 64 /* a worker: not few */
#define LIKELY_AFTER 4

struct likely {
    double cost;        /* of an item, us */
    uint64_t published; /* before the loop began */
    bool shown;         /* half was published when the first item ran */
};

static int likely_items(struct scope *s, size_t begin, size_t end, void *arg)
{
    struct likely *likely = arg;
    (void)s;
    if (begin == 0)
        likely->shown = load_relaxed(&worker_self()->deque.pub) != likely->published;
    for (size_t i = begin; i < end && likely->cost > 0; i++)
        burn(likely->cost);
    return 0;
}

static int other_items(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s, (void)begin, (void)end, (void)arg;
    return 0;
}

/* A search, which ends with its first item if that costs nothing. */
static size_t likely_first(struct scope *s, size_t begin, size_t end, void *arg)
{
    const struct likely *likely = arg;
    (void)likely_items(s, begin, end, arg);
    return likely->cost > 0 ? end : begin;
}

static bool loop_is_shown(struct scope *s, double cost, bool search)
{
    bool any = false;
    struct worker *w = worker_self();
    struct likely likely = {cost, load_relaxed(&w->deque.pub), false};
    size_t items = (size_t)LIKELY_ITEMS * w->pool->workers;
    scopei_deque_request(&w->deque);
    CHECK_EQ_INT(search ? scope_any(s, 0, items, likely_first, &likely, &any)
                        : scope_for(s, 0, items, likely_items, &likely),
                 SCOPE_OK);
    CHECK(any == (search && cost <= 0));
    if (history_slot((uintptr_t)other_items) ==
        history_slot(search ? (uintptr_t)likely_first : (uintptr_t)likely_items))
        return likely.shown;
    scopei_deque_request(&w->deque);
    CHECK_EQ_INT(scope_for(s, 0, items, other_items, NULL), SCOPE_OK);
    return likely.shown;
}

/* How many loops of a round are not divided when they should be.  Cheap ones that are interrupted look worth it. */
static int likely_round(struct scope *s, bool search)
{
    int wrong = 0, in_vain = 0;
    for (int i = 0; i < 2 * LIKELY_AFTER; i++)
        wrong += loop_is_shown(s, 0.3, search) != (i >= LIKELY_AFTER);
    while (in_vain < 10 && loop_is_shown(s, 0, search))
        in_vain++;
    return wrong + (in_vain == 0 || in_vain == 10);
}

static void for_loops_like_the_last_ones_are_divided_at_once(void)
{
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    int right = 0;
    SCOPE(s, &options, NULL)
    {
        (void)add_relaxed(&pool->idle.searching, 1);
        for (int round = 0; round < SHORT_TRIES; round++)
            right += likely_round(s, round % 2) == 0;
        (void)sub_relaxed(&pool->idle.searching, 1);
    }
    printf("# as they should be in %d of %d rounds\n", right, SHORT_TRIES);
    CHECK(right >= SHORT_TRIES - 2);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* Half of a loop of few items is offered to who is awake before the first of them runs, unless that was in vain too often.  Who asks is
 * feigned. */
struct offer {
    uint64_t published; /* before the loop began */
    bool seen;          /* by the first item: more was published since */
};

static int see_offer(struct scope *s, size_t begin, size_t end, void *arg)
{
    struct offer *offer = arg;
    (void)s;
    (void)end;
    if (begin == 0)
        offer->seen = load_relaxed(&worker_self()->deque.pub) != offer->published;
    return 0;
}

static bool few_are_offered(struct scope *s, int64_t vain)
{
    struct worker *w = worker_self();
    struct offer offer = {load_relaxed(&w->deque.pub), false};
    w->guess_skip = 5;
    w->vain = vain;
    memset(w->history, 0, sizeof(w->history)); /* a slow machine may have made these loops long */
    scopei_deque_request(&w->deque);
    CHECK_EQ_INT(scope_for(s, 0, 8, see_offer, &offer), SCOPE_OK);
    return offer.seen;
}

static void for_few_items_are_offered_first(void)
{
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    int offered = 0, in_vain = 0;
    SCOPE(s, &options, NULL)
    {
        (void)add_relaxed(&pool->idle.searching, 8); /* more than are offered anything */
        for (int i = 0; i < 10; i++) {
            offered += few_are_offered(s, 0);
            in_vain += few_are_offered(s, 64);
        }
        (void)sub_relaxed(&pool->idle.searching, 8);
    }
    printf("# %d of 10, in vain %d\n", offered, in_vain);
    CHECK_EQ_INT(offered, 10);
    CHECK_EQ_INT(in_vain, 0);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* A loop whose first items cost nothing is not taken to be as cheap to its end while somebody asks: parts of it are published before the
 * rest is run.  After many of which that was not worth it few are, also
 * after a long loop of few items; then a long one makes the next ones suspect.  Who asks is feigned. */
#define HEDGE_ITEMS 64 /* a worker: not few */
#define HEDGE_LOOPS 400

struct hedge {
    double cost;        /* of an item of the second half, us */
    uint64_t published; /* before the loop began */
    bool hidden;        /* most of it was run in one chunk, and nothing published before */
};

static int hedge_items(struct scope *s, size_t begin, size_t end, void *arg)
{
    struct hedge *hedge = arg;
    const struct worker *w = worker_self();
    (void)s;
    size_t items = (size_t)HEDGE_ITEMS * w->pool->workers + 1;
    if (end - begin > items / 2 && load_relaxed(&w->deque.pub) == hedge->published)
        hedge->hidden = true;
    for (size_t i = begin; i < end && hedge->cost > 0; i++)
        if (i > items / 2)
            burn(hedge->cost);
    return 0;
}

static bool loop_is_hedged(struct scope *s, double cost)
{
    struct worker *w = worker_self();
    struct hedge hedge = {cost, load_relaxed(&w->deque.pub), false};
    scopei_deque_request(&w->deque);
    CHECK_EQ_INT(scope_for(s, 0, (size_t)HEDGE_ITEMS * w->pool->workers + 1, hedge_items, &hedge), SCOPE_OK);
    return !hedge.hidden;
}

static void for_cheap_beginning_hides_nothing(void)
{
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    int cheap = 0, beside = 0, tries = 0, row = 0;
    bool first = false;
    SCOPE(s, &options, NULL)
    {
        (void)add_relaxed(&pool->idle.searching, 1);
        first = loop_is_hedged(s, 1);
        for (int i = 0; i < HEDGE_LOOPS; i++)
            cheap += loop_is_hedged(s, 0);
        CHECK_EQ_INT(scope_for(s, 0, FEW_ITEMS, long_items, NULL), SCOPE_OK);
        for (int i = 0; i < HEDGE_LOOPS / 10; i++)
            beside += loop_is_hedged(s, 0);
        for (; tries < 4 * HEDGE_LOOPS && row < 10; tries++)
            row = loop_is_hedged(s, 1) ? row + 1 : 0;
        (void)sub_relaxed(&pool->idle.searching, 1);
    }
    printf("# hedged: the first %d, cheap ones %d of %d, %d of %d, 10 dear ones after %d more\n", first, cheap,
           HEDGE_LOOPS, beside, HEDGE_LOOPS / 10, tries);
    CHECK(first && cheap >= 10 && cheap < HEDGE_LOOPS && beside < HEDGE_LOOPS / 10 && row == 10);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* While one item takes long, all others are run by whoever is idle: it waits for them. */
static atomic_uint others;

static int wait_or_burn(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    (void)arg;
    for (size_t i = begin; i < end; i++) {
        if (i == MEETING / 2) {
            CHECK_EQ_INT(end - begin, 1);
            spin_until(&others, MEETING - 1);
        } else {
            burn(200); /* no chunk has two of them */
            atomic_fetch_add(&others, 1);
        }
    }
    return 0;
}

static void for_long_item_hides_no_others(void)
{
    for (unsigned workers = 2; workers <= 4; workers++) {
        struct scope_pool *pool = pool_at_least(workers);
        struct scope_options options = options_of(pool);
        others = 0;
        SCOPE(s, &options, NULL)
        CHECK_EQ_INT(scope_for(s, 0, MEETING, wait_or_burn, NULL), SCOPE_OK);
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    }
}

/* What lies behind the first item that a thief runs is not hidden by it, however long it takes; nor what lies behind any other, if items
 * take long.  At least not to who is awake: nobody is woken for so little. */
#define THIEF_ITEMS 1100 /* not few for 32 workers */
#define THIEF_WAITS_US 500000

struct waits {
    double cost;      /* of an item, us */
    int call;         /* of a thief's calls this one waits until all other items have been run */
    atomic_int calls; /* of thieves */
    atomic_size_t left;
    atomic_bool awake; /* somebody else was then */
    atomic_bool all;   /* had been run in time */
};

static bool somebody_else_is_awake(void)
{
    const struct scope_pool *pool = worker_self()->pool;
    return load_relaxed(&pool->idle.sleeping) + load_relaxed(&pool->idle.waiting) + 1 < pool->workers;
}

static int wait_in_one(struct scope *s, size_t begin, size_t end, void *arg)
{
    struct waits *waits = arg;
    bool waiting = !loops_owner && atomic_fetch_add(&waits->calls, 1) == waits->call;
    (void)s;
    if (waiting)
        atomic_store(&waits->awake, somebody_else_is_awake());
    waiting = waiting && atomic_load(&waits->awake);
    for (size_t i = begin; i < end; i++)
        burn(waits->cost);
    atomic_fetch_sub(&waits->left, end - begin);
    for (int i = 0; waiting && i < THIEF_WAITS_US / 10 && atomic_load(&waits->left) > 0; i++)
        burn(10);
    if (waiting)
        atomic_store(&waits->all, atomic_load(&waits->left) == 0);
    return 0;
}

static void thief_hides_nothing(size_t items, double cost, int call)
{
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    int stolen = 0, hidden = 0;
    loops_owner = true;
    SCOPE(s, &options, NULL)
    for (int i = 0; i < SHORT_TRIES; i++) {
        struct waits waits = {.cost = cost, .call = call, .left = items};
        CHECK_EQ_INT(scope_for(s, 0, items, wait_in_one, &waits), SCOPE_OK);
        stolen += atomic_load(&waits.awake);
        hidden += atomic_load(&waits.awake) && !atomic_load(&waits.all);
    }
    printf("# hidden in %d of %d loops with a thief, and somebody awake\n", hidden, stolen);
    /* Some are, where a thief is slow to come: what lies behind a long item is, if something else was shown when that began. */
    CHECK(stolen < SHORT_TRIES / 2 || hidden <= stolen / 2);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static void for_item_of_a_thief_hides_nothing(void)
{
    thief_hides_nothing(THIEF_ITEMS, 1, 0);
    thief_hides_nothing(8, 6, 1);
}

/* A pool of two workers, of which one will be busy. */
static struct scope_pool *pool_of_two(void)
{
    struct scope_pool_options two = {.size = sizeof(two), .workers = 2};
    struct scope_pool *pool = NULL;
    CHECK_EQ_INT(scope_pool_create(&pool, &two), SCOPE_OK);
    return pool;
}

static atomic_uint busy;

static int be_busy(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    atomic_store(&busy, 1);
    while (atomic_load(&busy) == 1)
        sched_yield();
    return 0;
}

static void make_busy(struct scope *s)
{
    busy = 0;
    CHECK_EQ_INT(scope_spawn(s, be_busy, NULL), SCOPE_OK);
    spin_until(&busy, 1);
}

/* Who asks in the middle of a chunk need not wait for its end, as that is run in steps.  Who asks is feigned. */
#define STEPS_ITEMS 110
#define STEPS_FROM 60 /* the chunk that this item is in would be of 40 */
#define STEPS_LONGEST 16

struct steps {
    uint64_t published; /* before somebody asked */
    size_t asked;       /* in a call that ended there; 0: not yet */
    bool shown;         /* more was published before the next call */
    bool longer;        /* than a step may be */
};

static int ask_in_the_middle(struct scope *s, size_t begin, size_t end, void *arg)
{
    struct steps *steps = arg;
    struct worker *w = worker_self();
    (void)s;
    steps->shown |= begin == steps->asked && load_relaxed(&w->deque.pub) != steps->published;
    for (size_t i = begin; i < end; i++)
        burn(0.2);
    if (steps->asked || end <= STEPS_FROM)
        return 0;
    *steps = (struct steps){load_relaxed(&w->deque.pub), end, false, end - begin > STEPS_LONGEST};
    (void)add_relaxed(&w->pool->idle.searching, 1);
    scopei_deque_request(&w->deque);
    return 0;
}

static void for_answers_within_a_chunk(void)
{
    struct scope_pool *pool = pool_of_two();
    struct scope_options options = options_of(pool);
    int soon = 0, tries = 0;
    SCOPE(s, &options, NULL)
    {
        make_busy(s);
        for (; tries < 10 * SHORT_TRIES && soon < 3; tries++) {
            struct steps steps = {.asked = 0};
            CHECK_EQ_INT(scope_for(s, 0, STEPS_ITEMS, ask_in_the_middle, &steps), SCOPE_OK);
            (void)sub_relaxed(&pool->idle.searching, 1);
            soon += steps.shown && !steps.longer;
        }
        atomic_store(&busy, 2);
    }
    printf("# at once in %d of %d loops\n", soon, tries);
    CHECK(soon == 3); /* where items take twice as long, the loop is divided beforehand; without steps: none */
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* However many long items there are, what is left behind them is not divided one inside the other. */
#define DEEP_ITEMS 60000
#define DEEP_MOST 100000 /* bytes; one call inside the other for each item of a part: 400000 */

static int measure_stack(struct scope *s, size_t begin, size_t end, void *arg)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), *lowest = arg;
    (void)s;
    for (size_t i = begin; i < end; i++)
        burn(3.5);
    if (loops_owner && here < *lowest) /* the busy one may be the worker that was being stood down */
        *lowest = here;
    return 0;
}

static void for_long_items_need_little_stack(void)
{
    struct scope_pool *pool = pool_of_two();
    struct scope_options options = options_of(pool);
    uintptr_t highest = (uintptr_t)__builtin_frame_address(0), lowest = highest;
    loops_owner = true;
    SCOPE(s, &options, NULL)
    {
        make_busy(s);
        CHECK_EQ_INT(scope_for(s, 0, DEEP_ITEMS, measure_stack, &lowest), SCOPE_OK);
        atomic_store(&busy, 2);
    }
    printf("# %zu bytes\n", (size_t)(highest - lowest));
    CHECK(highest - lowest < DEEP_MOST);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* As many items as workers, each waiting for all: nobody may wait for the first to end, whether the others sleep or not. */
static atomic_uint meeting;

static int meet_all(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    CHECK_EQ_INT(end - begin, 1);
    atomic_fetch_add(&meeting, 1);
    spin_until(&meeting, *(unsigned *)arg);
    burn(300); /* so that to wake somebody was no mistake */
    return 0;
}

static int meetings(struct scope *s, void *arg)
{
    for (int i = 0; i < 20; i++) {
        atomic_store(&meeting, 0);
        CHECK_EQ_INT(scope_for(s, 0, *(unsigned *)arg, meet_all, arg), SCOPE_OK);
        if (i % 2)
            burn(500); /* they go to sleep */
    }
    return 0;
}

static void for_one_item_a_worker_all_at_once(void)
{
    for (unsigned workers = 2; workers <= 4; workers++) {
        struct scope_pool *pool = pool_at_least(workers);
        struct scope_options options = options_of(pool);
        CHECK_EQ_INT(scope_run_with(&options, NULL, meetings, &workers), SCOPE_OK);
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    }
}

/* Loops of few items, while another worker is hungry: the far half is offered, and taken back or stolen. */
static int small_loops(struct scope *s, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < TIMES(3000, 300); i++) {
        size_t n = 2 + i % 40;
        memset(&seen.times, 0, 64);
        seen.cost = i % 7 == 0 ? 1.5 : 0;
        CHECK_EQ_INT(scope_for(s, 0, n, chunk, &seen), SCOPE_OK);
        for (size_t k = 0; k < 64; k++)
            CHECK_EQ_INT(seen.times[k], k < n);
    }
    return 0;
}

static void for_small_loops_in_a_row_each_item_once(void)
{
    seen_reset(0, SIZE_MAX, false);
    CHECK_EQ_INT(scope_run(small_loops, NULL), SCOPE_OK);
}

static int small_bad(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    for (unsigned i = 0; i < TIMES(600, 60); i++) {
        size_t n = 2 + i % 40;
        int status;
        seen_reset(i % 3, i % n, i % 2);
        SCOPE(inner, NULL, &status)
        (void)scope_for(inner, 0, n, chunk, &seen);
        CHECK_EQ_INT(status, i % 2 ? SCOPE_ECANCELED : SCOPE_ERROR);
        CHECK_EQ_INT(seen.times[i % n], 1);
    }
    return 0;
}

static void for_small_loops_failing_or_cancelled(void)
{
    CHECK_EQ_INT(scope_run(small_bad, NULL), SCOPE_OK);
}

/* -------------------------------------------------------------------------------------------------------------- Nested */

static int inner(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    atomic_fetch_add((atomic_ullong *)arg, end - begin);
    return 0;
}

static int outer(struct scope *s, size_t begin, size_t end, void *arg)
{
    for (size_t i = begin; i < end; i++) {
        int code = i % 2 ? scope_for(s, 0, i, inner, arg) : scope_for(NULL, 0, i, inner, arg);
        if (code)
            return code;
    }
    return 0;
}

static void for_nested_in_same_and_own_scopes(void)
{
    atomic_ullong items = 0;
    CHECK_EQ_INT(scope_for(NULL, 0, 400, outer, &items), SCOPE_OK);
    CHECK_EQ_INT(items, 400 * 399 / 2);
}

static int spawned(struct scope *s, void *arg)
{
    (void)s;
    atomic_fetch_add((atomic_ullong *)arg, 1);
    return 0;
}

static int spawner(struct scope *s, size_t begin, size_t end, void *arg)
{
    for (size_t i = begin; i < end; i++)
        CHECK_EQ_INT(scope_spawn(s, spawned, arg), SCOPE_OK);
    return 0;
}

static void for_chunks_may_spawn(void)
{
    atomic_ullong count = 0;
    CHECK_EQ_INT(scope_for(NULL, 0, 20000, spawner, &count), SCOPE_OK);
    CHECK_EQ_INT(count, 20000);
}

/* A loop in a scope inside a typed task, with forks around it. */
SCOPE_TASK(long, typed, int);

static inline long typed(struct scope_strand strand, int n)
{
    atomic_ullong items = 0;
    if (n == 0)
        return scope_for(NULL, 0, 50, inner, &items) == SCOPE_OK ? (long)items : 0;
    typed_fork(&strand, n - 1);
    long b = typed(strand, n - 1);
    return typed_join(&strand) + b;
}

static int typed_body(struct scope *s, void *arg)
{
    *(long *)arg = typed_call(s, 7);
    return 0;
}

static void for_inside_typed_tasks(void)
{
    long items = 0;
    CHECK_EQ_INT(scope_run(typed_body, &items), SCOPE_OK);
    CHECK_EQ_INT(items, 128 * 50);
}

/* ------------------------------------------------------------------------------------------------ Failure and cancellation */

static void check_failed_loop(const struct scope_report *report, size_t bad)
{
    char text[SCOPE_MESSAGE_MAX];
    size_t begin = SIZE_MAX, end = 0;
    CHECK_EQ_INT(report->group.total, 1);
    const struct scope_error *error = &report->group.errors[0];
    CHECK_EQ_INT(error->code, FAILED);
    snprintf(text, sizeof(text), "item %zu is bad, items %%zu to %%zu", bad);
    CHECK_EQ_INT(sscanf(error->message, text, &begin, &end), 2);
    CHECK(begin <= bad && bad <= end);
    CHECK_EQ_INT(report->reason, SCOPE_REASON_SIBLING);
}

static void for_failing_at_any_place_is_told_once(void)
{
    struct scope_report report;
    size_t n = 300;
    for (size_t bad = 0; bad < n; bad += TIMES(7, 31)) {
        seen_reset(bad % 2 ? 2 : 0, bad, false);
        CHECK_EQ_INT(run_checked(NULL, &report, loop_body, &n), SCOPE_ERROR);
        check_failed_loop(&report, bad);
        CHECK_EQ_INT(seen.times[bad], 1);
        scope_report_fini(&report);
    }
}

/* Each other thread begins one chunk more at most, if it had just looked.  (That none begins on one worker: scope_loop_stop.) */
static void for_cancelled_at_any_place_stops(void)
{
    struct scope_report report;
    size_t n = 300;
    for (size_t bad = 0; bad < n - 1; bad += TIMES(7, 31)) {
        seen_reset(bad % 2 ? 2 : 0, bad, true);
        int status = run_checked(NULL, &report, loop_body, &n);
        CHECK(status == SCOPE_ECANCELED);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_EXPLICIT);
        CHECK(seen.late <= scope_pool_workers(NULL));
        CHECK(seen.code == SCOPE_ECANCELED || (seen.code == SCOPE_OK && seen_items() == n));
        scope_report_fini(&report);
    }
}

static void for_in_cancelled_scope_does_nothing(void)
{
    seen_reset(0, SIZE_MAX, false);
    SCOPE(s, NULL, NULL)
    {
        (void)scope_cancel(s);
        CHECK_EQ_INT(scope_for(s, 0, N, chunk, &seen), SCOPE_ECANCELED);
    }
    CHECK_EQ_INT(seen_items(), 0);
}

static int say_nothing(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    (void)end;
    return begin <= *(size_t *)arg && *(size_t *)arg < end ? FAILED : 0;
}

static int collect_body(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_for(s, 0, N, say_nothing, arg), FAILED);
    CHECK(!scope_cancelled(s));
    return 0;
}

static void for_failing_under_collect_keeps_the_scope(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    size_t bad = 1234, begin, end;
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, &report, collect_body, &bad), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 1);
    CHECK_EQ_INT(sscanf(report.group.errors[0].message, "items %zu to %zu", &begin, &end), 2);
    CHECK(begin <= bad && bad <= end);
    scope_report_fini(&report);
}

/* The last item fails while the near half waits for it; then not all of the near half is run. */
static atomic_bool ran_on;

static int meet_and_fail(struct scope *s, size_t begin, size_t end, void *arg)
{
    int code = meet(s, begin, end, arg);
    if (begin <= 5 && 5 < end)
        burn(20000); /* the failure has time to be seen */
    if (begin <= 40 && 40 < end)
        atomic_store(&ran_on, true);
    return end == MEETING ? FAILED : code;
}

static void for_failing_chunk_stops_the_others(void)
{
    struct scope_pool_options two = {.size = sizeof(two), .workers = 2};
    struct scope_pool *pool = NULL;
    CHECK_EQ_INT(scope_pool_create(&pool, &two), SCOPE_OK);
    struct scope_options options = options_of(pool);
    bool stopped = false;
    options.policy = SCOPE_COLLECT;
    for (int i = 0; i < 10 && !stopped; i++) {
        arrived = 0;
        ran_on = false;
        SCOPE(s, &options, NULL)
        CHECK_EQ_INT(scope_for(s, 0, MEETING, meet_and_fail, NULL), FAILED);
        stopped = !ran_on;
    }
    CHECK(stopped);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* What a task says outside a loop, and in earlier loops, is not what a chunk says. */
static int silent_at(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    return begin <= *(size_t *)arg && *(size_t *)arg < end ? FAILED : 0;
}

static int two_loops(struct scope *s, void *arg)
{
    size_t bad = 3;
    (void)arg;
    for (int i = 0; i < 9; i++)
        (void)scope_fail(s, i == 2 ? FAILED : 100 + i, "before %d", i);
    CHECK_EQ_INT(scope_for(s, 0, 10, silent_at, &bad), FAILED);
    return scope_for(s, 0, 10, silent_at, &bad);
}

static int says_two(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)begin;
    (void)end;
    (void)arg;
    (void)scope_fail(s, FAILED, "first");
    (void)scope_fail(s, FAILED + 1, "second");
    return FAILED;
}

static int one_chunk(struct scope *s, void *arg)
{
    return scope_for(s, 0, 1, says_two, arg);
}

/* What one chunk has said is not taken for what another one returns. */
static int says_then_fails(struct scope *s, size_t begin, size_t end, void *arg)
{
    if (begin == 0)
        (void)scope_fail(s, FAILED, "said");
    if (begin == 0 && end == 10)
        *(bool *)arg = true;
    return end == 10 ? FAILED : 0;
}

static int two_chunks(struct scope *s, void *arg)
{
    return scope_for(s, 0, 10, says_then_fails, arg);
}

static void for_failing_chunk_after_one_that_said_so_is_recorded(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    bool at_once = false;
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, &report, two_chunks, &at_once), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, at_once ? 1 : 2);
    scope_report_fini(&report);
}

/* Nor what was said in one step of a longer chunk. */
static int says_in_the_middle(struct scope *s, size_t begin, size_t end, void *arg)
{
    size_t *said = arg;
    if (*said)
        return FAILED;
    for (size_t i = begin; i < end; i++)
        burn(0.2);
    if (end > STEPS_FROM && end < STEPS_ITEMS)
        (void)scope_fail(s, FAILED, "said behind item %zu", *said = end);
    return 0;
}

static int many_chunks(struct scope *s, void *arg)
{
    make_busy(s);
    int code = scope_for(s, 0, STEPS_ITEMS, says_in_the_middle, arg);
    atomic_store(&busy, 2);
    return code;
}

static void for_failing_step_after_one_that_said_so_is_recorded(void)
{
    struct scope_pool *pool = pool_of_two();
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.policy = SCOPE_COLLECT;
    for (int i = 0; i < SHORT_TRIES; i++) {
        size_t said = 0;
        int status = run_checked(&options, &report, many_chunks, &said);
        CHECK_EQ_INT(status, said ? SCOPE_ERROR : SCOPE_OK);
        CHECK_EQ_INT(report.group.total, said ? 2 : 0);
        scope_report_fini(&report);
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static void for_failing_is_recorded_once_for_each(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, &report, two_loops, NULL), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 11);
    CHECK_EQ_STR(report.group.errors[2].message, "before 2");
    scope_report_fini(&report);
    CHECK_EQ_INT(run_checked(&options, &report, one_chunk, NULL), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 2);
    CHECK_EQ_STR(report.group.errors[0].message, "first, items 0 to 0");
    CHECK_EQ_STR(report.group.errors[1].message, "second");
    scope_report_fini(&report);
}

static int inner_fails(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    return begin == 0 ? scope_for(NULL, 0, end, say_nothing, arg) : 0;
}

static int fails_quietly(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return FAILED;
}

/* Two inner scopes fail, the first of which told the outer one itself: the second is news. */
static int told_outer(struct scope *s, void *arg)
{
    (void)s;
    return scope_fail(arg, 7, "told");
}

static int two_inner(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)arg;
    for (size_t i = begin; i < end; i++) {
        int code = i == 0 ? scope_run(told_outer, s) : scope_run(fails_quietly, NULL);
        if (i == 1)
            CHECK_EQ_INT(code, SCOPE_ERROR);
    }
    return 0;
}

static int two_inner_body(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_for(s, 0, 2, two_inner, arg), SCOPE_OK);
    return SCOPE_ERROR;
}

static void for_inner_failures_are_told_apart(void)
{
    struct scope_pool *pool = pool_of_one();
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, &report, two_inner_body, NULL), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 2);
    scope_report_fini(&report);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static int nested_body(struct scope *s, void *arg)
{
    return scope_for(s, 0, 10, inner_fails, arg);
}

static void for_inner_scope_failed_is_nested(void)
{
    struct scope_report report;
    size_t bad = 0;
    CHECK_EQ_INT(run_checked(NULL, &report, nested_body, &bad), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 1);
    if (CHECK(report.group.errors[0].nested != NULL))
        CHECK_EQ_INT(report.group.errors[0].nested->errors[0].code, FAILED);
    scope_report_fini(&report);
}

/* --------------------------------------------------------------------------------------------------------- Dimensions */

#define PLANES 7
#define ROWS 13
#define COLUMNS 11

static atomic_uchar cell[PLANES][ROWS][COLUMNS];

static int box(struct scope *s, struct scope_range p, struct scope_range r, struct scope_range c, void *arg)
{
    (void)s;
    CHECK(p.begin < p.end && r.begin < r.end && c.begin < c.end);
    if (arg)
        burn(5);
    for (size_t i = p.begin; i < p.end; i++)
        for (size_t j = r.begin; j < r.end; j++)
            for (size_t k = c.begin; k < c.end; k++)
                atomic_fetch_add(&cell[i - 1][j - 2][k - 3], 1);
    return 0;
}

static int rectangle(struct scope *s, struct scope_range r, struct scope_range c, void *arg)
{
    return box(s, (struct scope_range){1, 2}, r, c, arg);
}

static void check_cells(size_t planes, size_t rows, size_t columns)
{
    for (size_t i = 0; i < PLANES; i++)
        for (size_t j = 0; j < ROWS; j++)
            for (size_t k = 0; k < COLUMNS; k++)
                CHECK_EQ_INT(cell[i][j][k], i < planes && j < rows && k < columns);
}

static void for_2d_and_3d_each_item_once(void)
{
    for (int slow = 0; slow < 2; slow++)
        for (size_t planes = 0; planes <= PLANES; planes += 7 - 6 * (size_t)!slow)
            for (size_t rows = 0; rows <= ROWS; rows += 1 + rows % 4)
                for (size_t columns = 0; columns <= COLUMNS; columns += 1 + columns % 5) {
                    const struct scope_range r = {2, 2 + rows}, c = {3, 3 + columns};
                    void *arg = slow ? &slow : NULL;
                    memset(cell, 0, sizeof(cell));
                    CHECK_EQ_INT(scope_for_3d(NULL, (struct scope_range){1, 1 + planes}, r, c, box, arg), SCOPE_OK);
                    check_cells(planes, rows, columns);
                    memset(cell, 0, sizeof(cell));
                    CHECK_EQ_INT(scope_for_2d(NULL, r, c, rectangle, arg), SCOPE_OK);
                    check_cells(1, rows, columns);
                }
}

/* The box that fails is named alone, though the chunk had more; and none begins when the scope is cancelled. */
struct boxes {
    size_t left; /* boxes until one fails, or cancels */
    bool cancels;
    char named[60]; /* the last one, as an error names it */
};

static int bad_box(struct scope *s, struct scope_range p, struct scope_range r, struct scope_range c, void *arg)
{
    struct boxes *boxes = arg;
    CHECK(!scope_cancelled(s));
    snprintf(boxes->named, sizeof(boxes->named), "items %zu to %zu", (p.begin * ROWS + r.begin) * COLUMNS + c.begin,
             ((p.end - 1) * ROWS + r.end - 1) * COLUMNS + c.end - 1);
    if (--boxes->left > 0)
        return 0;
    if (boxes->cancels)
        (void)scope_cancel(s);
    return boxes->cancels ? 0 : FAILED;
}

static int boxes_body(struct scope *s, void *arg)
{
    const struct scope_range p = {0, PLANES}, r = {0, ROWS}, c = {0, COLUMNS};
    return scope_for_3d(s, p, r, c, bad_box, arg);
}

static void for_3d_stopped_at_any_box_names_it(void)
{
    struct scope_pool *pool = pool_of_one();
    struct scope_options options = options_of(pool);
    for (int cancels = 0; cancels < 2; cancels++)
        for (size_t k = 1, status = 1; status; k++) {
            struct boxes boxes = {.left = k, .cancels = cancels};
            struct scope_report report;
            status = (size_t)(run_checked(&options, &report, boxes_body, &boxes) != SCOPE_OK);
            if (report.status == SCOPE_ERROR)
                CHECK_EQ_STR(report.group.errors[0].message, boxes.named);
            scope_report_fini(&report);
        }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static int nothing_2d(struct scope *s, struct scope_range rows, struct scope_range columns, void *arg)
{
    (void)s;
    (void)rows;
    (void)columns;
    (void)arg;
    return FAILED;
}

static void for_2d_too_many_items_einval(void)
{
    const struct scope_range all = {0, SIZE_MAX}, two = {0, 2}, none = {5, 5}, backwards = {2, 1};
    CHECK_EQ_INT(scope_for_2d(NULL, all, two, nothing_2d, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_2d(NULL, all, none, nothing_2d, NULL), SCOPE_OK);
    CHECK_EQ_INT(scope_for_2d(NULL, two, backwards, nothing_2d, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_2d(NULL, none, all, nothing_2d, NULL), SCOPE_OK);
}

/* -------------------------------------------------------------------------------------------------- Each, map, invoke */

static int twice(struct scope *s, void *element, void *arg)
{
    int *x = element;
    if (*x == *(int *)arg)
        return scope_fail(s, FAILED, "found %d", *x);
    *x *= 2;
    return 0;
}

static int *each_x;

static int each_body(struct scope *s, void *arg)
{
    return scope_for_each(s, each_x, 100, sizeof(*each_x), twice, arg);
}

static void each_element_once_and_the_bad_one_named(void)
{
    int x[100], bad = -1;
    for (int i = 0; i < 100; i++)
        x[i] = i;
    CHECK_EQ_INT(scope_for_each(NULL, x, 100, sizeof(*x), twice, &bad), SCOPE_OK);
    for (int i = 0; i < 100; i++)
        CHECK_EQ_INT(x[i], 2 * i);
    struct scope_report report;
    bad = 142; /* x[71] */
    each_x = x;
    CHECK_EQ_INT(run_checked(NULL, &report, each_body, &bad), SCOPE_ERROR);
    CHECK_EQ_STR(report.group.errors[0].message, "found 142, items 71 to 71");
    scope_report_fini(&report);
}

static int odd_fails(struct scope *s, const void *input, void *output, void *arg)
{
    (void)s;
    (void)arg;
    int x;
    memcpy(&x, input, sizeof(x));
    *(double *)output = x / 2.0;
    return x % 2 ? FAILED + x : 0;
}

static int map_body(struct scope *s, void *arg)
{
    int x[50], *status = arg;
    double half[50];
    for (int i = 0; i < 50; i++)
        x[i] = i;
    CHECK_EQ_INT(scope_map(s, x, sizeof(*x), half, sizeof(*half), 50, status, odd_fails, NULL), SCOPE_OK);
    for (int i = 0; i < 50; i++) {
        CHECK(half[i] == i / 2.0);
        CHECK_EQ_INT(status[i], i % 2 ? FAILED + i : 0);
    }
    CHECK_EQ_INT(scope_map(s, x, sizeof(*x), half, sizeof(*half), 50, NULL, odd_fails, NULL), FAILED + 1);
    CHECK(scope_cancelled(s));
    CHECK_EQ_INT(scope_map(s, x, sizeof(*x), half, sizeof(*half), 50, status, odd_fails, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(status[49], SCOPE_ECANCELED);
    return 0;
}

static void map_status_of_each_item(void)
{
    struct scope_pool *pool = pool_of_one();
    struct scope_options options = options_of(pool);
    struct scope_report report;
    int status[50];
    CHECK_EQ_INT(run_checked(&options, &report, map_body, status), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 1);
    CHECK_EQ_STR(report.group.errors[0].message, "items 1 to 1");
    scope_report_fini(&report);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static int add_one(struct scope *s, void *arg)
{
    (void)s;
    return atomic_fetch_add((atomic_int *)arg, 1) < 0 ? FAILED : 0;
}

static int invoke_body(struct scope *s, void *arg)
{
    return scope_invoke(s, arg, 9);
}

static int three_invokes(struct scope *s, void *arg)
{
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(scope_invoke(s, arg, 2), FAILED);
    return FAILED;
}

static void invoke_failing_is_recorded_once_for_each(void)
{
    struct scope_call calls[2] = {{fails_quietly, NULL}, {fails_quietly, NULL}};
    struct scope_pool *pool = pool_of_one();
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, &report, three_invokes, calls), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 3);
    CHECK_EQ_STR(report.group.errors[2].message, "items 0 to 0");
    scope_report_fini(&report);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static void invoke_calls_each_and_tells_which_failed(void)
{
    atomic_int count[9] = {0};
    struct scope_call calls[9];
    for (int i = 0; i < 9; i++)
        calls[i] = (struct scope_call){add_one, &count[i]};
    CHECK_EQ_INT(scope_invoke(NULL, calls, 9), SCOPE_OK);
    for (int i = 0; i < 9; i++)
        CHECK_EQ_INT(count[i], 1);
    CHECK_EQ_INT(scope_invoke(NULL, NULL, 0), SCOPE_OK);
    count[6] = -1;
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, invoke_body, calls), SCOPE_ERROR);
    CHECK_EQ_STR(report.group.errors[0].message, "items 6 to 6");
    scope_report_fini(&report);
    calls[3].fn = NULL;
    CHECK_EQ_INT(scope_invoke(NULL, calls, 9), SCOPE_EINVAL);
}

/* ------------------------------------------------------------------------------------------------------------- Misuse */

static int task_of_inner(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(scope_for(arg, 0, N, chunk, &seen), SCOPE_EPERM);
    return 0;
}

static int misuse_body(struct scope *s, void *arg)
{
    (void)arg;
    return scope_run(task_of_inner, s);
}

static void for_wrong_arguments_refused(void)
{
    int x = 0;
    CHECK_EQ_INT(scope_for(NULL, 0, 1, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for(NULL, 2, 1, chunk, &seen), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_each(NULL, NULL, 1, 4, twice, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_each(NULL, NULL, 0, 4, twice, NULL), SCOPE_OK);
    CHECK_EQ_INT(scope_for_each(NULL, &x, 1, 0, twice, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_for_each(NULL, &x, SIZE_MAX / 2, 4, twice, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_map(NULL, &x, 4, NULL, 4, 1, NULL, odd_fails, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_run(misuse_body, NULL), SCOPE_OK);
}

int main(void)
{
    check_run("for_any_length_each_item_once", for_any_length_each_item_once);
    check_run("for_without_scope_opens_one", for_without_scope_opens_one);
    check_run("for_one_worker_keeps_the_order", for_one_worker_keeps_the_order);
    check_run("for_longest_range_ends", for_longest_range_ends);
    check_run("for_with_idle_workers_is_divided", for_with_idle_workers_is_divided);
    check_run("for_is_divided_in_the_middle", for_is_divided_in_the_middle);
    check_run("for_many_short_loops_wake_a_sleeper", for_many_short_loops_wake_a_sleeper);
    if (check_slow())
        check_skip("for_cheap_loop_after_a_pause_wakes_nobody", "new memory and code take much longer here");
    else
        check_run("for_cheap_loop_after_a_pause_wakes_nobody", for_cheap_loop_after_a_pause_wakes_nobody);
    check_run("for_few_long_items_after_cheap_ones_are_looked_at", for_few_long_items_after_cheap_ones_are_looked_at);
    if (check_slow())
        check_skip("for_loops_like_the_last_ones_are_divided_at_once", "no loop is cheap here");
    else
        check_run("for_loops_like_the_last_ones_are_divided_at_once", for_loops_like_the_last_ones_are_divided_at_once);
    check_run("for_few_items_are_offered_first", for_few_items_are_offered_first);
    if (check_slow())
        check_skip("for_cheap_beginning_hides_nothing", "no loop is cheap here");
    else
        check_run("for_cheap_beginning_hides_nothing", for_cheap_beginning_hides_nothing);
    check_run("for_long_item_hides_no_others", for_long_item_hides_no_others);
    check_run("for_item_of_a_thief_hides_nothing", for_item_of_a_thief_hides_nothing);
    check_run("for_long_items_need_little_stack", for_long_items_need_little_stack);
    if (check_slow())
        check_skip("for_answers_within_a_chunk", "no loop is short here");
    else
        check_run("for_answers_within_a_chunk", for_answers_within_a_chunk);
    check_run("for_one_item_a_worker_all_at_once", for_one_item_a_worker_all_at_once);
    check_run("for_small_loops_in_a_row_each_item_once", for_small_loops_in_a_row_each_item_once);
    check_run("for_small_loops_failing_or_cancelled", for_small_loops_failing_or_cancelled);
    check_run("for_nested_in_same_and_own_scopes", for_nested_in_same_and_own_scopes);
    check_run("for_chunks_may_spawn", for_chunks_may_spawn);
    check_run("for_inside_typed_tasks", for_inside_typed_tasks);
    check_run("for_failing_at_any_place_is_told_once", for_failing_at_any_place_is_told_once);
    check_run("for_cancelled_at_any_place_stops", for_cancelled_at_any_place_stops);
    check_run("for_in_cancelled_scope_does_nothing", for_in_cancelled_scope_does_nothing);
    check_run("for_failing_under_collect_keeps_the_scope", for_failing_under_collect_keeps_the_scope);
    check_run("for_inner_failures_are_told_apart", for_inner_failures_are_told_apart);
    check_run("for_failing_chunk_stops_the_others", for_failing_chunk_stops_the_others);
    check_run("for_failing_is_recorded_once_for_each", for_failing_is_recorded_once_for_each);
    check_run("for_failing_chunk_after_one_that_said_so_is_recorded",
              for_failing_chunk_after_one_that_said_so_is_recorded);
    check_run("for_failing_step_after_one_that_said_so_is_recorded",
              for_failing_step_after_one_that_said_so_is_recorded);
    check_run("for_inner_scope_failed_is_nested", for_inner_scope_failed_is_nested);
    check_run("for_2d_and_3d_each_item_once", for_2d_and_3d_each_item_once);
    check_run("for_3d_stopped_at_any_box_names_it", for_3d_stopped_at_any_box_names_it);
    check_run("for_2d_too_many_items_einval", for_2d_too_many_items_einval);
    check_run("each_element_once_and_the_bad_one_named", each_element_once_and_the_bad_one_named);
    check_run("map_status_of_each_item", map_status_of_each_item);
    check_run("invoke_calls_each_and_tells_which_failed", invoke_calls_each_and_tells_which_failed);
    check_run("invoke_failing_is_recorded_once_for_each", invoke_failing_is_recorded_once_for_each);
    check_run("for_wrong_arguments_refused", for_wrong_arguments_refused);
    return check_done();
}

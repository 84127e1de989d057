/* The knapsack problem (each item once or not at all) by branch and bound, as Cilk's example of that name: a task per
 * item that may be left out.  The best value so far is shared, and what can't exceed it is not searched; so how much is
 * searched depends on the order of the tasks, and a parallel run may do less or more than the serial one.  It begins
 * just below the greedy solution; else a runtime that runs a task where it is spawned would search several times as
 * much.  Parameters: ITEMS (at most 64). */
#include "bench/bench.h"

#include <stdlib.h>

#define KNAPSACK_ITEMS_MAX 64

struct knapsack_item {
    long value, weight;
};

static struct knapsack_item knapsack_item[KNAPSACK_ITEMS_MAX];
static int knapsack_items;
static long knapsack_room, knapsack_start, knapsack_expected;
static long knapsack_best;  /* shared by all tasks */
static long knapsack_forks; /* in the last run */

/* The densest first. */
static int knapsack_order(const void *a, const void *b)
{
    const struct knapsack_item *x = (const struct knapsack_item *)a, *y = (const struct knapsack_item *)b;
    long difference = y->value * x->weight - x->value * y->weight;
    return difference == 0 ? (x->weight > y->weight) - (x->weight < y->weight) : difference > 0 ? 1 : -1;
}

/* The solution, by dynamic programming. */
static long knapsack_solve(void)
{
    long *best = (long *)calloc((size_t)knapsack_room + 1, sizeof(*best));
    if (!best)
        abort();
    for (int i = 0; i < knapsack_items; i++)
        for (long room = knapsack_room, weight = knapsack_item[i].weight; room >= weight; room--)
            if (best[room] < best[room - weight] + knapsack_item[i].value)
                best[room] = best[room - weight] + knapsack_item[i].value;
    long solution = best[knapsack_room];
    free(best);
    return solution;
}

/* The value of every item, in this order, that there is still room for. */
static long knapsack_greedy(void)
{
    long value = 0, room = knapsack_room;
    for (int i = 0; i < knapsack_items; i++)
        if (knapsack_item[i].weight <= room) {
            room -= knapsack_item[i].weight;
            value += knapsack_item[i].value;
        }
    return value;
}

/* Items whose value grows with their weight, and room for half of them. */
static void knapsack_setup(const long *value)
{
    uint64_t state = 3;
    long weights = 0;
    knapsack_items = value[0] > KNAPSACK_ITEMS_MAX ? KNAPSACK_ITEMS_MAX : (int)value[0];
    for (int i = 0; i < knapsack_items; i++) {
        knapsack_item[i].weight = 1000 + (long)(bench_random(&state) % 10000);
        knapsack_item[i].value = knapsack_item[i].weight + (long)(bench_random(&state) % 10000);
        weights += knapsack_item[i].weight;
    }
    qsort(knapsack_item, (size_t)knapsack_items, sizeof(knapsack_item[0]), knapsack_order);
    knapsack_room = weights / 2;
    knapsack_start = knapsack_greedy() - 1;
    knapsack_expected = knapsack_solve();
}

static void knapsack_reset(void)
{
    knapsack_best = knapsack_start;
}

static void knapsack_offer(long value)
{
    long best = __atomic_load_n(&knapsack_best, __ATOMIC_RELAXED);
    while (value > best &&
           !__atomic_compare_exchange_n(&knapsack_best, &best, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

/* True if nothing is to be searched: too heavy, or all is decided, or the rest would not exceed the best even if all of
 * it were as dense as this item. */
static inline bool knapsack_done(int item, long room, long value)
{
    if (room < 0)
        return true;
    if (item == knapsack_items || room == 0) {
        knapsack_offer(value);
        return true;
    }
    long best = __atomic_load_n(&knapsack_best, __ATOMIC_RELAXED);
    return room * knapsack_item[item].value <= (best - value) * knapsack_item[item].weight;
}

static bool knapsack_verify(void)
{
    return knapsack_best == knapsack_expected;
}

/* One for each item that was left out, in the last run. */
static uint64_t knapsack_tasks(void)
{
    return (uint64_t)knapsack_forks;
}

#define KNAPSACK(init_, run_)                                                                                       \
    (struct bench)                                                                                                  \
    {                                                                                                               \
        .name = "knapsack", .parameters = "ITEMS", .parameters_count = 1, .init = (init_), .setup = knapsack_setup, \
        .reset = knapsack_reset, .run = (run_), .verify = knapsack_verify, .tasks = knapsack_tasks                  \
    }

/* SCOPE_SEED: schedules that are perturbed at random, so that a program's tests see more of them.
 *
 * What the scheduler usually decides for speed (whom to rob, when and what to publish, how long to search, when to
 * park, where to divide a loop) is decided by a generator of each worker's own, and it rests at random where a race may
 * be lost.  So with one worker a seed gives the same choices every time; with more, what is drawn is the same, but not
 * when.  Only choices that are right either way are drawn: a perturbed schedule is one that could happen without a
 * seed.
 *
 * Without one, each such place costs a test of w->random, which is 0 then. */
#ifndef SCHED_SEED_H
#define SCHED_SEED_H

#include "sched/worker.h"

/* What the variable says. */
struct seed {
    uint64_t value; /* 0: none */
    char text[24];  /* as it was written, or its beginning; "": it is not set */
};

void scopei_seed_read(struct seed *seed);

/* Says on stderr what came of it, if it is set. */
void scopei_seed_display(const struct seed *seed);

/* Where the generator of the worker in this slot begins; 0: none. */
uint64_t scopei_seed_begin(const struct seed *seed, unsigned slot);

/* A number below the given one, from a seeded worker's generator.  Owner only, here and below. */
uint64_t scopei_seed_draw(struct worker *w, uint64_t below);

/* Lets others go ahead, for some time or none. */
void scopei_seed_rest(struct worker *w);

static inline bool seeded(const struct worker *w)
{
    return __builtin_expect(w->random != 0, 0);
}

/* True once in so many times; never without a seed. */
static inline bool seed_chance(struct worker *w, uint64_t times)
{
    return seeded(w) && scopei_seed_draw(w, times) == 0;
}

/* Stands where what happens next is a race that others should win, too. */
static inline void seed_rest(struct worker *w)
{
    if (seeded(w))
        scopei_seed_rest(w);
}

#endif

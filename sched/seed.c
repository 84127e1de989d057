/* The generator behind SCOPE_SEED. */
#include "sched/seed.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/* One in so many rests gives the core up, and one in so many spins up to 2^REST_LOG pauses (some 20 us); the others are
 * none. */
#define YIELDS 32
#define SPINS 8
#define REST_LOG 10

/* 0: it is no positive number; too large: UINT64_MAX. */
static uint64_t number_parse(const char *text)
{
    if (*text < '0' || *text > '9')
        return 0;
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    return *end ? 0 : number;
}

void scopei_seed_read(struct seed *seed)
{
    const char *text = secure_getenv("SCOPE_SEED");
    *seed = (struct seed){.value = text ? number_parse(text) : 0};
    if (text)
        (void)snprintf(seed->text, sizeof(seed->text), "%s", text);
}

void scopei_seed_display(const struct seed *seed)
{
    if (*seed->text)
        (void)fprintf(stderr, "taskscope: SCOPE_SEED=%s%s\n", seed->text,
                      seed->value ? ": schedules are perturbed" : " is ignored: not a positive number");
}

/* The finalizer of MurmurHash3 with the constants of D. Stafford's variant 13, as in splitmix64: a bijection. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t scopei_seed_begin(const struct seed *seed, unsigned slot)
{
    return seed->value ? mix(mix(seed->value) + slot) | 1 : 0;
}

/* Marsaglia's xorshift (2003), which never gets to 0, mixed. */
uint64_t scopei_seed_draw(struct worker *w, uint64_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return mix(w->random) % below;
}

void scopei_seed_rest(struct worker *w)
{
    if (seed_chance(w, YIELDS))
        (void)sched_yield();
    else if (seed_chance(w, SPINS))
        for (uint64_t pauses = scopei_seed_draw(w, (uint64_t)1 << scopei_seed_draw(w, REST_LOG + 1)); pauses > 0;
             pauses--)
            os_pause();
}

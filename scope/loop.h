/* The engine under all loops: a range of items that its owner runs chunk by chunk, and divides when somebody is idle. */
#ifndef SCOPE_LOOP_H
#define SCOPE_LOOP_H

#include "scope/scope.h"

/* Who is offered half of a part before it is known what its items cost, if they ask: nobody, as there are many, or as that was in vain
 * of late; who is awake; or sleepers, too. */
enum guess { GUESS_MANY, GUESS_VAIN, GUESS_AWAKE, GUESS_ANYBODY };

/* What is left for one task to do: the owner's alone, while it runs. */
struct part {
    struct loop *loop;
    size_t items;      /* so many were there when it began */
    size_t begin, end; /* what is left */
    /* The engine's */
    size_t chunk;    /* how many items to run before looking up */
    double item_ns;  /* how long an item has taken of late, here or in another part; 0: not known */
    uint64_t hedged; /* since when half is offered, in case only the beginning is cheap, in ticks; 0: it is not */
    bool assumed;    /* item_ns is, as the loops before took so long */
    bool proven;     /* that is no accident: a chunk took long enough, here or before this part was divided off */
    uint64_t since;  /* when its loop was looked at first, in ticks; 0: not yet */
    enum guess guess;
    bool offered;            /* nobody was told of the part that was divided from it last */
    bool divided;            /* there are other parts: what is learnt here is of use to them */
    bool helped;             /* somebody else has run one that was divided from it */
    bool awake;              /* somebody who is awake asked when the loop, of many items, began */
    bool begun;              /* somebody runs it */
    bool backwards;          /* the next chunk is the last of what is left */
    bool stepped;            /* the last chunk was run in several calls */
    bool whole;              /* chunks are run in one call, as calls cost too much */
    bool fresh;              /* a thief is about to run its first item, and knows nothing of it */
    const struct worker *by; /* who that is, or who has made it */
    /* The algorithm's */
    void *memory;
    size_t origin, count;
};

struct loop {
    /* I */
    /* Runs a chunk.  If it fails it may cut the chunk to what is to be blamed. */
    int (*run)(struct scope *s, struct part *part, struct scope_range *chunk);
    bool (*split)(struct part *near, struct part *far); /* makes far's own things; false: rather not.  NULL: has none */
    void (*join)(struct part *near, struct part *far);  /* both have ended, well or not.  NULL: nothing to do */
    double split_ns;                                    /* about what those two cost */
    const void *what;                                   /* the algorithm's description of its work */
    uintptr_t body; /* the user's function: what the next loop is taken to be like */
    bool any_order; /* a part may be run backwards */
    size_t row;     /* chunks that are longer end at multiples of this; 0: anywhere */
    size_t items;   /* of all parts; the engine's */
    /* Anybody */
    struct atomic_u64 stop; /* items from this on need not run */
    struct atomic_u64 code; /* of the chunk that failed first; 0: none */
    struct atomic_u64
        item_ns; /* once it is divided: what an item has taken of late in one of its parts, a double; 0: not known */
};

#define LOOP_NO_STOP UINT64_MAX

/* For row: so that vectors of an aligned array are not cut. */
#define LOOP_ALIGN 16

/* What it costs to touch new memory, and to go over it once more. */
static inline double split_cost(size_t bytes)
{
    return 100 + (double)bytes;
}

/* An array that an algorithm may be given. */
static inline bool loop_array(const void *array, size_t count, size_t size)
{
    size_t bytes;
    return size && (array || !count) && !__builtin_mul_overflow(count, size, &bytes);
}

/* True if every item of a part that has ended was run. */
static inline bool part_done(const struct part *part)
{
    return part->begin == part->end;
}

/* Runs all items of part, a struct part *, of which loop, begin, end and the algorithm's own fields are set, items, item_ns, proven and
 * since are if some have run already, and all else is 0.  Returns what the loop does. */
int scopei_loop_run(struct scope *s, void *part);

/* A plain loop that may be brief: what is left of it; and what is known of that, as in struct part. */
struct brief {
    size_t begin, end;
    double item_ns;
    bool proven;
    uint64_t since;
};

/* Runs such a loop as far as its items are cheap and nobody is to hear of it, without what a loop needs that may be divided: to write that,
 * and to read it, would take longer.  Returns what the loop does if that was all, or an item failed; else 0. */
int scopei_loop_brief(struct scope *s, struct brief *brief, scope_for_fn *body, void *arg);

/* A loop of that body, the worker's, has ended, which was looked at first at since; 0: it was not.  Somebody had asked for work when it began.
 * measured: its items cost something; alone_ns: what all of them would have taken without help, 0: no more than it took. */
void scopei_loop_took(struct worker *w, uintptr_t body, enum guess guess, uint64_t since, bool measured,
                      double alone_ns);

/* A chunk of the loop returned code, which is recorded in s; no other is to start.  Returns it. */
int scopei_loop_fail(struct loop *loop, struct scope *s, int code, struct scope_range chunk);

/* What a loop returns whose parts have all ended, the first with code. */
int scopei_loop_code(const struct loop *loop, struct scope *s, int code);

/* Does work(s, arg) in s, if the caller may, or in a scope of its own if s is NULL. */
int scopei_loop_in(struct scope *s, scope_fn *work, void *arg);

#endif

/* The engine under all loops: a range of items that its owner runs chunk by chunk, and divides when somebody is idle. */
#ifndef SCOPE_LOOP_H
#define SCOPE_LOOP_H

#include "scope/scope.h"

/* What is left for one task to do: the owner's alone, while it runs. */
struct part {
    struct loop *loop;
    size_t begin, end;
    size_t chunk;   /* how many items to run before looking up */
    double item_ns; /* how long an item has taken of late; 0: not known */
    bool offered;   /* the half that it was divided from can be stolen, but nobody was told */
    /* The algorithm's own */
    void *memory;
    size_t origin, count;
};

struct loop {
    /* I */
    /* Runs a chunk.  If it fails it may cut the chunk to what is to be blamed. */
    int (*run)(struct scope *s, struct part *part, struct scope_range *chunk);
    bool (*split)(struct part *near, struct part *far); /* makes far's own things; false: rather not.  NULL: has none */
    void (*join)(struct part *near, struct part *far);  /* both have ended, well or not.  NULL: nothing to do */
    const void *what;                                   /* the algorithm's description of its work */
    size_t row; /* chunks that are longer end at multiples of this; 0: anywhere */
    /* Anybody */
    struct atomic_u64 stop; /* items from this on need not run */
    struct atomic_u64 code; /* of the chunk that failed first; 0: none */
};

#define LOOP_NO_STOP UINT64_MAX

/* True if every item of a part that has ended was run. */
static inline bool part_done(const struct part *part)
{
    return part->begin == part->end;
}

/* Runs all items of part, of which loop, begin, end and the algorithm's own fields are set.  Returns what the loop does. */
int scopei_loop_run(struct scope *s, struct part *part);

/* Does work(s, arg) in s, if the caller may, or in a scope of its own if s is NULL. */
int scopei_loop_in(struct scope *s, scope_fn *work, void *arg);

#endif

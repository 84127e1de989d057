/* Loops, reductions, scans, searches: what most programs need, built on the calls of taskscope.h, which includes this file.
 *
 *     static int scale(struct scope *s, size_t begin, size_t end, void *arg)
 *     {
 *         (void)s;
 *         double *x = arg;
 *         for (size_t i = begin; i < end; i++)
 *             x[i] *= 2;
 *         return 0;
 *     }
 *
 *     scope_for(NULL, 0, n, scale, x);
 *
 * None needs a grain size (reductions and scans have blocks, below).  The calling worker runs chunk after chunk, as the serial loop
 * would; how long they are follows from the time that they take.  When another worker is idle, and what is left is worth it, it
 * gives away the far half.  Loops and searches without results of their own offer it beforehand if it takes longer than some
 * 30 us: so one long item hides no others.
 *
 * For all of them:
 *   s         the innermost scope of the calling body or task; or NULL: the call opens a scope of its own, in the pool that the
 *             caller is in, else in the default pool.
 *   Chunks    are parts [begin, end) of the range, disjoint, together all of it, run once each, in no order, on any worker; on one
 *             worker in the order of the range.  A chunk may spawn, loop and open scopes; what it spawns may
 *             be run by the loop: hold no lock across one that such a task takes.
 *   Failure   a chunk that returns a code other than 0 stops its loop: no chunk starts afterwards, those that run end.  The code is
 *             recorded in s with the items of the chunk (a message of scope_fail with that code stays), which cancels s as
 *             its policy says.
 *   Cancel    between chunks, which take up to 30 microseconds, or an item (a loop's first one: up to 8), or a block; longer if
 *             the items before took next to nothing.  Poll scope_cancelled(s) in long ones.
 *   Returns   SCOPE_OK: all was done.  The code of the chunk that failed (of the first, if there were several), not to be recorded
 *             again when the caller returns it.  SCOPE_ECANCELED: s was cancelled, or a chunk returned that; some items may not have been
 *             done.  SCOPE_EINVAL: a NULL, a range that ends before it begins, a size that makes no sense; SCOPE_EPERM: s is not the
 *             innermost scope of the caller: nothing was done.  With s NULL a failure is SCOPE_ERROR, and the chunk's own code and
 *             message are lost: to see them, open a scope by scope_run_with and print its report.
 *             Then also SCOPE_ENOMEM, SCOPE_EDEPTH, SCOPE_EFORK, as scope_run: nothing was done.
 *   Memory    none, unless it says so.  What the chunks wrote is visible to the caller.
 *   Leaving   a function given to a loop must return: an exception or pthread_exit that leaves it ends the program.
 * The way that a loop is divided, at the far half and mostly on request, is known as lazy binary splitting (Tzannes et al., 2010). */
#ifndef TASKSCOPE_LOOP_H
#define TASKSCOPE_LOOP_H

#include "taskscope.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------------------- Loops */

/* The numbers begin, begin + 1, ... end - 1. */
struct scope_range {
    size_t begin, end;
};

/* Runs body(s, chunk's begin, chunk's end, arg) on chunks of [begin, end). */
typedef int scope_for_fn(struct scope *s, size_t begin, size_t end, void *arg);
int scope_for(struct scope *s, size_t begin, size_t end, scope_for_fn *body, void *arg);

/* The same over all pairs, or triples: chunks are cut into rectangles, or boxes, as long as possible in the last range.  In reports, items
 * are numbered from 0 in the order of the serial loops.
 * SCOPE_EINVAL also if there are more than SIZE_MAX items. */
typedef int scope_for_2d_fn(struct scope *s, struct scope_range rows, struct scope_range columns, void *arg);
int scope_for_2d(struct scope *s, struct scope_range rows, struct scope_range columns, scope_for_2d_fn *body,
                 void *arg);
typedef int scope_for_3d_fn(struct scope *s, struct scope_range planes, struct scope_range rows,
                            struct scope_range columns, void *arg);
int scope_for_3d(struct scope *s, struct scope_range planes, struct scope_range rows, struct scope_range columns,
                 scope_for_3d_fn *body, void *arg);

/* Calls body(s, element, arg) for each of the count elements, of size bytes each, of an array. */
typedef int scope_each_fn(struct scope *s, void *element, void *arg);
int scope_for_each(struct scope *s, void *array, size_t count, size_t size, scope_each_fn *body, void *arg);

/* Calls fn(s, arg) of each, perhaps at the same time; each may be a long one. */
struct scope_call {
    scope_fn *fn;
    void *arg;
};
int scope_invoke(struct scope *s, const struct scope_call *calls, size_t count);

/* Calls fn(s, input element, output element, arg) for each of count elements.  If status is NULL a failure stops it, as in any
 * loop.  Else status[i] becomes the code of item i, or SCOPE_ECANCELED if it was not called; a failure stops nothing and is not
 * recorded; and SCOPE_OK says that all were called. */
typedef int scope_map_fn(struct scope *s, const void *input, void *output, void *arg);
int scope_map(struct scope *s, const void *input, size_t input_size, void *output, size_t output_size, size_t count,
              int *status, scope_map_fn *fn, void *arg);

/* -------------------------------------------------------------------------------------------------- Reduce and scan
 *
 * Both have the same result to the last bit whatever the number of workers and whoever is idle, as long as map, scan and combine
 * have: the range is cut into blocks that depend on its length and on block alone, and the values of the blocks are combined
 * in an order that is fixed, too. */

/* Values are size bytes, aligned to 16, and are copied as bytes. */
struct scope_reduction {
    size_t size;          /* of a value */
    const void *identity; /* combined with any value it leaves that as it is */
    /* Adds the items [begin, end) to *value, which holds the identity; in later versions perhaps an earlier sum.  arg: the field below. */
    int (*map)(struct scope *s, size_t begin, size_t end, void *value, void *arg);
    /* Adds *right, whose items come after those of *left, to *left.  Associative but for rounding. */
    void (*combine)(void *left, const void *right, void *arg);
    void *arg;
    /* How many items map is given at a time, at most.  0: 1 to 1024, so that there are some 26 to 32 blocks if there are as many items, and
     * more from 32768 on.  No more workers than blocks can take part: if items take long, say 1. */
    size_t block;
};

/* Sets *result to the sum of the items [begin, end), or to the identity if there are none.  Unchanged if it fails.
 * Memory: two values for each doubling of the number of blocks, on the heap if that is more than 1500 bytes, and again each time that
 * work is given away; without memory for that none is.  Also returns SCOPE_ENOMEM: nothing was done. */
int scope_reduce(struct scope *s, size_t begin, size_t end, const struct scope_reduction *reduction, void *result);

struct scope_prefix {
    size_t size;
    const void *identity;
    /* Adds the items [begin, end) to *sum, one after the other.  If before is not NULL it also writes their results: for each
     * item, *before and *sum combined, before the item is added (an exclusive scan) or afterwards (inclusive).  *sum has to be
     * the same in both cases. */
    int (*scan)(struct scope *s, size_t begin, size_t end, const void *before, void *sum, void *arg);
    void (*combine)(void *left, const void *right, void *arg);
    void *arg;
    size_t block; /* as in scope_reduction; at most 2^20 blocks are made */
};

/* Scans [begin, end); total, if it is not NULL, gets the sum of all.  Some items are passed to scan twice, first without before.
 * Memory: two values for each block, once another worker takes part; without memory none does.  Also returns SCOPE_ENOMEM, if values
 * are larger than 32 bytes: nothing was done. */
int scope_scan(struct scope *s, size_t begin, size_t end, const struct scope_prefix *prefix, void *total);

/* ----------------------------------------------------------------------------------------------------------- Searches */

/* Returns the first match in [begin, end), or end. */
typedef size_t scope_find_fn(struct scope *s, size_t begin, size_t end, void *arg);

/* Sets *found to the first item of [begin, end) that is looked for, or to end.  Items beyond it may be looked at, too. */
int scope_find(struct scope *s, size_t begin, size_t end, scope_find_fn *find, void *arg, size_t *found);

/* Sets *any to whether there is one that is looked for; once one is found, no chunk starts. */
int scope_any(struct scope *s, size_t begin, size_t end, scope_find_fn *find, void *arg, bool *any);

/* Sets *all to whether there is none that find looks for: it looks for an exception. */
int scope_all(struct scope *s, size_t begin, size_t end, scope_find_fn *find, void *arg, bool *all);

/* Copies those elements of input for which keep(element, arg) is true to output, in their order; *kept: how many.  output has
 * room for all count of them; it may be input itself, but else does not overlap it.  If it fails *kept is 0, and what
 * output holds is not defined: give it other memory if the input still matters. */
int scope_filter(struct scope *s, const void *input, size_t count, size_t size, void *output,
                 bool (*keep)(const void *element, void *arg), void *arg, size_t *kept);

/* Adds to counts, which has bins of them: fill(s, begin, end, counts, arg) counts the items of a chunk in an array that nobody else
 * uses meanwhile.  If it fails, what counts holds is not defined.  Memory: another array each time that work is given away; without
 * memory none is. */
typedef int scope_fill_fn(struct scope *s, size_t begin, size_t end, uint64_t *counts, void *arg);
int scope_histogram(struct scope *s, size_t begin, size_t end, size_t bins, uint64_t *counts, scope_fill_fn *fill,
                    void *arg);

#ifdef __cplusplus
}
#endif

#endif

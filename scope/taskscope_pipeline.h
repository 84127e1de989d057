/* Pipelines: a stream of items through stages that work at the same time.  taskscope.h includes this file.
 *
 *     static const struct scope_stage stages[] = {
 *         {.name = "read", .fn = read_block, .arg = &input},
 *         {.name = "compress", .kind = SCOPE_STAGE_PARALLEL, .fn = compress_block},
 *         {.name = "write", .kind = SCOPE_STAGE_IN_ORDER, .fn = write_block, .arg = &output},
 *     };
 *
 *     int status = scope_pipeline(s, stages, 3, 0, free);
 *
 * The first stage is the source: it makes the items, one at a time.  Each goes through the other stages, one after the
 * other. */
#ifndef TASKSCOPE_PIPELINE_H
#define TASKSCOPE_PIPELINE_H

#include "taskscope.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -------------------------------------------------------------------------------------------------------- Pipelines */

/* How many items a stage has at a time, and in which order. */
enum scope_stage_kind {
    SCOPE_STAGE_PARALLEL = 0, /* any number of items at once */
    SCOPE_STAGE_SERIAL = 1,   /* one item at a time, in the order in which they arrive */
    SCOPE_STAGE_IN_ORDER = 2, /* one item at a time, in the order in which the source made them */
};

/* What a stage does with an item.  *item is what the stage before left there; the function may replace it, and then the
 * old one is its to free.  NULL: it has consumed the item, and later stages are not called with it.  The source finds
 * NULL, and sets *item, or ends the stream by leaving it so.
 *   s        to poll, to fork, to spawn into; cancelled when the pipeline stops early.
 *   Returns  0.  SCOPE_ECANCELED: the pipeline is to stop, without an error.  Anything else: an error, which stops it,
 *            too; then *item is disposed of as it stands. */
typedef int scope_stage_fn(struct scope *s, void **item, void *arg);

/* A stage.  The array of them is the caller's. */
struct scope_stage {
    const char *name; /* for errors; NULL */
    enum scope_stage_kind
        kind; /* omitted: SCOPE_STAGE_PARALLEL.  The source is called for one item at a time, whatever this says */
    scope_stage_fn *fn;
    void *arg;
};

/* The most stages of a pipeline, and the most items that can be on their way in it. */
#define SCOPE_STAGES_MAX 256
#define SCOPE_TOKENS_MAX (1u << 20)

/* Runs a pipeline of count stages, the source first, until all its items have been through.
 *   s        the innermost scope of the calling body or task; or NULL: the call opens a scope of its own, in the pool
 *            that the caller is in, else in the default pool.
 *   stages   must stay as they are until the call returns.
 *   tokens   at most so many items are on their way at once: the source is not called while there are.  0: 4 for each
 *            worker.
 *   dispose  called once, by any worker, for each item whose way has ended and that no stage has consumed: it has left
 *            the last stage, or the pipeline stopped and it will not get there.  Before its place is given to another
 *            item.  NULL: nothing is to be done.
 *   Order    one worker takes an item as far as it can; no thread waits at a stage.  With one worker each item goes all
 *            the way before the next is made.  What a stage wrote is visible to the next one that has the item, and, if
 *            it is not a parallel one, to its own next call.  No stage may wait for another item: with one worker that
 *            would be for ever.
 *   Stop     a stage that fails stops the pipeline, as does the cancellation of s: calls that run end, no other
 *            begins.  The error is recorded in s with the stage and the number of the item, both from 0 (and the
 *            message of scope_fail with that code), which cancels s as its policy says.  If several stages fail it is
 *            the first.
 *   Returns  SCOPE_OK: all items are through.  The code of the stage that failed, not to be recorded again when the
 *            caller returns it; SCOPE_ERROR, recorded likewise, if it was a task that a stage had spawned into its
 *            scope.  SCOPE_ECANCELED: s was cancelled (perhaps after the last item), or a stage said so.  SCOPE_EINVAL:
 *            a NULL, no stage, or too many stages or tokens; SCOPE_EPERM: s is not the innermost scope of the caller;
 *            SCOPE_ENOMEM, SCOPE_EDEPTH: no stage was called.  With s NULL instead what scope_run returns, if a stage
 *            failed.
 *   Leaving  a stage, and dispose, must return: an exception or pthread_exit that leaves it ends the program.
 *   Memory   is allocated at the start: some 100 bytes a token, and 8 to 16 for each token and in-order stage.
 *   Cost     per item and stage, beside the function's: about 12 ns with one worker (bench/pipeline).  With several,
 *            their caches pass items to and fro, and sleeping ones are woken: an item should take some microseconds or
 *            more. */
int scope_pipeline(struct scope *s, const struct scope_stage *stages, size_t count, size_t tokens,
                   void (*dispose)(void *item));

#ifdef __cplusplus
}
#endif

#endif

/* Plain loops: over a range, in two and three dimensions, over arrays; and several functions at once. */
#include "scope/loop.h"

/* A loop that nothing has to be done for when it is divided. */
static struct loop plain_loop(int (*run)(struct scope *s, struct part *part, struct scope_range *chunk),
                              const void *what, uintptr_t body, size_t row)
{
    return (struct loop){.run = run, .what = what, .body = body, .any_order = true, .row = row, .stop = {LOOP_NO_STOP}};
}

/* items: of the whole loop, of which that is left; 0: that is all. */
static int plain_run(struct scope *s, struct loop *loop, size_t items, struct brief left)
{
    struct part part = {.loop = loop,
                        .items = items,
                        .begin = left.begin,
                        .end = left.end,
                        .item_ns = left.item_ns,
                        .proven = left.proven,
                        .since = left.since};
    return scopei_loop_in(s, scopei_loop_run, &part);
}

struct loop_for {
    scope_for_fn *body;
    void *arg;
};

static int for_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    const struct loop_for *what = part->loop->what;
    return what->body(s, chunk->begin, chunk->end, what->arg);
}

int scope_for(struct scope *s, size_t begin, size_t end, scope_for_fn *body, void *arg)
{
    struct brief brief = {.begin = begin, .end = end};
    if (!body || begin > end)
        return SCOPE_EINVAL;
    int code = scopei_loop_brief(s, &brief, body, arg);
    if (code || (begin < end && brief.begin == brief.end))
        return code;
    struct loop_for what = {body, arg};
    struct loop loop = plain_loop(for_run, &what, (uintptr_t)body, LOOP_ALIGN);
    return plain_run(s, &loop, end - begin, brief);
}

/* ----------------------------------------------------------------------------------------- In two and three dimensions
 *
 * Items are numbered in the order of the serial loops.  A chunk of numbers is cut into boxes: what is left of a row, whole rows
 * of a plane, whole planes, and the same backwards; most chunks are one of those. */

struct loop_3d {
    struct scope_range range[3]; /* planes, rows, columns */
    size_t row, plane;           /* items of each */
    scope_for_2d_fn *body_2d;    /* NULL: body_3d */
    scope_for_3d_fn *body_3d;
    void *arg;
};

static size_t range_length(struct scope_range range)
{
    return range.end - range.begin;
}

static struct scope_range range_cut(struct scope_range range, size_t begin, size_t end)
{
    return (struct scope_range){range.begin + begin, range.begin + end};
}

/* Where the largest box ends that begins there and ends by end. */
static size_t box_end(const struct loop_3d *what, size_t begin, size_t end)
{
    size_t unit = 1, around = what->row; /* a part of a row */
    if (begin % what->plane == 0 && end - begin >= what->plane)
        unit = what->plane, around = SIZE_MAX;
    else if (begin % what->row == 0 && end - begin >= what->row)
        unit = what->row, around = what->plane;
    size_t room = around - begin % around;
    size_t count = end - begin < room ? end - begin : room;
    return begin + count - count % unit;
}

/* The items [begin, end) are a box. */
static int box_run(struct scope *s, const struct loop_3d *what, size_t begin, size_t end)
{
    size_t plane = begin / what->plane, row = begin % what->plane / what->row, column = begin % what->row;
    size_t count = end - begin;
    size_t planes = count > what->plane ? count / what->plane : 1;
    size_t rows = count >= what->plane ? what->plane / what->row : count > what->row ? count / what->row : 1;
    size_t columns = count >= what->row ? what->row : count;
    struct scope_range r = range_cut(what->range[1], row, row + rows);
    struct scope_range c = range_cut(what->range[2], column, column + columns);
    return what->body_2d ? what->body_2d(s, r, c, what->arg)
                         : what->body_3d(s, range_cut(what->range[0], plane, plane + planes), r, c, what->arg);
}

/* Each box is a chunk to the user: it alone is named if it fails, and none begins when s is cancelled. */
static int for_3d_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    const struct loop_3d *what = part->loop->what;
    for (size_t at = chunk->begin, next; at < chunk->end; at = next) {
        next = box_end(what, at, chunk->end);
        int code = scope_cancelled(s) ? SCOPE_ECANCELED : box_run(s, what, at, next);
        if (SCOPEI_UNLIKELY(code)) {
            *chunk = (struct scope_range){at, next};
            return code;
        }
    }
    return 0;
}

/* Fills in the lengths.  False: a range is backwards, or there are too many items. */
static bool box_init(struct loop_3d *what)
{
    size_t all;
    bool empty = false;
    for (int i = 0; i < 3; i++) {
        if (what->range[i].begin > what->range[i].end)
            return false;
        empty |= what->range[i].begin == what->range[i].end;
    }
    what->row = what->plane = 0;
    if (empty)
        return true;
    what->row = range_length(what->range[2]);
    return !__builtin_mul_overflow(range_length(what->range[1]), what->row, &what->plane) &&
           !__builtin_mul_overflow(range_length(what->range[0]), what->plane, &all);
}

static int boxes_run(struct scope *s, struct loop_3d *what)
{
    if (!box_init(what))
        return SCOPE_EINVAL;
    uintptr_t body = what->body_2d ? (uintptr_t)what->body_2d : (uintptr_t)what->body_3d;
    struct loop loop = plain_loop(for_3d_run, what, body, what->row);
    return plain_run(s, &loop, 0, (struct brief){.end = range_length(what->range[0]) * what->plane});
}

int scope_for_2d(struct scope *s, struct scope_range rows, struct scope_range columns, scope_for_2d_fn *body, void *arg)
{
    struct loop_3d what = {.range = {{0, 1}, rows, columns}, .body_2d = body, .arg = arg};
    return body ? boxes_run(s, &what) : SCOPE_EINVAL;
}

int scope_for_3d(struct scope *s, struct scope_range planes, struct scope_range rows, struct scope_range columns,
                 scope_for_3d_fn *body, void *arg)
{
    struct loop_3d what = {.range = {planes, rows, columns}, .body_3d = body, .arg = arg};
    return body ? boxes_run(s, &what) : SCOPE_EINVAL;
}

/* ---------------------------------------------------------------------------------------------------- Item by item */

struct loop_each {
    char *array;
    size_t size;
    scope_each_fn *body;
    void *arg;
};

/* Item i of a chunk has failed: it alone is named. */
static int item_fail(struct scope_range *chunk, size_t i, int code)
{
    *chunk = (struct scope_range){i, i + 1};
    return code;
}

static int each_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    const struct loop_each *what = part->loop->what;
    for (size_t i = chunk->begin; i < chunk->end; i++) {
        int code = what->body(s, what->array + i * what->size, what->arg);
        if (SCOPEI_UNLIKELY(code))
            return item_fail(chunk, i, code);
    }
    return 0;
}

int scope_for_each(struct scope *s, void *array, size_t count, size_t size, scope_each_fn *body, void *arg)
{
    struct loop_each what = {array, size, body, arg};
    struct loop loop = plain_loop(each_run, &what, (uintptr_t)body, 0);
    return body && loop_array(array, count, size) ? plain_run(s, &loop, 0, (struct brief){.end = count}) : SCOPE_EINVAL;
}

struct loop_map {
    const char *input;
    char *output;
    size_t input_size, output_size;
    int *status;
    scope_map_fn *fn;
    void *arg;
};

static int map_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    const struct loop_map *what = part->loop->what;
    for (size_t i = chunk->begin; i < chunk->end; i++) {
        int code = what->fn(s, what->input + i * what->input_size, what->output + i * what->output_size, what->arg);
        if (what->status)
            what->status[i] = code;
        else if (SCOPEI_UNLIKELY(code))
            return item_fail(chunk, i, code);
    }
    return 0;
}

static int map_work(struct scope *s, void *arg)
{
    struct part *part = arg;
    const struct loop_map *what = part->loop->what;
    for (size_t i = 0; what->status && i < part->end; i++)
        what->status[i] = SCOPE_ECANCELED;
    return scopei_loop_run(s, part);
}

int scope_map(struct scope *s, const void *input, size_t input_size, void *output, size_t output_size, size_t count,
              int *status, scope_map_fn *fn, void *arg)
{
    struct loop_map what = {input, output, input_size, output_size, status, fn, arg};
    struct loop loop = plain_loop(map_run, &what, (uintptr_t)fn, 0);
    struct part part = {.loop = &loop, .end = count};
    if (!fn || !loop_array(input, count, input_size) || !loop_array(output, count, output_size))
        return SCOPE_EINVAL;
    return scopei_loop_in(s, map_work, &part);
}

/* ------------------------------------------------------------------------------------------------------------- Invoke */

struct calls {
    struct loop *loop;
    struct scope_range range;
};

static int call_run(struct scope *s, struct loop *loop, struct scope_range which)
{
    const struct scope_call *call = (const struct scope_call *)loop->what + which.begin;
    struct worker *w = worker_self();
    struct said past = {.inner = NULL};
    scopei_said_aside(w, &past);
    int code = call->fn(s, call->arg);
    if (SCOPEI_UNLIKELY(code))
        (void)scopei_loop_fail(loop, s, code, which);
    scopei_said_back(w, &past);
    return code;
}

static int calls_run(struct scope *s, void *arg)
{
    struct calls *near = arg;
    struct loop *loop = near->loop;
    size_t begin = near->range.begin, count = range_length(near->range);
    if (count > 1) {
        struct calls far = {loop, {begin + (count + 1) / 2, near->range.end}};
        near->range.end = far.range.begin;
        return scope_fork2(s, calls_run, &far, calls_run, near);
    }
    if (scope_cancelled(s) || load_relaxed(&loop->stop) == 0) /* Relaxed: a late look costs one call. */
        return SCOPE_ECANCELED;
    return call_run(s, loop, near->range);
}

static int invoke_work(struct scope *s, void *arg)
{
    struct calls *all = arg;
    return range_length(all->range) ? scopei_loop_code(all->loop, s, calls_run(s, all)) : SCOPE_OK;
}

int scope_invoke(struct scope *s, const struct scope_call *calls, size_t count)
{
    struct loop loop = {.what = calls, .stop = {LOOP_NO_STOP}};
    struct calls all = {&loop, {0, count}};
    for (size_t i = 0; i < count; i++)
        if (!calls || !calls[i].fn)
            return SCOPE_EINVAL;
    return scopei_loop_in(s, invoke_work, &all);
}

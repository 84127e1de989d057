/* The engine under all loops, and the plain ones.
 *
 * One part of the range belongs to one task at a time, which runs chunk after chunk of it.  Between them it looks at a word of its
 * own: is anybody asking (deque.h)?  If so, and if what is left is worth it, the far half becomes a forked task of its own, and
 * when the near half is done the two are joined.  So without idle workers there is not one task, and no shared word is
 * touched.
 *
 * How long a chunk may be is found by growing them.  The clock cannot be read for each item, as a look at it costs as much as 80
 * items of a cheap loop (24 ns on the machine of bench/results); and not at the beginning and after the first item, as that
 * would be felt in a loop of 100.  So the first look is after the first item, and says no more than how long ago the worker's last
 * look was: if not long, the item was cheap. */
#include "scope/loop.h"
#include "sched/idle.h"

/* The first chunk is one item, as that may take long; the next ones are so many times the one before at most. */
#define CHUNK_GROWTH 64

/* Chunks that are longer end at multiples of this, so that vectors of an aligned array are not cut. */
#define CHUNK_ALIGN 64

/* A chunk is to take an eighth of what is left, so that little remains to be shared at the end, but within these limits: below,
 * reading the clock would be felt (1 %), above, those who ask would wait. */
#define CHUNK_LEAST_NS 2000
#define CHUNK_MOST_NS 10000
#define CHUNK_SHARE 8

/* A chunk that took less tells too little of the items' cost to divide a loop for it. */
#define MEASURED_NS 100

/* With more items it does not matter if the first has ended before any are given away. */
#define OFFER_MOST 64

/* Nobody was told of that half: if it is still there when the near one turns out to take so long, a sleeper is woken. */
#define WORTH_TELLING_NS 200000

/* ------------------------------------------------------------------------------------------------------------ The engine */

static size_t part_left(const struct part *part)
{
    return part->end - part->begin;
}

/* Where the next chunk ends. */
static size_t chunk_end(const struct part *part)
{
    size_t row = part->loop->row;
    if (part_left(part) <= part->chunk)
        return part->end;
    size_t end = part->begin + part->chunk;
    return row && part->chunk >= row ? end - end % row : end;
}

/* A chunk of count items took so long, or at most so long. */
static void chunk_adapt(struct part *part, size_t count, double taken_ns, bool at_most)
{
    double item_ns = (taken_ns > 1 ? taken_ns : 1) / (double)count, left = (double)part_left(part);
    double share = item_ns * left / CHUNK_SHARE;
    double aim = share < CHUNK_LEAST_NS ? CHUNK_LEAST_NS : share < CHUNK_MOST_NS ? share : CHUNK_MOST_NS;
    double items = aim / item_ns, least = at_most ? (double)count : 1, most = (double)count * CHUNK_GROWTH;
    items = items < least ? least : items < most ? items : most;
    part->chunk = items < left ? (size_t)items : part_left(part);
    part->item_ns = at_most || taken_ns < MEASURED_NS ? 0 : item_ns;
}

/* A chunk of count items, which began at before, has ended; 0: it is not known when.  Returns when it ended, in ticks. */
static uint64_t part_look(struct worker *w, struct part *part, size_t count, uint64_t before)
{
    const struct scope_pool *pool = w->pool;
    if (!before && count == 1 && !scopei_deque_requested(&w->deque)) {
        part->chunk = CHUNK_GROWTH - 1; /* nobody asks, so nobody waits if they should take long */
        return 0;
    }
    uint64_t now = os_ticks(), since = before ? before + pool->tick_cost : w->looked;
    chunk_adapt(part, count, (double)(int64_t)(now - since) * pool->tick_ns, !before);
    w->looked = now;
    return now;
}

/* True if somebody asks for work, and the rest of the part is enough to share. */
static bool part_wanted(const struct worker *w, struct part *part)
{
    if (part->item_ns == 0 || part_left(part) < 2 || !scopei_deque_requested(&w->deque))
        return false;
    double left_ns = part->item_ns * (double)part_left(part);
    bool worth = scopei_idle_worth(w, left_ns);
    if (part->offered && !worth && left_ns >= WORTH_TELLING_NS) {
        part->offered = false;
        scopei_idle_notify(w->pool, (const struct lineage *)w->node);
    }
    return worth;
}

static int part_run(struct scope *s, void *arg);

static size_t part_middle(const struct part *part)
{
    size_t row = part->loop->row, middle = part->begin + (part_left(part) + 1) / 2;
    return row && middle - part->begin >= row ? middle - middle % row : middle;
}

/* A loop of few items, whose cost nobody knows yet, and somebody waits for work: the far half can be had, if the near one takes
 * long.  Otherwise all would wait for the first item. */
static int part_offer(struct worker *w, struct part *near)
{
    struct part far = *near;
    far.begin = part_middle(near);
    near->end = far.begin;
    near->offered = true;
    return scopei_fork2_offer(w, part_run, &far, part_run, near);
}

/* Gives the far half away and runs the near one.  False: it could not be divided. */
static bool part_split(struct scope *s, struct part *near, int *code)
{
    struct loop *loop = near->loop;
    struct part far = *near;
    far.begin = part_middle(near);
    far.offered = false;
    if (loop->split && !loop->split(near, &far))
        return false;
    near->end = far.begin;
    *code = scope_fork2(s, part_run, &far, part_run, near);
    if (loop->join)
        loop->join(near, &far);
    return true;
}

/* A chunk returned a code: no other is to start. */
static int loop_fail(struct loop *loop, struct scope *s, int code, struct scope_range chunk)
{
    if (code != SCOPE_ECANCELED) {
        (void)cas_acq_rel(&loop->code, 0, (uint32_t)code); /* pairs with: loop_code */
        scopei_error_items(worker_self(), s, code, chunk);
    }
    store_relaxed(&loop->stop, 0); /* Relaxed: sooner or later is soon enough. */
    return code;
}

static int part_run(struct scope *s, void *arg)
{
    struct part *part = arg;
    struct loop *loop = part->loop;
    struct worker *w = worker_self();
    uint64_t before = part->item_ns > 0 ? os_ticks() : 0;
    int code;
    while (part->begin < load_relaxed(&loop->stop)) { /* Relaxed: a late look costs one chunk. */
        if (scope_cancelled(s))
            return SCOPE_ECANCELED;
        if (part_wanted(w, part) && part_split(s, part, &code))
            return code;
        struct scope_range chunk = {part->begin, chunk_end(part)};
        code = loop->run(s, part, &chunk);
        if (SCOPEI_UNLIKELY(code))
            return loop_fail(loop, s, code, chunk);
        size_t count = chunk.end - chunk.begin;
        part->begin = chunk.end;
        if (part->begin == part->end)
            return 0;
        before = part_look(w, part, count, before);
    }
    return 0;
}

/* What a loop returns that has ended with code in one of its parts. */
static int loop_code(const struct loop *loop, int code)
{
    int failed = (int)(uint32_t)load_acquire(&loop->code); /* pairs with: loop_fail */
    return failed ? failed : code;
}

/* The parts of a loop are on the stack, so none may be left but by returning. */
int scopei_loop_run(struct scope *s, struct part *part)
{
    struct worker *w = worker_self();
    size_t items = part_left(part);
    if (items == 0)
        return SCOPE_OK;
    part->chunk = 1;
    part->item_ns = 0;
    part->offered = false;
    bool offers = items > 1 && items <= OFFER_MOST && !part->loop->split && scopei_deque_requested(&w->deque) &&
                  scopei_idle_hungry(w);
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    int code = offers ? part_offer(w, part) : part_run(s, part);
    called = false;
    return loop_code(part->loop, code);
}

int scopei_loop_in(struct scope *s, scope_fn *work, void *arg)
{
    const struct worker *w = worker_self();
    if (!s)
        return scope_run(work, arg);
    return w && w->open == s ? work(s, arg) : SCOPE_EPERM;
}

/* -------------------------------------------------------------------------------------------------------- Plain loops */

struct loop_for {
    struct scope_range range;
    scope_for_fn *body;
    void *arg;
};

static int for_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    const struct loop_for *what = part->loop->what;
    return what->body(s, chunk->begin, chunk->end, what->arg);
}

static int for_work(struct scope *s, void *arg)
{
    const struct loop_for *what = arg;
    struct loop loop = {.run = for_run, .what = what, .row = CHUNK_ALIGN, .stop = {LOOP_NO_STOP}};
    struct part part = {.loop = &loop, .begin = what->range.begin, .end = what->range.end};
    return scopei_loop_run(s, &part);
}

int scope_for(struct scope *s, size_t begin, size_t end, scope_for_fn *body, void *arg)
{
    struct loop_for what = {{begin, end}, body, arg};
    return body && begin <= end ? scopei_loop_in(s, for_work, &what) : SCOPE_EINVAL;
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

static int for_3d_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    const struct loop_3d *what = part->loop->what;
    int code = 0;
    for (size_t at = chunk->begin, next; !code && at < chunk->end; at = next) {
        next = box_end(what, at, chunk->end);
        code = box_run(s, what, at, next);
    }
    return code;
}

static int for_3d_work(struct scope *s, void *arg)
{
    const struct loop_3d *what = arg;
    struct loop loop = {.run = for_3d_run, .what = what, .row = what->row, .stop = {LOOP_NO_STOP}};
    struct part part = {.loop = &loop, .end = range_length(what->range[0]) * what->plane};
    return what->plane ? scopei_loop_run(s, &part) : SCOPE_OK;
}

/* Fills in the lengths.  False: a range is backwards, or there are too many items. */
static bool box_init(struct loop_3d *what)
{
    size_t all;
    for (int i = 0; i < 3; i++)
        if (what->range[i].begin > what->range[i].end)
            return false;
    what->row = range_length(what->range[2]);
    return !__builtin_mul_overflow(range_length(what->range[1]), what->row, &what->plane) &&
           !__builtin_mul_overflow(range_length(what->range[0]), what->plane, &all);
}

int scope_for_2d(struct scope *s, struct scope_range rows, struct scope_range columns, scope_for_2d_fn *body, void *arg)
{
    struct loop_3d what = {.range = {{0, 1}, rows, columns}, .body_2d = body, .arg = arg};
    return body && box_init(&what) ? scopei_loop_in(s, for_3d_work, &what) : SCOPE_EINVAL;
}

int scope_for_3d(struct scope *s, struct scope_range planes, struct scope_range rows, struct scope_range columns,
                 scope_for_3d_fn *body, void *arg)
{
    struct loop_3d what = {.range = {planes, rows, columns}, .body_3d = body, .arg = arg};
    return body && box_init(&what) ? scopei_loop_in(s, for_3d_work, &what) : SCOPE_EINVAL;
}

/* ---------------------------------------------------------------------------------------------------- Item by item */

struct loop_each {
    char *array;
    size_t count, size;
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

static int each_work(struct scope *s, void *arg)
{
    const struct loop_each *what = arg;
    struct loop loop = {.run = each_run, .what = what, .stop = {LOOP_NO_STOP}};
    struct part part = {.loop = &loop, .end = what->count};
    return scopei_loop_run(s, &part);
}

static bool array_valid(const void *array, size_t count, size_t size)
{
    size_t bytes;
    return size && (array || !count) && !__builtin_mul_overflow(count, size, &bytes);
}

int scope_for_each(struct scope *s, void *array, size_t count, size_t size, scope_each_fn *body, void *arg)
{
    struct loop_each what = {array, count, size, body, arg};
    return body && array_valid(array, count, size) ? scopei_loop_in(s, each_work, &what) : SCOPE_EINVAL;
}

struct loop_map {
    const char *input;
    char *output;
    size_t input_size, output_size, count;
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
    const struct loop_map *what = arg;
    struct loop loop = {.run = map_run, .what = what, .stop = {LOOP_NO_STOP}};
    struct part part = {.loop = &loop, .end = what->count};
    return scopei_loop_run(s, &part);
}

int scope_map(struct scope *s, const void *input, size_t input_size, void *output, size_t output_size, size_t count,
              int *status, scope_map_fn *fn, void *arg)
{
    struct loop_map what = {input, output, input_size, output_size, count, status, fn, arg};
    if (!fn || !array_valid(input, count, input_size) || !array_valid(output, count, output_size))
        return SCOPE_EINVAL;
    for (size_t i = 0; status && i < count; i++)
        status[i] = SCOPE_ECANCELED;
    return scopei_loop_in(s, map_work, &what);
}

/* ------------------------------------------------------------------------------------------------------------- Invoke */

struct calls {
    struct loop *loop;
    struct scope_range range;
};

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
    const struct scope_call *call = (const struct scope_call *)loop->what + begin;
    int code = call->fn(s, call->arg);
    return code ? loop_fail(loop, s, code, near->range) : 0;
}

static int invoke_work(struct scope *s, void *arg)
{
    struct calls *all = arg;
    return loop_code(all->loop, calls_run(s, all));
}

int scope_invoke(struct scope *s, const struct scope_call *calls, size_t count)
{
    struct loop loop = {.what = calls, .stop = {LOOP_NO_STOP}};
    struct calls all = {&loop, {0, count}};
    for (size_t i = 0; i < count; i++)
        if (!calls || !calls[i].fn)
            return SCOPE_EINVAL;
    return count ? scopei_loop_in(s, invoke_work, &all) : SCOPE_OK;
}

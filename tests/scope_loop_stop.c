/* What all loops and their relatives do once they are stopped, by each of their calls in turn: on one worker not one chunk begins
 * afterwards, and what is returned says whether anything was left undone. */
#include "tests/scope_check.h"

#include <time.h>

#define ITEMS ((size_t)300)
#define FAILED 41

/* Items that take so long each make chunks of few: a chunk takes up to 30 us.  So many more may follow in that of the one that
 * cancels; the first chunk, of which nothing is known, has 8. */
#define ITEM_US 4
#define ITEMS_LATE 16

enum way { CANCELS, FAILS, GIVES_UP };

/* What the calls of a loop do, and have done; all on one worker. */
struct stopping {
    enum way way;
    bool slow;    /* an item takes ITEM_US */
    size_t n;     /* items there are */
    size_t left;  /* calls until one stops the loop */
    size_t items; /* that were begun */
    size_t late;  /* of these, after that */
    bool over;
};

static void burn(double microseconds)
{
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (1e6 * (double)(now.tv_sec - begin.tv_sec) + 1e-3 * (double)(now.tv_nsec - begin.tv_nsec) < microseconds);
}

/* A call for so many items.  Returns the code of its chunk. */
static int call_begins(struct scope *s, struct stopping *stop, size_t items)
{
    stop->items += items;
    if (stop->over)
        stop->late += items;
    if (stop->slow)
        burn((double)(ITEM_US * items));
    if (stop->over || --stop->left > 0)
        return 0;
    stop->over = true;
    if (stop->way == CANCELS)
        CHECK_EQ_INT(scope_cancel(s), 1);
    return stop->way == CANCELS ? 0 : stop->way == FAILS ? FAILED : SCOPE_ECANCELED;
}

/* ----------------------------------------------------------------------------------------------------- All that loops */

static int for_chunk(struct scope *s, size_t begin, size_t end, void *arg)
{
    return call_begins(s, arg, end - begin);
}

static int stop_for(struct scope *s, struct stopping *stop)
{
    return scope_for(s, 0, stop->n, for_chunk, stop);
}

static int rectangle(struct scope *s, struct scope_range rows, struct scope_range columns, void *arg)
{
    return call_begins(s, arg, (rows.end - rows.begin) * (columns.end - columns.begin));
}

static int stop_2d(struct scope *s, struct stopping *stop)
{
    return scope_for_2d(s, (struct scope_range){0, stop->n / 6}, (struct scope_range){0, 6}, rectangle, stop);
}

static int fill(struct scope *s, size_t begin, size_t end, uint64_t *counts, void *arg)
{
    counts[0] += end - begin;
    return call_begins(s, arg, end - begin);
}

static int stop_histogram(struct scope *s, struct stopping *stop)
{
    uint64_t count = 0;
    int code = scope_histogram(s, 0, stop->n, 1, &count, fill, stop);
    CHECK(code || count == stop->n);
    return code;
}

static int one_call(struct scope *s, void *arg)
{
    return call_begins(s, arg, 1);
}

static int stop_invoke(struct scope *s, struct stopping *stop)
{
    struct scope_call calls[ITEMS];
    for (size_t i = 0; i < stop->n; i++)
        calls[i] = (struct scope_call){one_call, stop};
    return scope_invoke(s, calls, stop->n);
}

/* Can't fail. */
static size_t nowhere(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)call_begins(s, arg, end - begin);
    return end;
}

static int stop_find(struct scope *s, struct stopping *stop)
{
    size_t found = 7;
    int code = scope_find(s, 0, stop->n, nowhere, stop, &found);
    CHECK_EQ_INT(found, code ? 7 : stop->n);
    return code;
}

static char elements[ITEMS], outputs[ITEMS];

static int each(struct scope *s, void *element, void *arg)
{
    *(char *)element = 1;
    return call_begins(s, arg, 1);
}

static int stop_each(struct scope *s, struct stopping *stop)
{
    return scope_for_each(s, elements, stop->n, 1, each, stop);
}

static int mapped(struct scope *s, const void *input, void *output, void *arg)
{
    *(char *)output = *(const char *)input;
    return call_begins(s, arg, 1);
}

static int stop_map(struct scope *s, struct stopping *stop)
{
    return scope_map(s, elements, 1, outputs, 1, stop->n, NULL, mapped, stop);
}

/* Those that were called, and no others, have their own code. */
static int stop_map_status(struct scope *s, struct stopping *stop)
{
    int status[ITEMS];
    size_t called = 0;
    int code = scope_map(s, elements, 1, outputs, 1, stop->n, status, mapped, stop);
    for (size_t i = 0; i < stop->n; i++) {
        CHECK(status[i] == 0 || status[i] == SCOPE_ECANCELED);
        called += status[i] == 0;
    }
    CHECK_EQ_INT(called, stop->items);
    return code;
}

static int reduce_map(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    *(size_t *)value += end - begin;
    return call_begins(s, arg, end - begin);
}

static void reduce_combine(void *left, const void *right, void *arg)
{
    (void)arg;
    *(size_t *)left += *(const size_t *)right;
}

static const size_t nothing;

static int stop_reduce(struct scope *s, struct stopping *stop)
{
    const struct scope_reduction what = {sizeof(nothing), &nothing, reduce_map, reduce_combine, stop, 1};
    size_t total = 7;
    int code = scope_reduce(s, 0, stop->n, &what, &total);
    CHECK_EQ_INT(total, code ? 7 : stop->n);
    return code;
}

static int scan_some(struct scope *s, size_t begin, size_t end, const void *before, void *sum, void *arg)
{
    (void)before;
    *(size_t *)sum += end - begin;
    return call_begins(s, arg, end - begin);
}

static int stop_scan(struct scope *s, struct stopping *stop)
{
    const struct scope_prefix what = {sizeof(nothing), &nothing, scan_some, reduce_combine, stop, 1};
    size_t total = 7;
    int code = scope_scan(s, 0, stop->n, &what, &total);
    CHECK_EQ_INT(total, code ? 7 : stop->n);
    return code;
}

/* --------------------------------------------------------------------------------------------------------- One by one */

/* whole: each call is a chunk of its own; else there are calls in a chunk, which end it when they fail, but not when they cancel. */
static const struct kind {
    const char *name;
    int (*run)(struct scope *s, struct stopping *stop);
    bool whole, fails;
} kinds[] = {
    {"for", stop_for, true, true},
    {"for_2d", stop_2d, true, true},
    {"histogram", stop_histogram, true, true},
    {"invoke", stop_invoke, true, true},
    {"find", stop_find, true, false},
    {"for_each", stop_each, false, true},
    {"map", stop_map, false, true},
    {"map with status", stop_map_status, false, false},
    {"reduce", stop_reduce, false, true},
    {"scan", stop_scan, false, true},
};

/* What a loop returns that was, or was not, stopped in this way. */
static bool code_fits(const struct stopping *stop, int code)
{
    if (stop->over && stop->way != CANCELS)
        return code == (stop->way == FAILS ? FAILED : SCOPE_ECANCELED);
    /* Who cancels in the last chunk may be told so, or that all was done. */
    return (code == SCOPE_OK && stop->items == stop->n) || (code == SCOPE_ECANCELED && stop->over);
}

static void stop_checked(struct scope_pool *pool, const struct kind *kind, struct stopping *stop)
{
    struct scope_options options = options_of(pool);
    bool first = stop->left == 1;
    int code = 0;
    options.policy = SCOPE_COLLECT; /* a failure stops the loop, not the scope */
    SCOPE(s, &options, NULL)
    code = kind->run(s, stop);
    bool held = CHECK(code_fits(stop, code));
    held &= CHECK(stop->items <= stop->n);
    if (first && stop->n == ITEMS) /* the first chunk is a short one */
        held &= CHECK(stop->items < stop->n);
    if (kind->whole || stop->way != CANCELS)
        held &= CHECK_EQ_INT(stop->late, 0);
    else if (stop->slow)
        held &= CHECK(stop->late <= ITEMS_LATE);
    if (!held)
        printf("# %s: way %d, slow %d: %zu items of %zu, %zu late, code %d\n", kind->name, stop->way, stop->slow,
               stop->items, stop->n, stop->late, code);
}

/* Stops it at its first call, at later ones, and at last at none. */
static void kind_stopped(struct scope_pool *pool, const struct kind *kind, size_t n, enum way way, bool slow)
{
    bool over = true;
    for (size_t k = 1; over && k <= n; k += 1 + k / (slow ? 2 : 16)) {
        struct stopping stop = {.n = n, .way = way, .slow = slow, .left = k};
        stop_checked(pool, kind, &stop);
        over = stop.over;
    }
}

static void all_stopped(struct scope_pool *pool, bool slow)
{
    static const size_t lengths[] = {6, 12, ITEMS}; /* those that end in one chunk, in two, in more */
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        for (enum way way = CANCELS; way <= (kinds[i].fails ? GIVES_UP : CANCELS); way++)
            for (size_t k = 0; k < sizeof(lengths) / sizeof(*lengths); k++)
                kind_stopped(pool, &kinds[i], lengths[k], way, slow);
}

static void loops_stopped_at_any_call_begin_no_chunk(void)
{
    struct scope_pool *pool = pool_of_one();
    all_stopped(pool, false);
    all_stopped(pool, true);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* With a seed loops are divided even if nobody asks, and the far halves come back: these do not begin, either. */
static void loops_divided_and_stopped_begin_no_chunk(void)
{
    char text[16];
    for (int seed = 1; seed <= TIMES(10, 3); seed++) {
        (void)snprintf(text, sizeof(text), "%d", seed);
        (void)setenv("SCOPE_SEED", text, 1);
        struct scope_pool *pool = pool_of_one();
        (void)unsetenv("SCOPE_SEED");
        all_stopped(pool, false);
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    }
}

static void loops_in_cancelled_scope_do_nothing(void)
{
    struct scope_pool *pool = pool_of_one();
    struct scope_options options = options_of(pool);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct stopping stop = {.n = ITEMS, .left = SIZE_MAX};
        SCOPE(s, &options, NULL)
        {
            (void)scope_cancel(s);
            if (!CHECK_EQ_INT(kinds[i].run(s, &stop), SCOPE_ECANCELED) || !CHECK_EQ_INT(stop.items, 0))
                printf("# %s\n", kinds[i].name);
        }
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

int main(void)
{
    (void)unsetenv("SCOPE_SEED"); /* set where it is wanted */
    check_run("loops_stopped_at_any_call_begin_no_chunk", loops_stopped_at_any_call_begin_no_chunk);
    check_run("loops_divided_and_stopped_begin_no_chunk", loops_divided_and_stopped_begin_no_chunk);
    check_run("loops_in_cancelled_scope_do_nothing", loops_in_cancelled_scope_do_nothing);
    return check_done();
}

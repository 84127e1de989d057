/* Searches: find, filter, histogram. */
#include "scope/loop.h"

#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------------------------------------------- Find */

struct find {
    size_t begin, end;
    scope_find_fn *find;
    void *arg;
    bool any; /* not only the first will do */
    size_t found;
};

/* Items beyond the first that was found need not be looked at: that is where the loop stops. */
static void stop_at(struct atomic_u64 *stop, uint64_t item)
{
    /* Relaxed, all: a hint until the join; who loses the swing looks again. */
    for (uint64_t now = load_relaxed(stop); item < now && !cas_relaxed(stop, now, item); now = load_relaxed(stop))
        ;
}

static int find_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    struct loop *loop = part->loop;
    const struct find *what = loop->what;
    size_t found = what->find(s, chunk->begin, chunk->end, what->arg);
    if (found < chunk->end)
        stop_at(&loop->stop, what->any ? 0 : found);
    return 0;
}

static int find_work(struct scope *s, void *arg)
{
    struct find *what = arg;
    struct loop loop = {.run = find_run, .what = what, .body = (uintptr_t)what->find, .stop = {LOOP_NO_STOP}};
    struct part part = {.loop = &loop, .begin = what->begin, .end = what->end};
    int code = scopei_loop_run(s, &part);
    uint64_t stop = load_relaxed(&loop.stop); /* Relaxed: ordered by the join. */
    what->found = stop < what->end ? (size_t)stop : what->end;
    return code;
}

static int find_call(struct scope *s, struct find *what)
{
    what->found = what->end;
    return what->find && what->begin <= what->end ? scopei_loop_in(s, find_work, what) : SCOPE_EINVAL;
}

int scope_find(struct scope *s, size_t begin, size_t end, scope_find_fn *find, void *arg, size_t *found)
{
    struct find what = {.begin = begin, .end = end, .find = find, .arg = arg};
    int code = found ? find_call(s, &what) : SCOPE_EINVAL;
    if (code == SCOPE_OK)
        *found = what.found;
    return code;
}

int scope_any(struct scope *s, size_t begin, size_t end, scope_find_fn *find, void *arg, bool *any)
{
    struct find what = {.begin = begin, .end = end, .find = find, .arg = arg, .any = true};
    int code = any ? find_call(s, &what) : SCOPE_EINVAL;
    if (code == SCOPE_OK)
        *any = what.found != end;
    return code;
}

int scope_all(struct scope *s, size_t begin, size_t end, scope_find_fn *find, void *arg, bool *all)
{
    int code = scope_any(s, begin, end, find, arg, all);
    if (code == SCOPE_OK)
        *all = !*all;
    return code;
}

/* ------------------------------------------------------------------------------------------------------------ Filter
 *
 * Each part packs what it keeps where its own items begin in the output; a join moves the far part's up to the near one's. */

struct filter {
    const char *input;
    char *output;
    size_t count, size;
    bool (*keep)(const void *element, void *arg);
    void *arg;
    size_t kept;
};

/* The usual sizes without a call. */
static inline void element_copy(char *to, const char *from, size_t size)
{
    if (size == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else if (size == sizeof(uint32_t))
        memcpy(to, from, sizeof(uint32_t));
    else
        memcpy(to, from, size);
}

static int filter_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    (void)s;
    const struct filter *what = part->loop->what;
    size_t size = what->size;
    char *to = what->output + (part->origin + part->count) * size;
    for (size_t i = chunk->begin; i < chunk->end; i++) {
        const char *element = what->input + i * size;
        if (!what->keep(element, what->arg))
            continue;
        if (to != element)
            element_copy(to, element, size);
        to += size;
    }
    part->count = (size_t)(to - what->output) / size - part->origin;
    return 0;
}

static bool filter_split(struct part *near, struct part *far)
{
    (void)near;
    far->origin = far->begin;
    far->count = 0;
    return true;
}

static void filter_join(struct part *near, struct part *far)
{
    const struct filter *what = near->loop->what;
    if (part_done(near) && part_done(far))
        memmove(what->output + (near->origin + near->count) * what->size, what->output + far->origin * what->size,
                far->count * what->size);
    near->count += far->count;
}

static int filter_work(struct scope *s, void *arg)
{
    struct filter *what = arg;
    struct loop loop = {.run = filter_run,
                        .split = filter_split,
                        .join = filter_join,
                        .what = what,
                        .body = (uintptr_t)what->keep,
                        .stop = {LOOP_NO_STOP}};
    struct part part = {.loop = &loop, .end = what->count};
    int code = scopei_loop_run(s, &part);
    what->kept = code ? 0 : part.count;
    return code;
}

int scope_filter(struct scope *s, const void *input, size_t count, size_t size, void *output,
                 bool (*keep)(const void *element, void *arg), void *arg, size_t *kept)
{
    struct filter what = {input, output, count, size, keep, arg, 0};
    if (kept)
        *kept = 0;
    if (!keep || !kept || !loop_array(input, count, size) || !loop_array(output, count, size))
        return SCOPE_EINVAL;
    int code = scopei_loop_in(s, filter_work, &what);
    *kept = code ? 0 : what.kept;
    return code;
}

/* --------------------------------------------------------------------------------------------------------- Histogram */

struct histogram {
    size_t begin, end, bins;
    uint64_t *counts;
    scope_fill_fn *fill;
    void *arg;
};

static int histogram_run(struct scope *s, struct part *part, struct scope_range *chunk)
{
    const struct histogram *what = part->loop->what;
    return what->fill(s, chunk->begin, chunk->end, part->memory, what->arg);
}

static bool histogram_split(struct part *near, struct part *far)
{
    const struct histogram *what = near->loop->what;
    far->memory = calloc(what->bins, sizeof(uint64_t));
    return far->memory != NULL;
}

static void histogram_join(struct part *near, struct part *far)
{
    const struct histogram *what = near->loop->what;
    uint64_t *counts = near->memory;
    const uint64_t *more = far->memory;
    for (size_t i = 0; i < what->bins; i++)
        counts[i] += more[i];
    free(far->memory);
}

static int histogram_work(struct scope *s, void *arg)
{
    const struct histogram *what = arg;
    struct loop loop = {.run = histogram_run,
                        .split = histogram_split,
                        .join = histogram_join,
                        .split_ns = split_cost(2 * what->bins * sizeof(uint64_t)),
                        .what = what,
                        .body = (uintptr_t)what->fill,
                        .stop = {LOOP_NO_STOP}};
    struct part part = {.loop = &loop, .begin = what->begin, .end = what->end, .memory = what->counts};
    return scopei_loop_run(s, &part);
}

int scope_histogram(struct scope *s, size_t begin, size_t end, size_t bins, uint64_t *counts, scope_fill_fn *fill,
                    void *arg)
{
    struct histogram what = {begin, end, bins, counts, fill, arg};
    return fill && counts && bins && begin <= end ? scopei_loop_in(s, histogram_work, &what) : SCOPE_EINVAL;
}

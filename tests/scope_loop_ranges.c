/* Loops over ranges that nobody could run item by item: the longest ones, those at the end of all numbers, those that are too long.  Calls
 * know what their chunk amounts to, so a loop ends as soon as its engine does. */
#include "tests/scope_check.h"

#define FAILED 41
#define LINES ((size_t)1 << 32)

/* begin to end in one value, so that whoever adds two sees whether they belong together; nothing: begin == end. */
struct span {
    size_t begin, end;
};

static const struct span nothing;

static void span_add(struct span *span, struct span more)
{
    bool first = span->begin == span->end;
    CHECK(more.begin < more.end && (first || span->end == more.begin));
    *span = (struct span){first ? more.begin : span->begin, more.end};
}

static void span_combine(void *left, const void *right, void *arg)
{
    const struct span *more = right;
    (void)arg;
    if (more->begin != more->end)
        span_add(left, *more);
}

static const struct span longest[] = {{0, SIZE_MAX}, {1, SIZE_MAX}, {0, SIZE_MAX / 2 + 1}, {SIZE_MAX - 5, SIZE_MAX}};
#define LONGEST (sizeof(longest) / sizeof(*longest))

/* ----------------------------------------------------------------------------------------------- Reductions and scans */

static int reduce_map(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    (void)s, (void)arg;
    span_add(value, (struct span){begin, end});
    return 0;
}

static void reduce_longest_in_long_blocks_is_right(void)
{
    static const size_t blocks[] = {SIZE_MAX / 1000, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX - 1, SIZE_MAX};
    for (size_t i = 0; i < LONGEST; i++)
        for (size_t k = 0; k < sizeof(blocks) / sizeof(*blocks); k++) {
            const struct scope_reduction what = {sizeof(nothing), &nothing, reduce_map, span_combine, NULL, blocks[k]};
            struct span all = {7, 7};
            CHECK_EQ_INT(scope_reduce(NULL, longest[i].begin, longest[i].end, &what, &all), SCOPE_OK);
            CHECK(all.begin == longest[i].begin && all.end == longest[i].end);
        }
}

static int scan_span(struct scope *s, size_t begin, size_t end, const void *before, void *sum, void *arg)
{
    const struct span *offset = before;
    (void)s;
    CHECK(!offset || offset->begin == offset->end || offset->end == begin);
    atomic_fetch_add((atomic_ullong *)arg, 1);
    span_add(sum, (struct span){begin, end});
    return 0;
}

static void scan_longest(struct span range, size_t block)
{
    atomic_ullong calls = 0;
    const struct scope_prefix what = {sizeof(nothing), &nothing, scan_span, span_combine, &calls, block};
    struct span all = {7, 7};
    CHECK_EQ_INT(scope_scan(NULL, range.begin, range.end, &what, &all), SCOPE_OK);
    CHECK(all.begin == range.begin && all.end == range.end);
    CHECK(calls <= 2ull << 20); /* each of 2^20 blocks twice */
}

static void scan_longest_is_right_in_blocks_of_any_length(void)
{
    scan_longest(longest[0], TIMES(0, SIZE_MAX >> 14)); /* a million blocks, or fewer */
    for (size_t i = 0; i < LONGEST; i++) {
        scan_longest(longest[i], SIZE_MAX / 1000);
        scan_longest(longest[i], SIZE_MAX);
    }
}

/* ----------------------------------------------------------------------------------------------------------- Searches */

static size_t is_item(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    size_t item = *(size_t *)arg;
    CHECK(begin < end);
    return begin <= item && item < end ? item : end;
}

static void find_in_longest_is_right(void)
{
    static const size_t items[] = {0, 5, SIZE_MAX / 2, SIZE_MAX - 3, SIZE_MAX - 1, SIZE_MAX /* nowhere */};
    for (size_t i = 0; i < LONGEST; i++)
        for (size_t k = 0; k < sizeof(items) / sizeof(*items); k++) {
            size_t begin = longest[i].begin, end = longest[i].end, item = items[k], found = 7;
            bool there = begin <= item && item < end, any = !there, all = there;
            CHECK_EQ_INT(scope_find(NULL, begin, end, is_item, &item, &found), SCOPE_OK);
            CHECK(found == (there ? item : end));
            CHECK_EQ_INT(scope_any(NULL, begin, end, is_item, &item, &any), SCOPE_OK);
            CHECK_EQ_INT(any, there);
            CHECK_EQ_INT(scope_all(NULL, begin, end, is_item, &item, &all), SCOPE_OK);
            CHECK_EQ_INT(all, !there);
        }
}

static int fill_two(struct scope *s, size_t begin, size_t end, uint64_t *counts, void *arg)
{
    (void)s, (void)arg;
    counts[0] += end - begin;
    counts[1] += begin <= SIZE_MAX - 4 && SIZE_MAX - 4 < end;
    return 0;
}

static void histogram_of_longest_counts_all(void)
{
    for (size_t i = 0; i < LONGEST; i++) {
        uint64_t counts[2] = {0};
        CHECK_EQ_INT(scope_histogram(NULL, longest[i].begin, longest[i].end, 2, counts, fill_two, NULL), SCOPE_OK);
        CHECK(counts[0] == longest[i].end - longest[i].begin);
        CHECK_EQ_INT(counts[1], longest[i].end == SIZE_MAX);
    }
}

/* --------------------------------------------------------------------------------------------------------- Dimensions */

/* Items, and the sum of what each item's numbers make multiplied: modulo 2^64. */
struct boxes {
    atomic_ullong items, products;
};

/* The sum of the numbers of a range, modulo 2^64. */
static uint64_t range_sum(struct scope_range range)
{
    uint64_t n = range.end - range.begin;
    return range.begin * n + (n % 2 ? (n - 1) / 2 * n : n / 2 * (n - 1));
}

static int box(struct scope *s, struct scope_range planes, struct scope_range rows, struct scope_range columns,
               void *arg)
{
    struct boxes *boxes = arg;
    (void)s;
    CHECK(planes.begin < planes.end && rows.begin < rows.end && columns.begin < columns.end);
    atomic_fetch_add(&boxes->items,
                     (planes.end - planes.begin) * (rows.end - rows.begin) * (columns.end - columns.begin));
    atomic_fetch_add(&boxes->products, range_sum(planes) * range_sum(rows) * range_sum(columns));
    return 0;
}

static int rectangle(struct scope *s, struct scope_range rows, struct scope_range columns, void *arg)
{
    return box(s, (struct scope_range){1, 2}, rows, columns, arg);
}

/* From 0, or as far up as there are numbers. */
static struct scope_range range_of(size_t length, bool up)
{
    return up ? (struct scope_range){SIZE_MAX - length, SIZE_MAX} : (struct scope_range){0, length};
}

static void check_boxes(const struct boxes *boxes, struct scope_range p, struct scope_range r, struct scope_range c)
{
    CHECK(boxes->items == (p.end - p.begin) * (r.end - r.begin) * (c.end - c.begin));
    CHECK(boxes->products == range_sum(p) * range_sum(r) * range_sum(c));
}

static void for_2d_longest_each_item_once(void)
{
    static const size_t lengths[][2] = {{SIZE_MAX, 1},         {1, SIZE_MAX},      {SIZE_MAX / 3, 3},
                                        {3, SIZE_MAX / 3},     {LINES, LINES - 1}, {LINES - 1, LINES + 1},
                                        {LINES + 1, LINES - 1}};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
        for (int up = 0; up < 4; up++) {
            struct scope_range r = range_of(lengths[i][0], up & 1), c = range_of(lengths[i][1], up & 2);
            struct boxes boxes = {0};
            CHECK_EQ_INT(scope_for_2d(NULL, r, c, rectangle, &boxes), SCOPE_OK);
            check_boxes(&boxes, (struct scope_range){1, 2}, r, c);
        }
}

static void for_3d_longest_each_item_once(void)
{
    static const size_t lengths[][3] = {{SIZE_MAX, 1, 1},
                                        {1, SIZE_MAX, 1},
                                        {1, 1, SIZE_MAX},
                                        {3, 5, SIZE_MAX / 15},
                                        {SIZE_MAX / 15, 5, 3},
                                        {LINES - 1, 1, LINES + 1},
                                        {(size_t)1 << 21, (size_t)1 << 21, (size_t)1 << 21}};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
        for (int up = 0; up < 8; up++) {
            struct scope_range p = range_of(lengths[i][0], up & 1), r = range_of(lengths[i][1], up & 2),
                               c = range_of(lengths[i][2], up & 4);
            struct boxes boxes = {0};
            CHECK_EQ_INT(scope_for_3d(NULL, p, r, c, box, &boxes), SCOPE_OK);
            check_boxes(&boxes, p, r, c);
        }
}

static void for_2d_and_3d_longer_einval(void)
{
    static const size_t lengths[][3] = {{1, SIZE_MAX, SIZE_MAX},  {1, LINES, LINES},
                                        {1, 3, SIZE_MAX / 3 + 1}, {1, LINES + 1, LINES},
                                        {2, LINES, LINES / 2},    {SIZE_MAX, 1, 2},
                                        {SIZE_MAX, 2, 1},         {(size_t)1 << 22, (size_t)1 << 22, (size_t)1 << 22}};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct scope_range p = range_of(lengths[i][0], false), r = range_of(lengths[i][1], false),
                           c = range_of(lengths[i][2], false);
        struct boxes boxes = {0};
        if (lengths[i][0] == 1)
            CHECK_EQ_INT(scope_for_2d(NULL, r, c, rectangle, &boxes), SCOPE_EINVAL);
        CHECK_EQ_INT(scope_for_3d(NULL, p, r, c, box, &boxes), SCOPE_EINVAL);
        CHECK_EQ_INT(boxes.items, 0);
    }
}

/* None at all is none, however many there would be of the others. */
static void for_3d_none_of_longest_does_nothing(void)
{
    const struct scope_range all = {0, SIZE_MAX}, none = {SIZE_MAX, SIZE_MAX};
    struct boxes boxes = {0};
    CHECK_EQ_INT(scope_for_3d(NULL, none, all, all, box, &boxes), SCOPE_OK);
    CHECK_EQ_INT(scope_for_3d(NULL, all, none, all, box, &boxes), SCOPE_OK);
    CHECK_EQ_INT(scope_for_3d(NULL, all, all, none, box, &boxes), SCOPE_OK);
    CHECK_EQ_INT(boxes.items, 0);
}

/* ------------------------------------------------------------------------------------------------------------ Stopped
 *
 * What would not end if it were not stopped by its first call. */

static bool cancels;

static int stop(struct scope *s)
{
    if (cancels)
        (void)scope_cancel(s);
    return cancels ? 0 : FAILED;
}

static int stop_chunk(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)begin, (void)end, (void)arg;
    return stop(s);
}

static int stop_map(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    (void)value;
    return stop_chunk(s, begin, end, arg);
}

static int stop_scan(struct scope *s, size_t begin, size_t end, const void *before, void *sum, void *arg)
{
    (void)before, (void)sum;
    return stop_chunk(s, begin, end, arg);
}

static int stop_fill(struct scope *s, size_t begin, size_t end, uint64_t *counts, void *arg)
{
    (void)counts;
    return stop_chunk(s, begin, end, arg);
}

static int stop_rectangle(struct scope *s, struct scope_range rows, struct scope_range columns, void *arg)
{
    return stop_chunk(s, rows.begin, columns.begin, arg);
}

static int stop_box(struct scope *s, struct scope_range planes, struct scope_range rows, struct scope_range columns,
                    void *arg)
{
    (void)planes;
    return stop_rectangle(s, rows, columns, arg);
}

static int stopped_call(struct scope *s, int which)
{
    size_t block = which % 2 ? 1 : 0;
    const struct scope_reduction reduction = {sizeof(nothing), &nothing, stop_map, span_combine, NULL, block};
    const struct scope_prefix prefix = {sizeof(nothing), &nothing, stop_scan, span_combine, NULL, block};
    const struct scope_range lines = {0, LINES}, columns = {1, LINES}, one = {7, 8};
    struct span all = {7, 7};
    uint64_t count = 0;
    int code = which < 2    ? scope_reduce(s, 0, SIZE_MAX, &reduction, &all)
               : which < 4  ? scope_scan(s, 0, SIZE_MAX, &prefix, &all)
               : which == 4 ? scope_for(s, 0, SIZE_MAX, stop_chunk, NULL)
               : which == 5 ? scope_histogram(s, 0, SIZE_MAX, 1, &count, stop_fill, NULL)
               : which == 6 ? scope_for_2d(s, lines, columns, stop_rectangle, NULL)
                            : scope_for_3d(s, lines, one, columns, stop_box, NULL);
    CHECK(all.begin == 7 && all.end == 7);
    return code;
}

static int stopped_body(struct scope *s, void *arg)
{
    int code = stopped_call(s, *(int *)arg);
    CHECK_EQ_INT(code, cancels ? SCOPE_ECANCELED : FAILED);
    return code;
}

static void longest_stopped_at_its_first_call_ends(void)
{
    for (int way = 0; way < 2; way++)
        for (int which = 0; which < 8; which++) {
            struct scope_report report;
            size_t begin, end;
            cancels = way;
            CHECK_EQ_INT(run_checked(NULL, &report, stopped_body, &which), cancels ? SCOPE_ECANCELED : SCOPE_ERROR);
            if (!cancels && CHECK(report.group.total > 0)) {
                CHECK_EQ_INT(sscanf(report.group.errors[0].message, "items %zu to %zu", &begin, &end), 2);
                CHECK(begin <= end && end < SIZE_MAX);
            }
            scope_report_fini(&report);
        }
}

/* ------------------------------------------------------------------------------------------------------------ Refused */

static bool keep(const void *element, void *arg)
{
    (void)element;
    return arg;
}

static int copy(struct scope *s, const void *input, void *output, void *arg)
{
    (void)s, (void)input, (void)output, (void)arg;
    return FAILED;
}

static void arrays_longer_than_memory_einval(void)
{
    char x[1] = {0};
    size_t kept = 7, most = SIZE_MAX / 4 + 1;
    CHECK_EQ_INT(scope_filter(NULL, x, most, 4, x, keep, NULL, &kept), SCOPE_EINVAL);
    CHECK_EQ_INT(kept, 0);
    CHECK_EQ_INT(scope_map(NULL, x, 4, x, 1, most, NULL, copy, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_map(NULL, x, 1, x, 4, most, NULL, copy, NULL), SCOPE_EINVAL);
}

static void backwards_ranges_einval(void)
{
    const struct scope_reduction reduction = {sizeof(nothing), &nothing, reduce_map, span_combine, NULL, 0};
    struct scope_prefix prefix = {sizeof(nothing), &nothing, scan_span, span_combine, NULL, 0};
    struct span all;
    uint64_t counts[2];
    size_t item = 0, found;
    bool any;
    CHECK_EQ_INT(scope_reduce(NULL, SIZE_MAX, 0, &reduction, &all), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_scan(NULL, SIZE_MAX, 0, &prefix, &all), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_find(NULL, SIZE_MAX, 0, is_item, &item, &found), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_any(NULL, SIZE_MAX, 0, is_item, &item, &any), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_all(NULL, SIZE_MAX, 0, is_item, &item, &any), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_histogram(NULL, SIZE_MAX, 0, 2, counts, fill_two, NULL), SCOPE_EINVAL);
    prefix.size = SIZE_MAX;
    CHECK_EQ_INT(scope_scan(NULL, 0, SIZE_MAX, &prefix, &all), SCOPE_EINVAL);
    prefix.size = 0;
    CHECK_EQ_INT(scope_scan(NULL, 0, SIZE_MAX, &prefix, &all), SCOPE_EINVAL);
}

int main(void)
{
    check_run("reduce_longest_in_long_blocks_is_right", reduce_longest_in_long_blocks_is_right);
    check_run("scan_longest_is_right_in_blocks_of_any_length", scan_longest_is_right_in_blocks_of_any_length);
    check_run("find_in_longest_is_right", find_in_longest_is_right);
    check_run("histogram_of_longest_counts_all", histogram_of_longest_counts_all);
    check_run("for_2d_longest_each_item_once", for_2d_longest_each_item_once);
    check_run("for_3d_longest_each_item_once", for_3d_longest_each_item_once);
    check_run("for_2d_and_3d_longer_einval", for_2d_and_3d_longer_einval);
    check_run("for_3d_none_of_longest_does_nothing", for_3d_none_of_longest_does_nothing);
    check_run("longest_stopped_at_its_first_call_ends", longest_stopped_at_its_first_call_ends);
    check_run("arrays_longer_than_memory_einval", arrays_longer_than_memory_einval);
    check_run("backwards_ranges_einval", backwards_ranges_einval);
    return check_done();
}

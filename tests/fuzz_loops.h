/* The algorithms as steps of a program: each is compared with a serial loop that does the same. */
#ifndef TESTS_FUZZ_LOOPS_H
#define TESTS_FUZZ_LOOPS_H

#include "tests/check.h"
#include "tests/fuzz_program.h"

#define ALGORITHM_CODE 8

/* One call of an algorithm. */
struct algorithm {
    struct scope *s;     /* NULL: it opens its own */
    bool may_stop;       /* something cancels the scope around it */
    size_t n;            /* items */
    uint32_t salt;       /* what they are like */
    int code[2];         /* what the items n / 2 and n - 1 return if they are bad */
    unsigned bad;        /* how many of these are */
    unsigned cost;       /* of an item */
    atomic_uint hits[2]; /* calls that returned the codes */
    atomic_uchar *seen;
    uint64_t *numbers, *results;
};

static struct scope_pool *fuzz_single; /* one worker */

static inline uint64_t number_of(const struct algorithm *a, size_t i)
{
    uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u + a->salt;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    return z ^ (z >> 29);
}

static inline unsigned seen_up(struct algorithm *a, size_t i)
{
    return atomic_fetch_add_explicit(&a->seen[i], 1, memory_order_relaxed); /* as count_up */
}

/* What a chunk returns. */
static inline int chunk_end(struct algorithm *a, size_t begin, size_t end)
{
    for (size_t i = 0; i < a->cost * (end - begin); i++)
        atomic_signal_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < a->bad; i++) {
        size_t item = i == 0 ? a->n / 2 : a->n - 1;
        if (item >= begin && item < end) {
            count_up(&a->hits[i]);
            return a->code[i];
        }
    }
    return 0;
}

/* True if the call says that all is done. */
static inline bool algorithm_done(struct algorithm *a, int status)
{
    unsigned first = atomic_load(&a->hits[0]), second = atomic_load(&a->hits[1]);
    CHECK(first <= 1 && second <= 1);
    if (status == SCOPE_OK)
        return CHECK_EQ_INT(first + second, 0);
    if (first + second > 0)
        CHECK(a->s ? (first && status == a->code[0]) || (second && status == a->code[1]) : status == SCOPE_ERROR);
    else
        CHECK(status == SCOPE_ECANCELED && a->may_stop);
    return false;
}

/* ------------------------------------------------------------------------------------------------------------- Loops */

static inline void see(struct algorithm *a, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        CHECK_EQ_INT(seen_up(a, i), 0);
}

static inline void all_seen(const struct algorithm *a, int status, size_t n)
{
    size_t missing = 0;
    for (size_t i = 0; i < n; i++)
        missing += a->seen[i] == 0;
    if (status == SCOPE_OK)
        CHECK_EQ_INT(missing, 0);
}

static int see_range(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    see(arg, begin, end);
    return chunk_end(arg, begin, end);
}

static inline int try_for(struct algorithm *a)
{
    int status = scope_for(a->s, 0, a->n, see_range, a);
    all_seen(a, status, a->n);
    return status;
}

static inline size_t columns_of(const struct algorithm *a)
{
    return 1 + a->salt % 17;
}

static int see_rectangle(struct scope *s, struct scope_range rows, struct scope_range columns, void *arg)
{
    struct algorithm *a = arg;
    (void)s;
    for (size_t row = rows.begin; row < rows.end; row++)
        see(a, row * columns_of(a) + columns.begin, row * columns_of(a) + columns.end);
    return 0;
}

static inline int try_for_2d(struct algorithm *a)
{
    struct scope_range rows = {0, a->n / columns_of(a)}, columns = {0, columns_of(a)};
    int status = scope_for_2d(a->s, rows, columns, see_rectangle, a);
    all_seen(a, status, rows.end * columns.end);
    return status;
}

static int see_box(struct scope *s, struct scope_range planes, struct scope_range rows, struct scope_range columns,
                   void *arg)
{
    struct algorithm *a = arg;
    (void)s;
    for (size_t plane = planes.begin; plane < planes.end; plane++)
        for (size_t row = rows.begin; row < rows.end; row++)
            see(a, (plane * 3 + row) * columns_of(a) + columns.begin, (plane * 3 + row) * columns_of(a) + columns.end);
    return 0;
}

static inline int try_for_3d(struct algorithm *a)
{
    struct scope_range planes = {0, a->n / columns_of(a) / 3}, rows = {0, 3}, columns = {0, columns_of(a)};
    int status = scope_for_3d(a->s, planes, rows, columns, see_box, a);
    all_seen(a, status, planes.end * rows.end * columns.end);
    return status;
}

static int see_element(struct scope *s, void *element, void *arg)
{
    struct algorithm *a = arg;
    size_t i = (size_t)((uint64_t *)element - a->numbers);
    return see_range(s, i, i + 1, a);
}

static inline int try_each(struct algorithm *a)
{
    int status = scope_for_each(a->s, a->numbers, a->n, sizeof(*a->numbers), see_element, a);
    all_seen(a, status, a->n);
    return status;
}

struct call {
    struct algorithm *a;
    size_t i;
};

static int see_call(struct scope *s, void *arg)
{
    const struct call *call = arg;
    return see_range(s, call->i, call->i + 1, call->a);
}

static inline int try_invoke(struct algorithm *a)
{
    struct scope_call calls[8] = {{NULL, NULL}};
    struct call call[8];
    size_t count = a->n < 8 ? a->n : 8;
    for (size_t i = 0; i < count; i++) {
        call[i] = (struct call){a, i};
        calls[i] = (struct scope_call){see_call, &call[i]};
    }
    int status = scope_invoke(a->s, calls, count);
    all_seen(a, status, count);
    return status;
}

static int map_one(struct scope *s, const void *input, void *output, void *arg)
{
    struct algorithm *a = arg;
    const uint64_t *number = input;
    size_t i = (size_t)(number - a->numbers);
    *(uint64_t *)output = *number * 3 + 1;
    return see_range(s, i, i + 1, a);
}

static inline int try_map(struct algorithm *a)
{
    int status = scope_map(a->s, a->numbers, 8, a->results, 8, a->n, NULL, map_one, a);
    all_seen(a, status, a->n);
    for (size_t i = 0; i < a->n; i++)
        if (a->seen[i])
            CHECK(a->results[i] == a->numbers[i] * 3 + 1);
    return status;
}

/* A failure stops nothing here. */
static inline int try_map_status(struct algorithm *a)
{
    int *codes = calloc(a->n + 1, sizeof(*codes));
    int status = scope_map(a->s, a->numbers, 8, a->results, 8, a->n, codes, map_one, a);
    for (size_t i = 0; i < a->n; i++)
        CHECK_EQ_INT(codes[i], !a->seen[i]                   ? SCOPE_ECANCELED
                               : !a->bad                     ? 0
                               : i == a->n / 2               ? a->code[0]
                               : a->bad > 1 && i == a->n - 1 ? a->code[1]
                                                             : 0);
    all_seen(a, status, a->n);
    a->hits[0] = a->hits[1] = 0;
    free(codes);
    return status;
}

/* -------------------------------------------------------------------------------------------------- Reduce and scan */

/* x -> scale * x + offset.  One after the other is associative, and the order matters. */
struct affine {
    uint64_t scale, offset;
};

static const struct affine affine_identity = {1, 0};

static inline void affine_add(struct affine *left, struct affine right)
{
    left->scale *= right.scale;
    left->offset = left->offset * right.scale + right.offset;
}

static inline struct affine affine_of(const struct algorithm *a, size_t i)
{
    return (struct affine){a->numbers[i] | 1, a->numbers[i] >> 7};
}

static void affine_combine(void *left, const void *right, void *arg)
{
    (void)arg;
    affine_add(left, *(const struct affine *)right);
}

static int affine_map(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    struct algorithm *a = arg;
    for (size_t i = begin; i < end; i++)
        affine_add(value, affine_of(a, i));
    return see_range(s, begin, end, a);
}

static inline size_t block_size(const struct algorithm *a)
{
    static const size_t sizes[] = {0, 1, 7, 100};
    return sizes[a->salt / 2 % 4];
}

static inline int try_reduce(struct algorithm *a)
{
    const struct scope_reduction sum = {sizeof(struct affine), &affine_identity, affine_map, affine_combine, a,
                                        block_size(a)};
    struct affine got = {5, 5}, expected = affine_identity;
    int status = scope_reduce(a->s, 0, a->n, &sum, &got);
    for (size_t i = 0; i < a->n; i++)
        affine_add(&expected, affine_of(a, i));
    if (status == SCOPE_OK)
        CHECK(got.scale == expected.scale && got.offset == expected.offset);
    else
        CHECK(got.scale == 5 && got.offset == 5);
    all_seen(a, status, a->n);
    return status;
}

static int double_map(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    const struct algorithm *a = arg;
    (void)s;
    for (size_t i = begin; i < end; i++)
        *(double *)value += 1e9 / (double)(a->numbers[i] >> 20 | 1);
    return 0;
}

static void double_combine(void *left, const void *right, void *arg)
{
    (void)arg;
    *(double *)left += *(const double *)right;
}

struct sum {
    struct scope_reduction reduction;
    size_t n;
    double result;
};

static int double_body(struct scope *s, void *arg)
{
    struct sum *sum = arg;
    return scope_reduce(s, 0, sum->n, &sum->reduction, &sum->result);
}

/* The same bits as with one worker. */
static inline int try_double(struct algorithm *a)
{
    static const double zero = 0;
    struct scope_options alone = scope_options_init();
    alone.pool = fuzz_single;
    alone.flags = SCOPE_SHIELD;
    struct sum sum = {.reduction = {sizeof(double), &zero, double_map, double_combine, a, block_size(a)}, .n = a->n};
    struct sum again = sum;
    int status = scope_reduce(a->s, 0, a->n, &sum.reduction, &sum.result);
    if (status == SCOPE_OK) {
        CHECK_EQ_INT((scope_run_with)(&alone, NULL, double_body, &again), SCOPE_OK);
        CHECK(memcmp(&sum.result, &again.result, sizeof(double)) == 0);
    }
    return status;
}

static int affine_scan(struct scope *s, size_t begin, size_t end, const void *before, void *sum, void *arg)
{
    struct algorithm *a = arg;
    (void)s;
    for (size_t i = begin; i < end; i++) {
        affine_add(sum, affine_of(a, i));
        if (!before)
            continue;
        struct affine result = *(const struct affine *)before;
        affine_add(&result, *(struct affine *)sum);
        a->results[i] = result.offset;
        CHECK_EQ_INT(seen_up(a, i), 0);
    }
    return 0;
}

static inline int try_scan(struct algorithm *a)
{
    const struct scope_prefix prefix = {sizeof(struct affine), &affine_identity, affine_scan, affine_combine, a,
                                        block_size(a)};
    struct affine total, expected = affine_identity;
    int status = scope_scan(a->s, 0, a->n, &prefix, &total);
    for (size_t i = 0; i < a->n; i++) {
        affine_add(&expected, affine_of(a, i));
        if (a->seen[i])
            CHECK(a->results[i] == expected.offset);
    }
    all_seen(a, status, a->n);
    if (status == SCOPE_OK)
        CHECK(total.offset == expected.offset && total.scale == expected.scale);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- Searches */

static inline bool wanted(const void *element, void *arg)
{
    const struct algorithm *a = arg;
    return *(const uint64_t *)element % (1 + a->salt % 300) == 0;
}

static size_t find_wanted(struct scope *s, size_t begin, size_t end, void *arg)
{
    struct algorithm *a = arg;
    (void)s;
    while (begin < end && !wanted(&a->numbers[begin], a))
        begin++;
    return begin;
}

static inline int try_find(struct algorithm *a)
{
    bool any = true, all = true;
    size_t found = 0, first = find_wanted(NULL, 0, a->n, a);
    int status = scope_find(a->s, 0, a->n, find_wanted, a, &found);
    if (status == SCOPE_OK)
        CHECK_EQ_INT(found, first);
    if (scope_any(a->s, 0, a->n, find_wanted, a, &any) == SCOPE_OK)
        CHECK_EQ_INT(any, first < a->n);
    if (scope_all(a->s, 0, a->n, find_wanted, a, &all) == SCOPE_OK)
        CHECK_EQ_INT(all, first == a->n);
    return status;
}

static inline int try_filter(struct algorithm *a)
{
    size_t kept = 1, at = 0;
    uint64_t *output = a->salt & 2 ? a->results : a->numbers;
    int status = scope_filter(a->s, a->numbers, a->n, 8, output, wanted, a, &kept);
    for (size_t i = 0; status == SCOPE_OK && i < a->n; i++) {
        uint64_t number = number_of(a, i);
        if (wanted(&number, a) && CHECK(at < kept))
            CHECK(output[at++] == number);
    }
    CHECK_EQ_INT(kept, at);
    return status;
}

static int fill(struct scope *s, size_t begin, size_t end, uint64_t *counts, void *arg)
{
    struct algorithm *a = arg;
    for (size_t i = begin; i < end; i++)
        counts[a->numbers[i] % 10]++;
    return see_range(s, begin, end, a);
}

static inline int try_histogram(struct algorithm *a)
{
    uint64_t counts[10] = {[3] = 100}, expected[10] = {[3] = 100};
    int status = scope_histogram(a->s, 0, a->n, 10, counts, fill, a);
    for (size_t i = 0; i < a->n; i++)
        expected[a->numbers[i] % 10]++;
    if (status == SCOPE_OK)
        CHECK(memcmp(counts, expected, sizeof(counts)) == 0);
    all_seen(a, status, a->n);
    return status;
}

/* -------------------------------------------------------------------------------------------------------------- Sorts */

#define SORT_KEYS 64

/* Elements of 8 bytes and more begin with this; where they stood tells whether a sort is stable. */
struct element {
    uint32_t key, index;
};

static int element_compare(const void *x, const void *y, void *arg)
{
    const struct element *a = x, *b = y;
    (void)arg;
    return (a->key > b->key) - (a->key < b->key);
}

static inline bool element_less(const struct element *a, const struct element *b)
{
    return a->key < b->key;
}
SCOPE_SORT(struct element, element_sort, element_less);
SCOPE_SORT_UNSTABLE(struct element, element_sort_unstable, element_less);

/* Every shape: random keys, few, one, ascending, descending. */
static inline uint32_t key_of(const struct algorithm *a, size_t i, size_t n)
{
    uint32_t random = (uint32_t)number_of(a, i) % SORT_KEYS;
    switch (a->salt / 4 % 5) {
    case 0:
        return random % 3;
    case 1:
        return (uint32_t)(i * SORT_KEYS / (n + 1));
    case 2:
        return (uint32_t)((n - i) * SORT_KEYS / (n + 1));
    case 3:
        return i > n - n / 8 ? random : (uint32_t)(i * SORT_KEYS / (n + 1));
    default:
        return random;
    }
}

static inline void elements_fill(const struct algorithm *a, char *at, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++) {
        struct element element = {key_of(a, i, n), (uint32_t)i};
        memset(at + i * size, (int)(i & 255), size);
        memcpy(at + i * size, &element, sizeof(element));
    }
}

enum sorted { ANYHOW, BY_KEYS, STABLE };

/* Each of the n elements is there once, whole; by their keys; and those with the same key as they stood. */
static inline void elements_check(struct algorithm *a, const char *at, size_t n, size_t size, enum sorted sorted)
{
    struct element last = {0, 0};
    for (size_t i = 0; i < n; i++) {
        struct element element;
        memcpy(&element, at + i * size, sizeof(element));
        if (!CHECK(element.index < n && element.key == key_of(a, element.index, n)))
            return;
        CHECK_EQ_INT(a->seen[element.index]++, 0);
        CHECK(size == sizeof(element) || (unsigned char)at[(i + 1) * size - 1] == (element.index & 255));
        if (sorted != ANYHOW && i > 0)
            CHECK(last.key < element.key ||
                  (last.key == element.key && (sorted == BY_KEYS || last.index < element.index)));
        last = element;
    }
}

static inline int try_sort(struct algorithm *a)
{
    static const size_t sizes[] = {8, 12, 16, 24, 40};
    size_t size = sizes[a->salt / 20 % 5];
    unsigned how = a->salt / 100 % 6;
    char *array = malloc((a->n + 1) * size), *scratch = how == 2 ? malloc((a->n + 1) * size) : NULL;
    elements_fill(a, array, a->n, size);
    struct element *elements = (struct element *)(void *)array;
    int status = how == 0   ? element_sort(a->s, elements, size == 8 ? a->n : 0)
                 : how == 1 ? scope_sort(a->s, array, a->n, size, element_compare, NULL)
                 : how == 4 ? element_sort_unstable(a->s, elements, size == 8 ? a->n : 0)
                 : how == 5 ? scope_sort_unstable(a->s, array, a->n, size, element_compare, NULL)
                            : scope_sort_scratch(a->s, array, a->n, size, element_compare, NULL, scratch);
    bool sorted = status == SCOPE_OK && (how % 4 > 0 || size == 8);
    elements_check(a, array, a->n, size, !sorted ? ANYHOW : how >= 4 ? BY_KEYS : STABLE);
    free(array);
    free(scratch);
    return status;
}

static inline int try_merge(struct algorithm *a)
{
    size_t size = sizeof(struct element), part = a->n / 3;
    struct element *from = malloc((a->n + 1) * size), *to = malloc((a->n + 1) * size);
    elements_fill(a, (char *)from, a->n, size);
    for (size_t i = 0; i < a->n; i++) { /* two runs in order */
        size_t begin = i < part ? 0 : part, at = i;
        struct element element = from[i];
        for (; at > begin && from[at - 1].key > element.key; at--)
            from[at] = from[at - 1];
        from[at] = element;
    }
    int status = scope_merge(a->s, from, part, from + part, a->n - part, to, size, element_compare, NULL);
    elements_check(a, (const char *)to, a->n, size, status == SCOPE_OK ? STABLE : ANYHOW);
    free(from);
    free(to);
    return status;
}

/* Sorts numbers of a type and holds them against what qsort makes of them. */
#define TRY_NUMBERS(type, name)                                                                       \
    static int name##_compare(const void *x, const void *y)                                           \
    {                                                                                                 \
        type a = *(const type *)x, b = *(const type *)y;                                              \
        return (a > b) - (a < b);                                                                     \
    }                                                                                                 \
    static inline int try_##name##_numbers(struct algorithm *a)                                       \
    {                                                                                                 \
        type *numbers = malloc((a->n + 1) * sizeof(type)), *same = malloc((a->n + 1) * sizeof(type)); \
        for (size_t i = 0; i < a->n; i++)                                                             \
            numbers[i] = same[i] = (type)(int64_t)(number_of(a, i) >> a->salt % 60);                  \
        type *scratch = a->salt & 1 ? malloc((a->n + 1) * sizeof(type)) : NULL;                       \
        int status = a->salt & 2 ? scope_sort_##name##_scratch(a->s, numbers, a->n, scratch)          \
                                 : scope_sort_##name(a->s, numbers, a->n);                            \
        qsort(same, a->n, sizeof(type), name##_compare);                                              \
        if (status != SCOPE_OK)                                                                       \
            qsort(numbers, a->n, sizeof(type), name##_compare);                                       \
        CHECK(memcmp(numbers, same, a->n * sizeof(type)) == 0);                                       \
        free(scratch);                                                                                \
        free(numbers);                                                                                \
        free(same);                                                                                   \
        return status;                                                                                \
    }
TRY_NUMBERS(uint32_t, u32)
TRY_NUMBERS(int32_t, i32)
TRY_NUMBERS(uint64_t, u64)
TRY_NUMBERS(int64_t, i64)
TRY_NUMBERS(float, float)
TRY_NUMBERS(double, double)

static inline int try_numbers(struct algorithm *a)
{
    static int (*const sorts[])(struct algorithm *) = {try_u32_numbers, try_i32_numbers,   try_u64_numbers,
                                                       try_i64_numbers, try_float_numbers, try_double_numbers};
    return sorts[a->salt / 60 % 6](a);
}

/* --------------------------------------------------------------------------------------------------------- Pipelines */

#define LINE_ITEMS 40
#define LINE_STAGES 5

/* Not atomic where the pipeline promises an order: ThreadSanitizer tells. */
struct line_item {
    struct line *line;
    size_t number, stage; /* stage: the one that comes next */
    bool consumed;
    unsigned disposed;
};

struct line_stage {
    struct line *line;
    size_t index, last;
    bool inside;
};

struct line {
    struct algorithm *a;
    size_t items, made;
    struct scope_stage stages[LINE_STAGES];
    struct line_stage state[LINE_STAGES];
    struct line_item item[LINE_ITEMS];
};

static int line_source(struct scope *s, void **item, void *arg)
{
    struct line *line = arg;
    (void)s;
    if (line->made == line->items)
        return 0;
    struct line_item *made = &line->item[line->made];
    *made = (struct line_item){.line = line, .number = line->made++, .stage = 1};
    *item = made;
    return 0;
}

static int line_stage(struct scope *s, void **item, void *arg)
{
    struct line_stage *stage = arg;
    struct line_item *at = *item;
    struct algorithm *a = stage->line->a;
    bool parallel = stage->line->stages[stage->index].kind == SCOPE_STAGE_PARALLEL;
    (void)s;
    CHECK_EQ_INT(at->stage++, stage->index);
    if (!parallel) {
        CHECK(!stage->inside);
        stage->inside = true;
        if (stage->line->stages[stage->index].kind == SCOPE_STAGE_IN_ORDER)
            CHECK(at->number + 1 > stage->last);
        stage->last = at->number + 1;
    }
    int code = stage->index == 1 + a->salt % 2 ? chunk_end(a, at->number, at->number + 1) : 0;
    at->consumed = stage->index == 2 && a->salt & 4 && at->number % 5 == 0 && !code;
    if (at->consumed)
        *item = NULL;
    if (!parallel)
        stage->inside = false;
    return code;
}

static void line_dispose(void *arg)
{
    struct line_item *item = arg;
    CHECK_EQ_INT(item->disposed++, 0);
}

static inline int try_pipeline(struct algorithm *a)
{
    struct line *line = calloc(1, sizeof(*line));
    size_t count = 2 + a->salt / 8 % (LINE_STAGES - 1);
    line->a = a;
    line->items = a->n = a->n % LINE_ITEMS;
    line->stages[0] = (struct scope_stage){.fn = line_source, .arg = line};
    for (size_t i = 1; i < count; i++) {
        line->state[i] = (struct line_stage){.line = line, .index = i};
        line->stages[i] =
            (struct scope_stage){"", (enum scope_stage_kind)(number_of(a, i) % 3), line_stage, &line->state[i]};
    }
    a->bad = line->items > 0 && 1 + a->salt % 2 < count ? a->bad : 0;
    int status = scope_pipeline(a->s, line->stages, count, a->salt / 64 % 5, line_dispose);
    for (size_t i = 0; i < line->made; i++) {
        const struct line_item *item = &line->item[i];
        CHECK_EQ_INT(item->disposed + item->consumed, 1);
        CHECK(status != SCOPE_OK || item->consumed || item->stage == count);
    }
    CHECK(status != SCOPE_OK || line->made == line->items);
    for (unsigned i = 0; i < 2 && status != SCOPE_OK; i++) /* one failure is told, the first */
        a->hits[i] = a->hits[i] && (!a->s || status == a->code[i]);
    free(line);
    return status;
}

/* ---------------------------------------------------------------------------------------------------------------- All */

static inline int algorithm_call(struct algorithm *a, unsigned which)
{
    static int (*const all[])(struct algorithm *) = {
        try_for,        try_for_2d, try_for_3d, try_each,    try_invoke,   try_map,
        try_map_status, try_reduce, try_double, try_scan,    try_find,     try_filter,
        try_histogram,  try_sort,   try_merge,  try_numbers, try_pipeline,
    };
    return all[which % (sizeof(all) / sizeof(*all))](a);
}

/* What the step's call of an algorithm returns.  s: NULL, or the innermost scope, of stage.  may_stop: something cancels it. */
static inline int algorithm_run(const struct step *step, struct scope *s, struct stage *stage)
{
    struct algorithm a = {.s = s,
                          .may_stop = stage->reasons != 0,
                          .n = step->n,
                          .salt = step->salt,
                          .code = {step->code, ALGORITHM_CODE},
                          .bad = step->bad};
    a.cost = step->salt % 8 == 7 && a.n < 500 ? step->salt % 64 * 4 : 0;
    a.seen = calloc(a.n + 1, sizeof(*a.seen));
    a.numbers = malloc((a.n + 1) * sizeof(*a.numbers));
    a.results = malloc((a.n + 1) * sizeof(*a.results));
    for (size_t i = 0; i < a.n; i++)
        a.numbers[i] = number_of(&a, i);
    int status = algorithm_call(&a, step->how);
    (void)algorithm_done(&a, status);
    for (unsigned i = 0; i < 2; i++)
        if (s && a.hits[i])
            stage_told(stage, a.code[i]);
    free(a.seen);
    free(a.numbers);
    free(a.results);
    return status;
}

#endif

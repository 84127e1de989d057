/* Every call of the library's that can fail does: the k-th of its kind, alone and with all after it, for every k, until two runs in
 * a row had nothing left to fail.  What is run is a family of small programs that go over the whole API.  Each call of theirs
 * does its work, with the right result, or returns the error that its comment promises; each task has run, was skipped or was
 * refused, and its argument disposed of, once; and without faults, the same program works right afterwards.  (No leak: that is for
 * the sanitizer to say.  No hang: for the time limit.) */
#include "sched/os.h"
#include "tests/inject.h"
#include "tests/scope_check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOUR_NS 3600000000000u

static struct scope_pool *pool;
static bool must; /* nothing fails now, so nothing may be refused */

/* The status of a call that may be refused so. */
static bool granted(int status, int refusal)
{
    CHECK(status == SCOPE_OK || (!must && status == refusal));
    return status == SCOPE_OK;
}

/* ------------------------------------------------------------------------------------------------------------- Ledger */

/* A task. */
struct piece {
    int (*then)(struct scope *s); /* what it does, beside being counted; NULL */
    int status;                   /* of its spawn */
    bool disposes;
    atomic_uint ran, disposed;
};

struct cargo {
    struct piece *piece;
    char more[92]; /* so that a copy takes memory */
};

#define PIECES_MAX 10000
static struct piece ledger[PIECES_MAX];
static atomic_uint pieces;
static atomic_ullong reported, skipped; /* tasks, by all reports */

/* Long enough for somebody to steal the next one. */
static void dawdle(void)
{
    for (volatile int i = 0; i < 2000; i++)
        ;
}

static int runs(struct scope *s, void *arg)
{
    struct piece *piece = arg;
    atomic_fetch_add(&piece->ran, 1);
    if (piece->then)
        return piece->then(s);
    dawdle();
    return 0;
}

static int runs_copied(struct scope *s, void *arg)
{
    return runs(s, ((struct cargo *)arg)->piece);
}

static void dispose(void *arg)
{
    atomic_fetch_add(&((struct piece *)arg)->disposed, 1);
}

static void dispose_copied(void *arg)
{
    dispose(((struct cargo *)arg)->piece);
}

static const SCOPE_DESCRIBE(by_pointer, .fn = runs, .dispose = dispose);
static const SCOPE_DESCRIBE(by_copy, .fn = runs_copied, .dispose = dispose_copied, .copy = sizeof(struct cargo));
static const SCOPE_DESCRIBE(anyway, .fn = runs, .dispose = dispose, .flags = SCOPE_RUN_ANYWAY);

enum way { WAY_PLAIN, WAY_SMALL, WAY_LARGE, WAY_DESCRIBED, WAY_COPIED, WAY_TRY, WAY_ANYWAY, WAYS };

static int spawn_by(enum way way, struct scope *s, struct piece *piece)
{
    struct cargo cargo = {.piece = piece};
    piece->disposes = way >= WAY_DESCRIBED;
    switch (way) {
    case WAY_SMALL:
        return scope_spawn_copy(s, runs_copied, &cargo, sizeof(cargo.piece));
    case WAY_LARGE:
        return scope_spawn_copy(s, runs_copied, &cargo, sizeof(cargo));
    case WAY_DESCRIBED:
        return scope_spawn_task(s, &by_pointer, piece);
    case WAY_COPIED:
        return scope_spawn_task(s, &by_copy, &cargo);
    case WAY_TRY:
        return scope_try_spawn(s, &by_pointer, piece);
    case WAY_ANYWAY:
        return scope_spawn_task(s, &anyway, piece);
    default:
        return scope_spawn(s, runs, piece);
    }
}

static struct piece *piece_new(int (*then)(struct scope *s))
{
    unsigned i = atomic_fetch_add(&pieces, 1);
    if (i >= PIECES_MAX)
        abort();
    ledger[i].then = then;
    return &ledger[i];
}

static void give(struct scope *s, enum way way, int (*then)(struct scope *s))
{
    struct piece *piece = piece_new(then);
    int status = spawn_by(way, s, piece);
    piece->status = status;
    CHECK(status == SCOPE_OK || (status == SCOPE_ENOMEM && !must) ||
          (status == SCOPE_ECANCELED && scope_cancelled(s)) || (status == SCOPE_EAGAIN && way == WAY_TRY));
}

static void ledger_begin(void)
{
    memset(ledger, 0, atomic_load(&pieces) * sizeof(*ledger));
    atomic_store(&pieces, 0);
    atomic_store(&reported, 0);
    atomic_store(&skipped, 0);
}

static void ledger_check(void)
{
    unsigned long long accepted = 0, ran = 0;
    for (unsigned i = 0; i < atomic_load(&pieces); i++) {
        const struct piece *piece = &ledger[i];
        bool taken = piece->status == SCOPE_OK;
        CHECK(atomic_load(&piece->ran) <= taken);
        CHECK_EQ_INT(atomic_load(&piece->disposed), piece->disposes && piece->status != SCOPE_EAGAIN);
        accepted += taken;
        ran += atomic_load(&piece->ran);
    }
    CHECK_EQ_INT(atomic_load(&reported), accepted);
    CHECK_EQ_INT(atomic_load(&skipped), accepted - ran);
}

/* Runs a scope whose tasks are in the ledger. */
static int ledger_run(const struct scope_options *options, struct scope_report *report, scope_fn *body, void *arg)
{
    *report = scope_report_init();
    int status = scope_run_with(options, report, body, arg);
    CHECK_EQ_INT(report->status, status);
    CHECK_EQ_INT(report->spawned, report->ok + report->failed + report->cancelled + report->skipped);
    atomic_fetch_add(&reported, report->spawned);
    atomic_fetch_add(&skipped, report->skipped);
    return status;
}

/* The same in the pool, where the body may only be refused for want of memory; expected: what is returned else. */
static void in_pool(scope_fn *body, int expected)
{
    struct scope_options options = options_of(pool);
    struct scope_report report;
    int status = ledger_run(&options, &report, body, NULL);
    CHECK(status == expected || (status == SCOPE_ENOMEM && !must));
    scope_report_fini(&report);
}

/* Waits, but not long, until another worker has come, so that it takes part in what follows. */
static atomic_bool gathered;

static int gathers(struct scope *s)
{
    (void)s;
    atomic_store(&gathered, true);
    return 0;
}

static void gather(struct scope *s)
{
    atomic_store(&gathered, false);
    give(s, WAY_PLAIN, gathers);
    for (int i = 0; i < 30 && !atomic_load(&gathered); i++)
        sched_yield();
}

/* ---------------------------------------------------------------------------------------------------- Tasks and errors */

static int fails(struct scope *s)
{
    return scope_fail(s, 5, "memory");
}

static int inner_body(struct scope *s, void *outer)
{
    for (enum way way = WAY_PLAIN; way < WAYS; way++) {
        give(s, way, NULL);
        give(outer, way, NULL); /* by way of an inbox */
    }
    give(s, WAY_PLAIN, fails);
    return 0;
}

static int opens_inner(struct scope *s)
{
    struct scope_token *token = scope_token_create();
    const struct scope_local local = {.key = &pool, .value = s};
    struct scope_options options = {
        .size = sizeof(options), .token = token, .name = "inner", .policy = SCOPE_COLLECT, .locals = &local};
    struct scope_report report;
    CHECK(token || !must);
    int status = ledger_run(&options, &report, inner_body, s);
    scope_token_release(token);
    scope_report_fini(&report);
    CHECK(status == SCOPE_ERROR || (status == SCOPE_ENOMEM && !must));
    return status;
}

static int outer_body(struct scope *s, void *arg)
{
    (void)arg;
    gather(s);
    for (int i = 0; i < 3; i++)
        give(s, WAY_DESCRIBED, opens_inner);
    return 0;
}

static void check_errors(const struct scope_report *report)
{
    char text[2000];
    int five = 5;
    struct scope_errors *matched = NULL, *rest = NULL;
    CHECK(scope_report_print(report, text, sizeof(text)) < sizeof(text));
    for (uint64_t i = 0; i < report->group.kept; i++) {
        const struct scope_error *error = &report->group.errors[i];
        CHECK(error->nested ? error->nested->total == 1 && error->nested->errors[0].code == 5 : !must);
    }
    if (granted(scope_errors_split(&report->group, scope_error_has_code, &five, &matched, &rest), SCOPE_ENOMEM))
        CHECK_EQ_INT((matched ? matched->total : 0) + (rest ? rest->total : 0), report->group.total);
    scope_errors_free(matched);
    scope_errors_free(rest);
}

static void tasks_and_errors(void)
{
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.policy = SCOPE_COLLECT;
    int status = ledger_run(&options, &report, outer_body, NULL);
    CHECK(status == SCOPE_ERROR || (status == SCOPE_ENOMEM && !must));
    CHECK_EQ_INT(report.group.total, report.failed);
    check_errors(&report);
    scope_report_fini(&report);
}

/* -------------------------------------------------------------------------------------------------- Blocks and results */

SCOPE_RESULT(int, doubled, int);

static int doubled(struct scope *s, int a, int *result)
{
    (void)s;
    dawdle();
    *result = 2 * a;
    return 0;
}

static int holds_block(struct scope *outer, void *arg)
{
    struct doubled_result results[2] = {0};
    int status = SCOPE_EINVAL, value = 0;
    (void)arg;
    gather(outer);
    SCOPE(s, NULL, &status)
    {
        for (int i = 0; i < 2; i++)
            CHECK_EQ_INT(doubled_start(s, &results[i], i), SCOPE_OK);
    }
    bool opened = granted(status, SCOPE_ENOMEM);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ_INT(doubled_get(&results[i], &value), opened ? SCOPE_OK : SCOPE_EINVAL);
        CHECK_EQ_INT(value, opened ? 2 * i : 0);
    }
    return 0;
}

static void blocks_and_results(void)
{
    in_pool(holds_block, SCOPE_OK);
}

/* ------------------------------------------------------------------------------------------------------------ Policies */

static int every_way(struct scope *s, void *arg)
{
    (void)arg;
    gather(s);
    for (int i = 0; i < 2; i++)
        for (enum way way = WAY_PLAIN; way < WAYS; way++)
            give(s, way, NULL);
    return 0;
}

static int cancels(struct scope *s, void *arg)
{
    (void)every_way(s, arg);
    CHECK(scope_cancel(s) == 1);
    return every_way(s, arg);
}

static int stops(struct scope *s, const struct scope_completion *completion, void *arg)
{
    (void)s, (void)arg;
    return completion->ok >= 3 ? SCOPE_ECANCELED : 0;
}

static int unshielded(struct scope *s, void *outer)
{
    CHECK_EQ_INT(scope_cancel(outer), 1);
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(scope_unshield(s), SCOPE_OK);
    CHECK(scope_cancelled(s));
    return 0;
}

static int shields(struct scope *s, void *arg)
{
    struct scope_options options = {.size = sizeof(options), .flags = SCOPE_SHIELD};
    int status = scope_run_with(&options, arg, unshielded, s);
    CHECK(status == SCOPE_ECANCELED || (status == SCOPE_ENOMEM && !must));
    return 0;
}

static void policy_run(const struct scope_options *options, scope_fn *body, int expected)
{
    struct scope_report report;
    int status = ledger_run(options, &report, body, NULL);
    CHECK(status == expected || (status == SCOPE_ENOMEM && !must));
    scope_report_fini(&report);
}

static void policies(void)
{
    struct scope_options limited = options_of(pool), race = limited, told = limited;
    limited.limit = 2;
    race.policy = SCOPE_RACE;
    told.on_complete = stops;
    policy_run(&limited, every_way, SCOPE_OK);
    policy_run(&limited, cancels, SCOPE_ECANCELED);
    policy_run(&race, every_way, SCOPE_OK);
    policy_run(&told, every_way, SCOPE_ECANCELED);
    in_pool(cancels, SCOPE_ECANCELED);
    struct scope_options plain = options_of(pool);
    struct scope_report report;
    int status = ledger_run(&plain, &report, shields, NULL);
    CHECK(status == SCOPE_ECANCELED || (!must && (status == SCOPE_ENOMEM || status == SCOPE_OK)));
}

/* ----------------------------------------------------------------------------------------------------------- Deadlines */

static int sets_deadline(struct scope *s, void *arg)
{
    (void)arg;
    give(s, WAY_DESCRIBED, NULL);
    uint64_t now = scope_now_ns();
    CHECK(now > 1 || !must);
    if (now > 1)
        (void)granted(scope_set_deadline(s, now + HOUR_NS), SCOPE_EAGAIN);
    return 0;
}

static int until_cancelled(struct scope *s)
{
    spin_until_cancelled(s);
    return SCOPE_ECANCELED;
}

static int waits_for_the_end(struct scope *s, void *arg)
{
    (void)arg;
    gather(s);
    give(s, WAY_PLAIN, until_cancelled);
    return 0;
}

static void deadline_run(uint64_t timeout_ns, scope_fn *body, int expected)
{
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.timeout_ns = timeout_ns;
    int status = ledger_run(&options, &report, body, NULL);
    CHECK(status == expected || (!must && (status == SCOPE_ENOMEM || status == SCOPE_EAGAIN)));
    scope_report_fini(&report);
}

static void deadlines(void)
{
    deadline_run(HOUR_NS, sets_deadline, SCOPE_OK);
    deadline_run(100000, waits_for_the_end, SCOPE_TIMEOUT);
}

/* -------------------------------------------------------------------------------------------------- Tokens and permits */

static atomic_uint called;

static void call(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static int holds_token(struct scope *s, void *token)
{
    gather(s);
    for (int i = 0; i < 3; i++)
        give(s, WAY_DESCRIBED, NULL);
    CHECK_EQ_INT(scope_token_cancel(token), 1);
    CHECK(scope_cancelled(s));
    give(s, WAY_DESCRIBED, NULL);
    return 0;
}

static void token_run(struct scope_token *token)
{
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.token = token;
    int status = ledger_run(&options, &report, holds_token, token);
    CHECK(status == SCOPE_ECANCELED || (status == SCOPE_ENOMEM && !must));
    if (status == SCOPE_ENOMEM)
        CHECK_EQ_INT(scope_token_cancel(token), 1);
    CHECK(scope_token_cancelled(token));
    scope_report_fini(&report);
}

static void *foreigner(void *permit)
{
    for (int i = 0; i < 3; i++) {
        struct piece *piece = piece_new(NULL);
        piece->disposes = true;
        piece->status = scope_permit_spawn_task(permit, &by_pointer, piece);
        (void)granted(piece->status, SCOPE_ENOMEM);
    }
    scope_permit_release(permit);
    return NULL;
}

static int permits(struct scope *s, void *arg)
{
    pthread_t thread;
    struct scope_permit *permit = scope_permit_create(s);
    if (!CHECK(permit || !must) || !permit || !CHECK_EQ_INT(pthread_create(&thread, NULL, foreigner, permit), 0))
        return 0;
    pthread_join(thread, arg);
    return 0;
}

static void tokens_and_permits(void)
{
    struct scope_token *token = scope_token_create();
    atomic_store(&called, 0);
    if (CHECK(token || !must) && token) {
        struct scope_callback *kept = scope_token_on_cancel(token, call, &called);
        struct scope_callback *forgotten = scope_token_on_cancel(token, call, &called);
        CHECK((kept && forgotten) || !must);
        CHECK_EQ_INT(scope_callback_forget(forgotten), forgotten != NULL);
        token_run(token);
        CHECK_EQ_INT(atomic_load(&called), kept != NULL);
        scope_token_release(token);
    }
    in_pool(permits, SCOPE_OK);
}

/* --------------------------------------------------------------------------------------------------------------- Forks */

#define FORKS_DEEP 4120 /* more than a deque holds */

SCOPE_TASK(long, chain, int);

/* n forks that all wait to be joined. */
static inline long chain(struct scope_strand strand, int n)
{
    if (n <= 0)
        return 1;
    chain_fork(&strand, 0);
    long rest = chain(strand, n - 1);
    return rest + chain_join(&strand);
}

static int chained(struct scope *s, void *arg)
{
    long *sum = arg;
    *sum = chain_call(s, FORKS_DEEP);
    return 0;
}

static int halves(struct scope *s, void *arg)
{
    atomic_uint *leaf = arg;
    if (atomic_fetch_add(leaf, 1) >= 16)
        return 0;
    return scope_fork2(s, halves, arg, halves, arg);
}

static void forks(void)
{
    struct scope_options options = options_of(pool);
    struct scope_report report = scope_report_init();
    long sum = 0;
    int status = scope_run_with(&options, &report, chained, &sum);
    bool refused = status == SCOPE_ENOMEM || (status == SCOPE_ERROR && report.group.errors[0].code == SCOPE_ENOMEM);
    CHECK(status == SCOPE_OK ? sum == FORKS_DEEP + 1 : !must && refused);
    scope_report_fini(&report);
    atomic_uint leaves = 0;
    if (granted(scope_run_with(&options, NULL, halves, &leaves), SCOPE_ENOMEM))
        CHECK_EQ_INT(atomic_load(&leaves), 33);
}

/* --------------------------------------------------------------------------------------------------------------- Loops */

#define ITEMS 16

static int mark_items(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s;
    dawdle();
    for (size_t i = begin; i < end; i++)
        ((uint64_t *)arg)[i]++;
    return 0;
}

static int mark_rectangle(struct scope *s, struct scope_range rows, struct scope_range columns, void *arg)
{
    (void)s;
    dawdle();
    for (size_t i = rows.begin; i < rows.end; i++)
        for (size_t j = columns.begin; j < columns.end; j++)
            ((uint64_t *)arg)[i * 4 + j]++;
    return 0;
}

static int mark_box(struct scope *s, struct scope_range planes, struct scope_range rows, struct scope_range columns,
                    void *arg)
{
    for (size_t i = planes.begin; i < planes.end; i++)
        (void)mark_rectangle(s, rows, columns, (uint64_t *)arg + i * 8);
    return 0;
}

static int mark_one(struct scope *s, void *element, void *arg)
{
    (void)arg;
    return mark_items(s, 0, 1, element);
}

static int mark_first(struct scope *s, void *arg)
{
    return mark_items(s, 0, 1, arg);
}

static int map_item(struct scope *s, const void *input, void *output, void *arg)
{
    (void)s, (void)arg;
    dawdle();
    *(uint64_t *)output = 2 * *(const uint64_t *)input;
    return 0;
}

static int add_items(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    (void)s, (void)arg;
    dawdle();
    for (size_t i = begin; i < end; i++)
        *(uint64_t *)value += i;
    return 0;
}

static int scan_items(struct scope *s, size_t begin, size_t end, const void *before, void *value, void *arg)
{
    (void)s;
    dawdle();
    for (size_t i = begin; i < end; i++) {
        *(uint64_t *)value += i;
        if (before)
            ((uint64_t *)arg)[i] = *(const uint64_t *)before + *(uint64_t *)value;
    }
    return 0;
}

static int count_items(struct scope *s, size_t begin, size_t end, uint64_t *counts, void *arg)
{
    (void)s, (void)arg;
    dawdle();
    counts[0] += end - begin;
    return 0;
}

static size_t find_last(struct scope *s, size_t begin, size_t end, void *arg)
{
    (void)s, (void)arg;
    dawdle();
    return end == ITEMS ? end - 1 : begin + (end - begin);
}

static bool is_even(const void *element, void *arg)
{
    (void)arg;
    return *(const uint64_t *)element % 2 == 0;
}

static void combine(void *low, const void *high, void *arg)
{
    (void)arg;
    *(uint64_t *)low += *(const uint64_t *)high;
}

static void plain_loops(struct scope *s)
{
    uint64_t done[ITEMS] = {0}, doubled[ITEMS] = {0};
    size_t found = 0, kept = 0;
    if (granted(scope_for(s, 0, ITEMS, mark_items, done), SCOPE_ENOMEM) &&
        granted(scope_map(s, done, sizeof(*done), doubled, sizeof(*doubled), ITEMS, NULL, map_item, NULL),
                SCOPE_ENOMEM))
        for (int i = 0; i < ITEMS; i++)
            CHECK(done[i] == 1 && doubled[i] == 2);
    if (granted(scope_find(s, 0, ITEMS, find_last, NULL, &found), SCOPE_ENOMEM))
        CHECK_EQ_INT(found, ITEMS - 1);
    if (granted(scope_filter(s, doubled, ITEMS, sizeof(*doubled), done, is_even, NULL, &kept), SCOPE_ENOMEM))
        CHECK_EQ_INT(kept, ITEMS);
}

static void other_loops(struct scope *s)
{
    uint64_t done[ITEMS] = {0};
    const struct scope_call calls[] = {{mark_first, &done[0]}, {mark_first, &done[1]}};
    bool any = false, all = true;
    unsigned marks = granted(
        scope_for_2d(s, (struct scope_range){0, 4}, (struct scope_range){0, 4}, mark_rectangle, done), SCOPE_ENOMEM);
    marks += granted(scope_for_3d(s, (struct scope_range){0, 2}, (struct scope_range){0, 2}, (struct scope_range){0, 4},
                                  mark_box, done),
                     SCOPE_ENOMEM);
    marks += granted(scope_for_each(s, done, ITEMS, sizeof(*done), mark_one, NULL), SCOPE_ENOMEM);
    for (int i = 0; i < ITEMS; i++)
        CHECK_EQ_INT(done[i], marks);
    marks += granted(scope_invoke(s, calls, 2), SCOPE_ENOMEM);
    CHECK(done[0] == marks && done[1] == marks);
    if (granted(scope_any(s, 0, ITEMS, find_last, NULL, &any), SCOPE_ENOMEM))
        CHECK(any);
    if (granted(scope_all(s, 0, ITEMS, find_last, NULL, &all), SCOPE_ENOMEM))
        CHECK(!all);
}

/* Values so large that they are on the heap. */
struct large {
    uint64_t sum;
    char more[4088];
};

static void sums(struct scope *s)
{
    static const struct large zero;
    static struct large total; /* one thread at a time */
    uint64_t results[ITEMS], counts[4] = {0};
    const struct scope_reduction sum = {sizeof(zero), &zero, add_items, combine, NULL, 1};
    const struct scope_prefix prefix = {sizeof(zero), &zero, scan_items, combine, results, 1};
    if (granted(scope_reduce(s, 0, ITEMS, &sum, &total), SCOPE_ENOMEM))
        CHECK_EQ_INT(total.sum, ITEMS * (ITEMS - 1) / 2);
    if (granted(scope_scan(s, 0, ITEMS, &prefix, NULL), SCOPE_ENOMEM))
        CHECK_EQ_INT(results[ITEMS - 1], ITEMS * (ITEMS - 1) / 2);
    if (granted(scope_histogram(s, 0, ITEMS, 4, counts, count_items, NULL), SCOPE_ENOMEM))
        CHECK_EQ_INT(counts[0], ITEMS);
}

static int loops_body(struct scope *s, void *arg)
{
    (void)arg;
    gather(s);
    plain_loops(s);
    plain_loops(NULL);
    other_loops(s);
    other_loops(NULL);
    sums(s);
    sums(NULL);
    return 0;
}

static void loops(void)
{
    in_pool(loops_body, SCOPE_OK);
}

/* --------------------------------------------------------------------------------------------------------------- Sorts */

#define NUMBERS 12007 /* a prime */

static int compare_numbers(const void *a, const void *b, void *arg)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    (void)arg;
    return (x > y) - (x < y);
}

static int compare_doubles(const void *a, const void *b, void *arg)
{
    double x = *(const double *)a, y = *(const double *)b;
    (void)arg;
    return (x > y) - (x < y);
}

static void sort_numbers(struct scope *s, bool by_bits)
{
    static uint32_t numbers[NUMBERS];
    for (uint32_t i = 0; i < NUMBERS; i++)
        numbers[i] = i * 40503u % NUMBERS;
    int status = by_bits ? scope_sort_u32(s, numbers, NUMBERS)
                         : scope_sort(s, numbers, NUMBERS, sizeof(*numbers), compare_numbers, NULL);
    if (!CHECK_EQ_INT(status, SCOPE_OK)) /* without memory, in place */
        return;
    for (uint32_t i = 0; i < NUMBERS; i++)
        if (!CHECK_EQ_INT(numbers[i], i))
            return;
}

static bool is_less(const double *a, const double *b)
{
    return *a < *b;
}
SCOPE_SORT(double, sort_doubles, is_less);

static void sort_halves(struct scope *s)
{
    static double halves_sorted[NUMBERS], merged[NUMBERS];
    for (int i = 0; i < NUMBERS; i++)
        halves_sorted[i] = (double)(i * 7919 % NUMBERS);
    CHECK_EQ_INT(sort_doubles(s, halves_sorted, NUMBERS / 2), SCOPE_OK);
    CHECK_EQ_INT(scope_sort_double(s, halves_sorted + NUMBERS / 2, NUMBERS - NUMBERS / 2), SCOPE_OK);
    CHECK_EQ_INT(scope_merge(s, halves_sorted, NUMBERS / 2, halves_sorted + NUMBERS / 2, NUMBERS - NUMBERS / 2, merged,
                             sizeof(*merged), compare_doubles, NULL),
                 SCOPE_OK);
    for (int i = 0; i < NUMBERS; i++)
        if (!CHECK(merged[i] == (double)i))
            return;
}

static int sorts_body(struct scope *s, void *arg)
{
    (void)arg;
    gather(s);
    sort_numbers(s, false);
    sort_numbers(s, true);
    sort_halves(s);
    return 0;
}

static void sorts(void)
{
    in_pool(sorts_body, SCOPE_OK);
}

/* ------------------------------------------------------------------------------------------------------------ Pipeline */

#define MADE 24
static atomic_uint made, passed;

static int make(struct scope *s, void **item, void *arg)
{
    (void)s;
    if (atomic_load(&made) < MADE) {
        atomic_fetch_add(&made, 1);
        *item = arg;
    }
    return 0;
}

static int pass(struct scope *s, void **item, void *arg)
{
    (void)s, (void)item, (void)arg;
    dawdle();
    atomic_fetch_add(&passed, 1);
    return 0;
}

static int pipeline_body(struct scope *s, void *arg)
{
    const struct scope_stage stages[] = {
        {.fn = make, .arg = &made}, {.fn = pass}, {.kind = SCOPE_STAGE_IN_ORDER, .fn = pass}};
    gather(s);
    atomic_store(&made, 0);
    atomic_store(&passed, 0);
    bool done = granted(scope_pipeline(arg ? NULL : s, stages, 3, 4, NULL), SCOPE_ENOMEM);
    CHECK_EQ_INT(atomic_load(&made), done ? MADE : 0);
    CHECK_EQ_INT(atomic_load(&passed), done ? 2 * MADE : 0);
    return 0;
}

static void pipelines(void)
{
    in_pool(pipeline_body, SCOPE_OK);
}

/* -------------------------------------------------------------------------------------------------------------- Guests */

static void *guest(void *arg)
{
    (void)arg;
    in_pool(every_way, SCOPE_OK);
    return NULL;
}

static void guests(void)
{
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        if (!CHECK_EQ_INT(pthread_create(&thread[i], NULL, guest, NULL), 0))
            abort();
    (void)guest(NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
}

/* ---------------------------------------------------------------------------------------------------- A storm of spawns */

#define STORM 4160 /* a deque full, 16 that run inside each other, and some that go to the inbox */
static atomic_int storm_left;

/* Run because there was no room, it spawns more. */
static int spawns_on(struct scope *s)
{
    while (atomic_fetch_sub(&storm_left, 1) > 0)
        give(s, WAY_PLAIN, spawns_on);
    return 0;
}

static int storm_body(struct scope *s, void *arg)
{
    (void)arg;
    return spawns_on(s);
}

static void storm(void)
{
    atomic_store(&storm_left, STORM);
    in_pool(storm_body, SCOPE_OK);
}

/* --------------------------------------------------------------------------------------------------------------- Pools */

static unsigned create_workers;

static void creates_pool(void)
{
    struct scope_pool *usual = pool;
    struct scope_pool_options options = {.size = sizeof(options), .workers = create_workers};
    if (granted(scope_pool_create(&pool, &options), SCOPE_ENOMEM)) {
        unsigned got = scope_pool_workers(pool);
        CHECK(must ? got == create_workers : got >= 1 && got <= create_workers);
        tasks_and_errors();
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    }
    pool = usual;
}

/* What is said on stderr. */
static void displays(void)
{
    int err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK(err >= 0 && null >= 0 && dup2(null, STDERR_FILENO) >= 0);
    create_workers = 1;
    (void)setenv("SCOPE_DISPLAY", "1", 1);
    creates_pool();
    (void)unsetenv("SCOPE_DISPLAY");
    (void)granted(scope_dump(null), SCOPE_EINVAL);
    (void)granted(scope_dump_on_signal(SIGUSR1), SCOPE_EINVAL);
    (void)dup2(err, STDERR_FILENO);
    (void)close(err);
    (void)close(null);
}

/* What a process does once: the default pool, the thread that watches deadlines, what is said to the C library. */
static void first_use(void)
{
    tasks_and_errors();
    deadlines();
    CHECK(scope_pool_workers(NULL) >= must);
}

/* The length of a tick, which a pool finds out when it is made: it reads the clock hundreds of times. */
static void calibrates(void)
{
    struct instant before = scopei_instant();
    double tick_ns = scopei_tick_ns(before);
    CHECK(tick_ns > 0 && (!must || tick_ns < 1000));
    CHECK(scopei_tick_cost() < 1000000);
}

/* ---------------------------------------------------------------------------------------------------------- Every call */

struct program {
    const char *name;
    void (*run)(void);
    unsigned kinds;   /* that it is run with */
    unsigned workers; /* of the pool; 0: none, and each run is in a process of its own */
    bool makes_pools;
};

static const struct program *current;
static unsigned long long figure_runs, figure_injected, figure_survived;

static void run_once(void)
{
    ledger_begin();
    current->run();
    ledger_check();
}

/* Returns how many calls have failed. */
static unsigned run_here(unsigned kinds, unsigned k, bool later)
{
    must = false;
    injection_begin(kinds, k, later);
    run_once();
    unsigned injected = injection_end();
    must = true;
    if (!current->makes_pools || k % 8 == 0) /* which takes long, and is what the next k begins with, too */
        run_once();
    return injected;
}

/* The same in a child, which tells by its exit status. */
static unsigned run_in_child(unsigned kinds, unsigned k, bool later)
{
    int status = -1;
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(60);
        unsigned injected = run_here(kinds, k, later);
        _exit(atomic_load(&check_bad) ? 255 : injected < 254 ? (int)injected : 254);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) < 255);
    return WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : 0;
}

static unsigned run_with_fault(unsigned kinds, unsigned k, bool later)
{
    unsigned before = atomic_load(&check_bad);
    unsigned injected = current->workers ? run_here(kinds, k, later) : run_in_child(kinds, k, later);
    bool good = atomic_load(&check_bad) == before;
    if (!good)
        printf("# %s: call %u of kinds 0x%x failed%s\n", current->name, k, kinds, later ? ", and all later ones" : "");
    figure_runs += injected > 0;
    figure_injected += injected;
    figure_survived += good ? injected : 0;
    return injected;
}

/* Returns the first k for which, and for the next, there was nothing left to fail. */
static unsigned every_k(unsigned kinds, bool later)
{
    unsigned k = 0, quiet = 0;
    /* How many there are depends on who steals what, so one quiet run might be chance. */
    while (quiet < 2 && k < 20000 && atomic_load(&check_bad) == 0) {
        quiet = run_with_fault(kinds, k, later) ? 0 : quiet + 1;
        k++;
    }
    CHECK(quiet == 2);
    return k - quiet;
}

static void every_call(void)
{
    static const char *const names[] = {"memory", "threads", "binding", "hwloc", "files",
                                        "clock",  "sleep",   "barrier", "setup"};
    struct scope_pool_options options = {.size = sizeof(options), .workers = current->workers};
    pool = NULL;
    if (current->workers)
        CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK);
    create_workers = current->workers;
    for (unsigned i = 0; i < INJECT_KINDS; i++) {
        unsigned kind = 1u << i, once = kind & current->kinds ? every_k(kind, false) : 0;
        if (once > 0)
            printf("# %s, %u workers, %s: none left to inject after k = %u once, %u from k on\n", current->name,
                   current->workers, names[i], once, every_k(kind, true));
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static const struct program programs[] = {
    {"first_use", first_use, INJECT_MEMORY | INJECT_THREADS | INJECT_BARRIER | INJECT_SETUP, 0,
     true}, /* before any other */
    {"tasks_and_errors", tasks_and_errors, INJECT_ALL, 1, false},
    {"tasks_and_errors", tasks_and_errors, INJECT_ALL, 2, false},
    {"blocks_and_results", blocks_and_results, INJECT_ALL, 2, false},
    {"policies", policies, INJECT_ALL, 2, false},
    {"deadlines", deadlines, INJECT_ALL, 2, false},
    {"tokens_and_permits", tokens_and_permits, INJECT_ALL, 2, false},
    {"forks", forks, INJECT_ALL, 2, false},
    {"loops", loops, INJECT_ALL, 2, false},
    {"sorts", sorts, INJECT_ALL, 2, false},
    {"pipelines", pipelines, INJECT_ALL, 2, false},
    {"guests", guests, INJECT_ALL, 2, false},
    {"storm", storm, INJECT_MEMORY, 1, false},
    {"calibrates", calibrates, INJECT_CLOCK, 1, false},
    {"displays", displays, INJECT_ALL - INJECT_CLOCK, 1, true},
    {"creates_pool", creates_pool, INJECT_MEMORY, 1, true},
    {"creates_pool", creates_pool, INJECT_ALL - INJECT_CLOCK - INJECT_HWLOC - INJECT_FILES, 2, true},
    {"creates_pool", creates_pool, INJECT_MEMORY | INJECT_THREADS, 5, true},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        current = &programs[i];
        if (argc < 2 || strcmp(argv[1], current->name) == 0)
            check_run(current->name, every_call);
    }
    printf("# figures: fault_runs=%llu faults_injected=%llu faults_survived=%llu\n", figure_runs, figure_injected,
           figure_survived);
    return check_done();
}

/* Memory ends: the k-th allocation that the library asks for fails, for every k, alone or with all after it.  A call says
 * SCOPE_ENOMEM, or the pool has fewer workers; no task is lost or run twice, nothing hangs, and what was refused can be
 * asked for again.
 *
 * The functions here stand in front of the C library's.  They fail calls from this program (the library is linked into it)
 * and not those of hwloc or the C library itself.  A sanitizer has its own in that place, and does not start without them:
 * skipped there. */
#include "scope/scope.h"
#include "tests/check.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

#ifdef SANITIZED
int main(void)
{
    static const char *reason = "the sanitizer stands in front of malloc itself";
    check_skip("default_pool_is_tried_again", reason);
    check_skip("one_allocation_refused_loses_nothing", reason);
    check_skip("all_later_allocations_refused_lose_nothing", reason);
    check_skip("pipeline_refused_memory_calls_no_stage", reason);
    check_skip("sort_without_memory_in_place", reason);
    return check_done();
}
#else

/* The linker's and glibc's names. */
extern const char __executable_start[];
extern const char etext[];
extern void *__libc_malloc(size_t size) __attribute__((weak));
extern void *__libc_calloc(size_t count, size_t size) __attribute__((weak));
extern void *__libc_memalign(size_t alignment, size_t size) __attribute__((weak));

static atomic_int left = INT32_MAX; /* allocations that succeed before one fails */
static atomic_bool all_later;
static atomic_int refused;

static bool refuse(const void *caller)
{
    if ((const char *)caller < __executable_start || (const char *)caller >= etext)
        return false;
    int before = atomic_fetch_sub(&left, 1);
    if (before > 0 || (before < 0 && !atomic_load(&all_later)))
        return false;
    atomic_fetch_add(&refused, 1);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return refuse(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return refuse(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return refuse(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    if (refuse(__builtin_return_address(0)))
        return MAP_FAILED;
    long address = syscall(SYS_mmap, at, size, protection, flags, file, offset);
    void *memory;
    memcpy(&memory, &address, sizeof(memory));
    return memory;
}

/* ----------------------------------------------------------------------------------------------- What asks for memory */

static atomic_uint accepted, ran, failures;

static int leaf(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    atomic_fetch_add(&ran, 1);
    for (int i = 0; i < 200; i++)
        fence_compiler();
    return 0;
}

/* Fails; the inner scope's errors are kept on the heap, or left out. */
static int fails(struct scope *s, void *arg)
{
    (void)arg;
    atomic_fetch_add(&ran, 1);
    return scope_fail(s, 5, "memory");
}

static void count(int status)
{
    if (CHECK(status == SCOPE_OK || status == SCOPE_ENOMEM) && status == SCOPE_OK)
        atomic_fetch_add(&accepted, 1);
}

static int inner(struct scope *s, void *arg)
{
    char text[100] = "";
    for (int i = 0; i < 3; i++) {
        count(scope_spawn(s, leaf, NULL));
        count(scope_spawn_copy(s, leaf, text, sizeof(text)));
        count(scope_spawn(arg, leaf, NULL)); /* the enclosing scope: by way of an inbox */
    }
    count(scope_spawn(s, fails, NULL));
    return 0;
}

static int opens_inner(struct scope *s, void *arg)
{
    (void)arg;
    struct scope_options options = scope_options_init();
    struct scope_token *token = scope_token_create();
    options.token = token; /* or NULL */
    options.policy = SCOPE_COLLECT;
    atomic_fetch_add(&ran, 1);
    int status = scope_run_with(&options, NULL, inner, s);
    scope_token_release(token);
    CHECK(status == SCOPE_ERROR || status == SCOPE_ENOMEM); /* of what errors have in reserve: it was not opened */
    atomic_fetch_add(&failures, 1);
    return status;
}

/* Loops that would have memory for a second worker's part: without, there is none.  They are
 * divided at once, as their items are few. */
#define BLOCKS 16

static void dawdle(void)
{
    for (volatile int i = 0; i < 2000; i++)
        ;
}

static int add_items(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    (void)s;
    (void)arg;
    dawdle();
    for (size_t i = begin; i < end; i++)
        *(uint64_t *)value += i;
    return 0;
}

static int scan_items(struct scope *s, size_t begin, size_t end, const void *before, void *value, void *arg)
{
    uint64_t *results = arg;
    (void)s;
    dawdle();
    for (size_t i = begin; i < end; i++) {
        *(uint64_t *)value += i;
        if (before)
            results[i] = *(const uint64_t *)before + *(uint64_t *)value;
    }
    return 0;
}

static int count_items(struct scope *s, size_t begin, size_t end, uint64_t *counts, void *arg)
{
    (void)s;
    (void)arg;
    dawdle();
    counts[0] += end - begin;
    return 0;
}

static void combine(void *low, const void *high, void *arg)
{
    (void)arg;
    *(uint64_t *)low += *(const uint64_t *)high;
}

static void loops(struct scope *s)
{
    static const uint64_t zero = 0;
    uint64_t total = 0, results[BLOCKS], counts[4] = {0};
    const struct scope_reduction sum = {sizeof(total), &zero, add_items, combine, NULL, 1};
    const struct scope_prefix prefix = {sizeof(total), &zero, scan_items, combine, results, 1};
    CHECK_EQ_INT(scope_reduce(s, 0, BLOCKS, &sum, &total), SCOPE_OK);
    CHECK_EQ_INT(total, BLOCKS * (BLOCKS - 1) / 2);
    CHECK_EQ_INT(scope_scan(s, 0, BLOCKS, &prefix, NULL), SCOPE_OK);
    CHECK_EQ_INT(results[BLOCKS - 1], total);
    CHECK_EQ_INT(scope_histogram(s, 0, BLOCKS, 4, counts, count_items, NULL), SCOPE_OK);
    CHECK_EQ_INT(counts[0], BLOCKS);
}

static int outer(struct scope *s, void *arg)
{
    loops(s);
    for (int i = 0; i < 4; i++)
        count(scope_spawn(s, opens_inner, arg));
    return 0;
}

static void run(struct scope_pool *pool, bool must)
{
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    options.pool = pool;
    options.policy = SCOPE_COLLECT;
    atomic_store(&accepted, 0);
    atomic_store(&ran, 0);
    atomic_store(&failures, 0);
    int status = scope_run_with(&options, &report, outer, NULL);
    if (status == SCOPE_ENOMEM) {
        CHECK(!must);
        CHECK_EQ_INT(atomic_load(&ran), 0);
        return;
    }
    CHECK_EQ_INT(status, SCOPE_ERROR);
    CHECK_EQ_INT(atomic_load(&ran), atomic_load(&accepted));
    CHECK_EQ_INT(report.failed, atomic_load(&failures));
    CHECK_EQ_INT(report.group.total, 4);
    CHECK_EQ_INT(report.ok + report.failed, report.spawned);
    for (uint64_t i = 0; i < report.group.kept; i++)
        CHECK(!report.group.errors[i].nested || report.group.errors[i].nested->total == 1);
    if (must)
        CHECK_EQ_INT(atomic_load(&accepted), 44);
    scope_report_fini(&report);
}

/* True if anything was refused. */
static bool round_of(int k, bool later, unsigned workers)
{
    struct scope_pool *pool;
    struct scope_pool_options options = {.size = sizeof(options), .workers = workers};
    atomic_store(&refused, 0);
    atomic_store(&all_later, later);
    atomic_store(&left, k);
    int status = scope_pool_create(&pool, &options);
    if (status == SCOPE_OK)
        run(pool, false);
    atomic_store(&left, INT32_MAX);
    if (status == SCOPE_OK) {
        CHECK(scope_pool_workers(pool) >= 1 && scope_pool_workers(pool) <= workers);
        run(pool, true); /* what was refused can be had now */
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    } else {
        CHECK_EQ_INT(status, SCOPE_ENOMEM);
        CHECK(atomic_load(&refused) > 0);
    }
    return atomic_load(&refused) > 0;
}

static void every_allocation(bool later)
{
    static const unsigned workers[] = {1, 2, 4};
    for (unsigned w = 0; w < 3; w++) {
        int k = 0;
        unsigned quiet = 0;
        /* How many there are depends on who steals what: until a few in a row refused nothing. */
        for (; quiet < 3 && k < 2000; k++)
            quiet = round_of(k, later, workers[w]) ? 0 : quiet + 1;
        printf("# %u workers: %d allocations\n", workers[w], k - 3);
        CHECK(k > 10 && k < 2000);
    }
}

static void one_allocation_refused_loses_nothing(void)
{
    every_allocation(false);
}

static void all_later_allocations_refused_lose_nothing(void)
{
    every_allocation(true);
}

/* The default pool cannot be made now, and is made later. */
static void default_pool_is_tried_again(void)
{
    atomic_store(&all_later, true);
    atomic_store(&left, 0);
    CHECK_EQ_INT(scope_run(outer, NULL), SCOPE_ENOMEM);
    CHECK_EQ_INT(scope_pool_workers(NULL), 0);
    atomic_store(&left, INT32_MAX);
    run(NULL, true);
    CHECK(scope_pool_workers(NULL) >= 1);
}

/* A pipeline gets all its memory before it begins, or calls no stage; its tasks do without. */
static int make(struct scope *s, void **item, void *arg)
{
    (void)s;
    if (++*(uintptr_t *)arg <= 100)
        *item = arg;
    return 0;
}

static int pass(struct scope *s, void **item, void *arg)
{
    (void)item;
    return leaf(s, arg);
}

static void pipeline_refused_memory_calls_no_stage(void)
{
    bool any = true;
    for (int k = 0; any && k < 1000; k++) {
        uintptr_t made = 0;
        const struct scope_stage stages[] = {
            {.fn = make, .arg = &made}, {.fn = pass}, {.kind = SCOPE_STAGE_IN_ORDER, .fn = pass}};
        atomic_store(&refused, 0);
        atomic_store(&ran, 0);
        atomic_store(&all_later, true);
        atomic_store(&left, k);
        int status = scope_pipeline(NULL, stages, 3, 8, NULL);
        atomic_store(&left, INT32_MAX);
        any = atomic_load(&refused) > 0;
        CHECK(status == SCOPE_OK || (status == SCOPE_ENOMEM && any));
        CHECK_EQ_INT(made, status == SCOPE_OK ? 101 : 0);
        CHECK_EQ_INT(atomic_load(&ran), status == SCOPE_OK ? 200 : 0);
        CHECK(k > 0 || status == SCOPE_ENOMEM);
    }
}

/* A sort without memory for its scratch is made in place. */
static int compare_numbers(const void *a, const void *b, void *arg)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    (void)arg;
    return (x > y) - (x < y);
}

static void check_sorted(uint32_t *numbers, uint32_t n, bool by_bits)
{
    for (uint32_t i = 0; i < n; i++)
        numbers[i] = i * 40503u % n; /* each below n once, as n is prime */
    atomic_store(&refused, 0);
    atomic_store(&all_later, true);
    atomic_store(&left, 0);
    int status = by_bits ? scope_sort_u32(NULL, numbers, n)
                         : scope_sort(NULL, numbers, n, sizeof(*numbers), compare_numbers, NULL);
    atomic_store(&left, INT32_MAX);
    CHECK_EQ_INT(status, SCOPE_OK);
    CHECK(atomic_load(&refused) > 0);
    for (uint32_t i = 0; i < n; i++)
        CHECK_EQ_INT(numbers[i], i);
}

static void sort_without_memory_in_place(void)
{
    static uint32_t numbers[30011];
    check_sorted(numbers, 30011, false);
    check_sorted(numbers, 30011, true);
    check_sorted(numbers, 2003, false);
}

int main(void)
{
    check_run("default_pool_is_tried_again", default_pool_is_tried_again);
    check_run("one_allocation_refused_loses_nothing", one_allocation_refused_loses_nothing);
    check_run("all_later_allocations_refused_lose_nothing", all_later_allocations_refused_lose_nothing);
    check_run("pipeline_refused_memory_calls_no_stage", pipeline_refused_memory_calls_no_stage);
    check_run("sort_without_memory_in_place", sort_without_memory_in_place);
    return check_done();
}

#endif

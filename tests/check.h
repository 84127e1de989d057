/* A tiny producer of TAP (the output that prove reads) for the test programs:
 *
 *     static void spawn_null_einval(void)
 *     {
 *         CHECK(scope_spawn(NULL, task, NULL) == SCOPE_EINVAL);
 *         CHECK_EQ_INT(scope_run(NULL, NULL), SCOPE_EINVAL);
 *     }
 *
 *     int main(void)
 *     {
 *         check_run("spawn_null_einval", spawn_null_einval);
 *         if (!may_pin())
 *             check_skip("pin_stays_in_mask", "pinning is refused here");
 *         return check_done();
 *     }
 *
 * CHECK and CHECK_EQ_* may be called by any thread of the process while check_run runs; they go on after a failure and
 * are true if the check held: `if (!CHECK(p != NULL)) return;`.  The others belong to the main thread.  A forked child
 * must not use them: its failures would be lost; it tells by its exit status. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_count;                                         /* subtests so far; main thread */
static int check_failed;                                        /* of these, failed; main thread */
static atomic_uint check_bad;                                   /* failed checks of the running subtest; any thread */
static atomic_ullong check_executed, check_lost, check_doubled; /* tasks, as they were counted; any thread */
static const unsigned check_shown = 20;                         /* failed checks that are printed of one subtest */

#define CHECK(cond) check_true((cond), __FILE__, __LINE__, #cond)
#define CHECK_EQ_INT(a, b) check_eq_int((long long)(a), (long long)(b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_EQ_STR(a, b) check_eq_str((a), (b), __FILE__, __LINE__, #a " == " #b)

static inline bool check_true(bool held, const char *file, int line, const char *text)
{
    if (!held && atomic_fetch_add(&check_bad, 1) < check_shown) {
        printf("# %s:%d: %s\n", file, line, text);
        fflush(stdout);
    }
    return held;
}

static inline bool check_eq_int(long long a, long long b, const char *file, int line, const char *text)
{
    if (a != b && atomic_fetch_add(&check_bad, 1) < check_shown) {
        printf("# %s:%d: %s: %lld, %lld\n", file, line, text, a, b);
        fflush(stdout);
    }
    return a == b;
}

static inline bool check_eq_str(const char *a, const char *b, const char *file, int line, const char *text)
{
    bool held = a == b || (a && b && strcmp(a, b) == 0);
    if (!held && atomic_fetch_add(&check_bad, 1) < check_shown) {
        printf("# %s:%d: %s: \"%s\", \"%s\"\n", file, line, text, a ? a : "(null)", b ? b : "(null)");
        fflush(stdout);
    }
    return held;
}

/* Runs one subtest, named unit_situation_result. */
static inline void check_run(const char *name, void (*fn)(void))
{
    printf("# run %s\n", name);
    fflush(stdout);
    const char *repeat = getenv("CHECK_REPEAT"); /* how often, unless it fails before; default 1 */
    atomic_store(&check_bad, 0);
    for (long i = repeat ? atol(repeat) : 1; i > 0 && atomic_load(&check_bad) == 0; i--)
        fn();
    bool bad = atomic_load(&check_bad) != 0;
    check_failed += bad;
    printf("%s %d - %s\n", bad ? "not ok" : "ok", ++check_count, name);
    fflush(stdout);
}

/* Tasks that the test has seen run, and those that it has missed or seen twice; the figures say how many in all.  Any thread. */
static inline void check_tasks(uint64_t executed, uint64_t lost, uint64_t doubled)
{
    atomic_fetch_add(&check_executed, executed);
    if (lost)
        atomic_fetch_add(&check_lost, lost);
    if (doubled)
        atomic_fetch_add(&check_doubled, doubled);
}

/* The same for one who knows totals only: of accepted tasks so many have run, and so many were skipped. */
static inline void check_totals(uint64_t accepted, uint64_t executed, uint64_t skipped)
{
    uint64_t ended = executed + skipped;
    check_tasks(executed, accepted > ended ? accepted - ended : 0, ended > accepted ? ended - accepted : 0);
}

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#elif __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif
#ifndef TSAN
#define TSAN 0
#endif
#ifndef ASAN
#define ASAN 0
#endif

/* True if all takes much longer than usual: under a sanitizer, emulated, or not optimized. */
static inline bool check_slow(void)
{
    return TSAN || ASAN || getenv("CHECK_SLOW");
}

/* How often to do something: usually, and where all takes much longer. */
#define TIMES(plain, slow) (check_slow() ? (slow) : (plain))

static inline unsigned check_rounds(unsigned full)
{
    return TIMES(full, full / 8);
}

/* Counts a subtest that can't run here, and says why. */
static inline void check_skip(const char *name, const char *reason)
{
    printf("ok %d - %s # SKIP %s\n", ++check_count, name, reason);
    fflush(stdout);
}

/* Prints the figures, which tests/figures sums up over all programs, and the plan; returns what main should. */
static inline int check_done(void)
{
    if (atomic_load(&check_executed) > 0)
        printf("# figures: tasks_executed=%llu tasks_lost=%llu tasks_doubled=%llu\n", atomic_load(&check_executed),
               atomic_load(&check_lost), atomic_load(&check_doubled));
    printf("1..%d\n", check_count);
    fflush(stdout);
    return check_failed != 0;
}

#endif

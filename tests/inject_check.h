/* Every call of the library's that can fail does: the k-th of its kind, alone and with all after it, for every k, until two runs in
 * a row had nothing left to fail.  What is run is a family of small programs that go over the whole API (inject_*.c).  Each call of
 * theirs does its work, with the right result, or returns the error that its comment promises; each task has run, was skipped or
 * was refused, and its argument disposed of, once; and without faults, the same program works right afterwards.  (No leak: that is
 * for the sanitizer to say.  No hang: for the time limit.) */
#ifndef TESTS_INJECT_CHECK_H
#define TESTS_INJECT_CHECK_H

#include "tests/inject.h"
#include "tests/scope_check.h"

#include <sys/wait.h>
#include <unistd.h>

#define HOUR_NS 3600000000000u

static struct scope_pool *pool;
static bool must; /* nothing fails now, so nothing may be refused */

/* The status of a call that may be refused so. */
static inline bool granted(int status, int refusal)
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
static inline void dawdle(void)
{
    for (volatile int i = 0; i < 2000; i++)
        ;
}

static inline int runs(struct scope *s, void *arg)
{
    struct piece *piece = arg;
    atomic_fetch_add(&piece->ran, 1);
    if (piece->then)
        return piece->then(s);
    dawdle();
    return 0;
}

static inline int runs_copied(struct scope *s, void *arg)
{
    return runs(s, ((struct cargo *)arg)->piece);
}

static inline void dispose(void *arg)
{
    atomic_fetch_add(&((struct piece *)arg)->disposed, 1);
}

static inline void dispose_copied(void *arg)
{
    dispose(((struct cargo *)arg)->piece);
}

static const SCOPE_DESCRIBE(by_pointer, .fn = runs, .dispose = dispose);
static const SCOPE_DESCRIBE(by_copy, .fn = runs_copied, .dispose = dispose_copied, .copy = sizeof(struct cargo));
static const SCOPE_DESCRIBE(anyway, .fn = runs, .dispose = dispose, .flags = SCOPE_RUN_ANYWAY);

enum way { WAY_PLAIN, WAY_SMALL, WAY_LARGE, WAY_DESCRIBED, WAY_COPIED, WAY_TRY, WAY_ANYWAY, WAYS };

static inline int spawn_by(enum way way, struct scope *s, struct piece *piece)
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

static inline struct piece *piece_new(int (*then)(struct scope *s))
{
    unsigned i = atomic_fetch_add(&pieces, 1);
    if (i >= PIECES_MAX)
        abort();
    ledger[i].then = then;
    return &ledger[i];
}

static inline void give(struct scope *s, enum way way, int (*then)(struct scope *s))
{
    struct piece *piece = piece_new(then);
    int status = spawn_by(way, s, piece);
    piece->status = status;
    CHECK(status == SCOPE_OK || (status == SCOPE_ENOMEM && !must) ||
          (status == SCOPE_ECANCELED && scope_cancelled(s)) || (status == SCOPE_EAGAIN && way == WAY_TRY));
}

static inline void ledger_begin(void)
{
    memset(ledger, 0, atomic_load(&pieces) * sizeof(*ledger));
    atomic_store(&pieces, 0);
    atomic_store(&reported, 0);
    atomic_store(&skipped, 0);
}

static inline void ledger_check(void)
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
static inline int ledger_run(const struct scope_options *options, struct scope_report *report, scope_fn *body,
                             void *arg)
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
static inline void in_pool(scope_fn *body, int expected)
{
    struct scope_options options = options_of(pool);
    struct scope_report report;
    int status = ledger_run(&options, &report, body, NULL);
    CHECK(status == expected || (status == SCOPE_ENOMEM && !must));
    scope_report_fini(&report);
}

/* Waits, but not long, until another worker has come, so that it takes part in what follows. */
static atomic_bool gathered;

static inline int gathers(struct scope *s)
{
    (void)s;
    atomic_store(&gathered, true);
    return 0;
}

static inline void gather(struct scope *s)
{
    atomic_store(&gathered, false);
    give(s, WAY_PLAIN, gathers);
    for (int i = 0; i < 30 && !atomic_load(&gathered); i++)
        sched_yield();
}

/* Spawns in every way there is. */
static inline int every_way(struct scope *s, void *arg)
{
    (void)arg;
    gather(s);
    for (int i = 0; i < 2; i++)
        for (enum way way = WAY_PLAIN; way < WAYS; way++)
            give(s, way, NULL);
    return 0;
}

/* --------------------------------------------------------------------------------------------------------------- A sort */

#define NUMBERS 12007 /* a prime */

static inline int compare_numbers(const void *a, const void *b, void *arg)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    (void)arg;
    return (x > y) - (x < y);
}

static inline void sort_numbers(struct scope *s, bool by_bits)
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

/* ---------------------------------------------------------------------------------------------------------- Every call */

struct program {
    const char *name;
    void (*run)(void);
    unsigned kinds;   /* that it is run with */
    unsigned workers; /* of the pool; 0: none, and each run is in a process of its own */
    bool makes_pools;
};

static const struct program *current; /* that runs */
static unsigned long long figure_runs, figure_injected, figure_survived;

/* No scope is left open. */
static inline void check_closed(void)
{
    char text[4000];
    int fd[2];
    if (!CHECK_EQ_INT(pipe(fd), 0))
        return;
    CHECK_EQ_INT(scope_dump(fd[1]), SCOPE_OK);
    close(fd[1]);
    ssize_t length = read(fd[0], text, sizeof(text) - 1);
    close(fd[0]);
    text[length > 0 ? length : 0] = '\0';
    CHECK(!strstr(text, "  scope "));
}

static inline void run_once(void)
{
    ledger_begin();
    current->run();
    ledger_check();
}

/* Returns how many calls have failed. */
static inline unsigned run_here(unsigned kinds, unsigned k, bool later)
{
    must = false;
    injection_begin(kinds, k, later);
    run_once();
    unsigned injected = injection_end();
    must = true;
    if (!current->makes_pools || k % 8 == 0) /* which takes long, and is what the next k begins with, too */
        run_once();
    check_closed();
    return injected;
}

/* The same in a child, which tells by its exit status. */
static inline unsigned run_in_child(unsigned kinds, unsigned k, bool later)
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

static inline unsigned run_with_fault(unsigned kinds, unsigned k, bool later)
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
static inline unsigned every_k(unsigned kinds, bool later)
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

static inline void every_call(void)
{
    static const char *const names[] = {"memory", "threads", "binding", "hwloc", "files",
                                        "clock",  "sleep",   "barrier", "setup"};
    struct scope_pool_options options = {.size = sizeof(options), .workers = current->workers};
    pool = NULL;
    if (current->workers)
        CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK);
    for (unsigned i = 0; i < INJECT_KINDS; i++) {
        unsigned kind = 1u << i, once = kind & current->kinds ? every_k(kind, false) : 0;
        if (once > 0)
            printf("# %s, %u workers, %s: none left to inject after k = %u once, %u from k on\n", current->name,
                   current->workers, names[i], once, every_k(kind, true));
    }
    printf("# %s, %u workers, all but clock and sleep: none left to inject after k = %u from k on\n", current->name,
           current->workers, every_k(current->kinds & ~(unsigned)(INJECT_CLOCK | INJECT_SLEEP), true));
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* Returns what main should.  With an argument, only the programs of that name. */
static inline int every_program(const struct program *programs, size_t count, int argc, char **argv)
{
    (void)setenv("HWLOC_PLUGINS_PATH", "/nonexistent",
                 1); /* to find and load them takes three quarters of a pool's making */
    for (size_t i = 0; i < count; i++) {
        current = &programs[i];
        if (argc < 2 || strcmp(argv[1], current->name) == 0)
            check_run(current->name, every_call);
    }
    printf("# figures: fault_runs=%llu faults_injected=%llu faults_survived=%llu\n", figure_runs, figure_injected,
           figure_survived);
    return check_done();
}

#endif

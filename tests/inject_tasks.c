/* Calls fail under tasks and errors, and while pools are made, used by guests, and displayed. */
#include "sched/os.h"
#include "tests/inject_check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

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

static void creates_pool_of(unsigned workers)
{
    struct scope_pool *usual = pool;
    struct scope_pool_options options = {.size = sizeof(options), .workers = workers};
    if (granted(scope_pool_create(&pool, &options), SCOPE_ENOMEM)) {
        unsigned got = scope_pool_workers(pool);
        CHECK(must ? got == workers : got >= 1 && got <= workers);
        tasks_and_errors();
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    }
    pool = usual;
}

static void creates_pool(void)
{
    creates_pool_of(current->workers);
}

/* What is said on stderr. */
static void displays(void)
{
    int err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK(err >= 0 && null >= 0 && dup2(null, STDERR_FILENO) >= 0);
    (void)setenv("SCOPE_DISPLAY", "1", 1);
    creates_pool_of(1);
    (void)unsetenv("SCOPE_DISPLAY");
    (void)granted(scope_dump(null), SCOPE_EINVAL);
    (void)granted(scope_dump_on_signal(SIGUSR1), SCOPE_EINVAL);
    (void)dup2(err, STDERR_FILENO);
    (void)close(err);
    (void)close(null);
}

/* A pool knows the process that it was made in. */
static void forks_with_pool(void)
{
    struct scope_options options = options_of(NULL);
    struct scope_pool_options asked = {.size = sizeof(asked), .workers = 1};
    if (!granted(scope_pool_create(&options.pool, &asked), SCOPE_ENOMEM))
        return;
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(scope_run_with(&options, NULL, every_way, NULL) != SCOPE_EFORK);
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK_EQ_INT(scope_pool_destroy(options.pool), SCOPE_OK);
}

static int sets_deadline(struct scope *s, void *arg)
{
    uint64_t then = scope_now_ns() + HOUR_NS;
    bool set = granted(scope_set_deadline(s, then), SCOPE_EAGAIN);
    CHECK(scope_deadline(s) == (set ? then : 0));
    return every_way(s, arg);
}

/* What a process does once: the default pool, the thread that watches deadlines, what is said to the C library. */
static void first_use(void)
{
    struct scope_options options = options_of(NULL);
    struct scope_report report;
    sort_numbers(NULL, false); /* if no scope can be opened, without one */
    tasks_and_errors();
    (void)ledger_run(&options, &report, sets_deadline, NULL);
    options.timeout_ns = HOUR_NS;
    int status = ledger_run(&options, &report, every_way, NULL);
    CHECK(status == SCOPE_OK || (!must && (status == SCOPE_ENOMEM || status == SCOPE_EAGAIN)));
    CHECK(scope_pool_workers(NULL) >= must);
    forks_with_pool();
}

/* The length of a tick, which a pool finds out when it is made: it reads the clock hundreds of times. */
static void calibrates(void)
{
    struct instant before = scopei_instant();
    double tick_ns = scopei_tick_ns(before);
    CHECK(tick_ns > 0 && (!must || tick_ns < 1000));
    CHECK(scopei_tick_cost() < 1000000);
}

/* To fork is dear with ThreadSanitizer. */
#define FIRST_KINDS (INJECT_THREADS | INJECT_SETUP | (TSAN ? 0 : INJECT_MEMORY | INJECT_BARRIER))

static const struct program programs[] = {
    {"first_use", first_use, FIRST_KINDS, 0, true}, /* while nobody else has used the library */
    {"tasks_and_errors", tasks_and_errors, INJECT_ALL, 1, false},
    {"tasks_and_errors", tasks_and_errors, INJECT_ALL, 2, false},
    {"guests", guests, INJECT_ALL, 2, false},
    {"storm", storm, INJECT_MEMORY, 1, false},
    {"calibrates", calibrates, INJECT_CLOCK, 1, false},
    {"displays", displays, INJECT_MEMORY | INJECT_HWLOC | INJECT_FILES, 1, true},
    {"creates_pool", creates_pool, INJECT_MEMORY, 1, true},
    {"creates_pool", creates_pool, INJECT_ALL - INJECT_CLOCK - INJECT_FILES, 2, true},
    {"creates_pool", creates_pool, INJECT_MEMORY | INJECT_THREADS, 5, true},
};

int main(int argc, char **argv)
{
    return every_program(programs, sizeof(programs) / sizeof(*programs), argc, argv);
}

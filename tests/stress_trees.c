/* Random trees of tasks: nested scopes, spawns into enclosing scopes, failures, cancellations and tokens at random places,
 * from several threads at once.  Tasks count what they do, and each scope's report must say the same.  What a tree looks
 * like follows from its seed alone (not who runs what when): a failure prints it. */
#include "scope/scope.h"
#include "tests/check.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define DEPTH_MAX 6
#define GUESTS 3

/* What the tasks of one scope have counted; in the frame that opens it. */
struct tally {
    struct scope *scope;
    struct tally *parent;
    struct scope_token *token; /* of the tree */
    uint64_t seed;
    unsigned depth;
    atomic_ullong accepted, refused, ran, failed, cancelled, told;
};

struct job {
    struct tally *tally; /* of the scope it is spawned into */
    uint64_t seed;
    unsigned depth; /* how many tasks and scopes lie above */
    uint32_t filling[12];
};

static uint64_t mix(uint64_t seed, uint64_t salt)
{
    uint64_t z = seed + (salt + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* True once in so many times. */
static bool chance(uint64_t seed, uint64_t salt, uint64_t times)
{
    return mix(seed, salt) % times == 0;
}

static int task(struct scope *s, void *arg);

static void spawn(struct tally *tally, uint64_t seed, unsigned depth)
{
    struct job job = {.tally = tally, .seed = seed, .depth = depth};
    for (uint32_t i = 0; i < 12; i++)
        job.filling[i] = (uint32_t)seed + i;
    /* 24 bytes go with the task, more are allocated. */
    size_t size = chance(seed, 90, 2) ? sizeof(job) : offsetof(struct job, filling);
    if (size != sizeof(job))
        job.seed &= ~UINT64_C(1);
    else
        job.seed |= 1;
    int status = scope_spawn_copy(tally->scope, task, &job, size);
    CHECK(status == SCOPE_OK || status == SCOPE_ECANCELED);
    CHECK(status == SCOPE_OK || scope_cancelled(tally->scope));
    atomic_fetch_add(status == SCOPE_OK ? &tally->accepted : &tally->refused, 1);
}

static void spawn_some(struct tally *tally, uint64_t seed, unsigned depth)
{
    if (depth >= DEPTH_MAX)
        return;
    for (uint64_t i = 0; i < mix(seed, 1) % 5; i++) {
        struct tally *into = tally;
        while (into->parent && chance(seed, 10 + i, 5))
            into = into->parent;
        spawn(into, mix(seed, 20 + i), depth + 1);
    }
}

static int body(struct scope *s, void *arg)
{
    struct tally *tally = arg;
    tally->scope = s;
    for (uint64_t i = 0; i < 1 + mix(tally->seed, 2) % 4; i++)
        spawn(tally, mix(tally->seed, 30 + i), tally->depth + 1);
    if (chance(tally->seed, 3, 40)) {
        atomic_fetch_add(&tally->told, 1);
        return 17;
    }
    if (chance(tally->seed, 4, 40))
        return SCOPE_ECANCELED;
    return 0;
}

static void compare(const struct tally *tally, const struct scope_report *report, int status)
{
    uint64_t ran = atomic_load(&tally->ran), failed = atomic_load(&tally->failed);
    uint64_t cancelled = atomic_load(&tally->cancelled);
    check_totals(atomic_load(&tally->accepted), ran, report->skipped);
    bool right = CHECK_EQ_INT(report->spawned, atomic_load(&tally->accepted));
    right &= CHECK_EQ_INT(report->failed, failed);
    right &= CHECK_EQ_INT(report->cancelled, cancelled);
    right &= CHECK_EQ_INT(report->ok, ran - failed - cancelled);
    right &= CHECK_EQ_INT(report->skipped, atomic_load(&tally->accepted) - ran);
    right &= CHECK_EQ_INT(report->group.total, atomic_load(&tally->told));
    right &= CHECK_EQ_INT(report->status, status);
    right &= CHECK((report->skipped == 0 && atomic_load(&tally->refused) == 0) || report->reason != SCOPE_REASON_NONE);
    int expected = report->group.total                                                              ? SCOPE_ERROR
                   : report->reason != SCOPE_REASON_NONE || cancelled || chance(tally->seed, 4, 40) ? SCOPE_ECANCELED
                                                                                                    : SCOPE_OK;
    right &= CHECK_EQ_INT(status, expected);
    if (!right)
        printf("# scope of seed %" PRIu64 ", depth %u\n", tally->seed, tally->depth);
}

/* Runs a scope and returns its outcome. */
static int tree(struct tally *parent, struct scope_token *token, uint64_t seed, unsigned depth)
{
    struct tally tally = {.parent = parent, .token = token, .seed = seed, .depth = depth};
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    options.policy = chance(seed, 5, 3) ? SCOPE_FAIL_FAST : SCOPE_COLLECT;
    options.token = token && chance(seed, 6, 3) ? token : NULL;
    int status = scope_run_with(&options, &report, body, &tally);
    compare(&tally, &report, status);
    scope_report_fini(&report);
    return status;
}

/* What the task does, without its accounting. */
static int act(struct tally *tally, uint64_t seed, unsigned depth)
{
    int inner = 0;
    for (uint64_t i = 0; i < mix(seed, 7) % 400; i++)
        fence_compiler();
    spawn_some(tally, seed, depth);
    if (depth < DEPTH_MAX && chance(seed, 8, 3))
        inner = tree(tally, tally->token, mix(seed, 9), depth + 1);
    spawn_some(tally, mix(seed, 50), depth + 2);
    if (chance(seed, 51, 60)) {
        struct tally *outer = tally;
        while (outer->parent && chance(seed, 52, 2))
            outer = outer->parent;
        (void)scope_cancel(outer->scope);
        CHECK(scope_cancelled(outer->scope));
        while (!scope_cancelled(tally->scope)) /* at once, unless another canceller is at work on the same scopes */
            sched_yield();
    }
    if (tally->token && chance(seed, 53, 300))
        (void)scope_token_cancel(tally->token);
    if (chance(seed, 54, 40)) {
        atomic_fetch_add(&tally->told, 1);
        return scope_fail(tally->scope, 23, "seed %" PRIu64, seed);
    }
    if (inner == SCOPE_ERROR && chance(seed, 55, 2))
        return inner;
    if (chance(seed, 56, 30))
        return 1 + (int)(seed % 9);
    return scope_cancelled(tally->scope) && chance(seed, 57, 2) ? SCOPE_ECANCELED : 0;
}

static int task(struct scope *s, void *arg)
{
    const struct job *job = arg;
    struct tally *tally = job->tally;
    CHECK(s == tally->scope);
    for (uint32_t i = 0; job->seed & 1 && i < 12; i++)
        CHECK(job->filling[i] - job->filling[0] == i);
    int code = act(tally, job->seed, job->depth);
    atomic_fetch_add(&tally->ran, 1);
    if (code == SCOPE_ECANCELED) {
        atomic_fetch_add(&tally->cancelled, 1);
    } else if (code != 0) {
        atomic_fetch_add(&tally->failed, 1);
        if (code != 23)
            atomic_fetch_add(&tally->told, 1);
    }
    return code;
}

static uint64_t first_seed = 1;
static atomic_ullong next_tree;

static void *grow(void *arg)
{
    uint64_t trees = TSAN ? 2500 : TIMES(20000, 5000);
    (void)arg;
    for (uint64_t i = atomic_fetch_add(&next_tree, 1); i < trees && !atomic_load(&check_bad);
         i = atomic_fetch_add(&next_tree, 1)) {
        struct scope_token *token = scope_token_create();
        (void)tree(NULL, token, mix(first_seed, i), 0);
        if (chance(first_seed, i, 2))
            (void)scope_token_cancel(token);
        scope_token_release(token);
        if (atomic_load(&check_bad))
            printf("# tree %" PRIu64 " of STRESS_SEED=%" PRIu64 "\n", i, first_seed);
    }
    return NULL;
}

static void one_thread_after_the_other(void)
{
    atomic_store(&next_tree, 0);
    (void)grow(NULL);
}

static void several_guests_at_once(void)
{
    pthread_t thread[GUESTS];
    unsigned running = 0;
    first_seed++;
    atomic_store(&next_tree, 0);
    while (running < GUESTS && pthread_create(&thread[running], NULL, grow, NULL) == 0)
        running++;
    CHECK_EQ_INT(running, GUESTS);
    for (unsigned i = 0; i < running; i++)
        pthread_join(thread[i], NULL);
}

/* A token is cancelled by a foreign thread while trees that hold it grow. */
static atomic_bool stop;
static _Atomic(struct scope_token *) target;

static void *canceller(void *arg)
{
    (void)arg;
    while (!atomic_load(&stop)) {
        struct scope_token *token = atomic_exchange(&target, NULL);
        if (token) {
            (void)scope_token_cancel(token);
            scope_token_release(token);
        }
    }
    return NULL;
}

static void token_is_cancelled_from_outside(void)
{
    uint64_t trees = TSAN ? 1000 : TIMES(8000, 2000);
    pthread_t thread;
    atomic_store(&stop, false);
    if (!CHECK(pthread_create(&thread, NULL, canceller, NULL) == 0))
        return;
    for (uint64_t i = 0; i < trees && !atomic_load(&check_bad); i++) {
        struct scope_token *token = scope_token_create();
        struct scope_token *old = atomic_exchange(&target, scope_token_retain(token));
        scope_token_release(old);
        (void)tree(NULL, token, mix(77, i), 0);
        scope_token_release(token);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    scope_token_release(atomic_exchange(&target, NULL));
}

int main(void)
{
    const char *seed = getenv("STRESS_SEED");
    if (seed)
        first_seed = strtoull(seed, NULL, 10);
    printf("# STRESS_SEED=%" PRIu64 "\n", first_seed);
    check_run("one_thread_after_the_other", one_thread_after_the_other);
    check_run("several_guests_at_once", several_guests_at_once);
    check_run("token_is_cancelled_from_outside", token_is_cancelled_from_outside);
    return check_done();
}

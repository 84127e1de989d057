/* The whole library: pools, scopes, tasks, forks, cancellation.  In a pool of two workers a scenario's thread is one of them, as a
 * guest, and a thread of the pool's own the other; the third is stood down. */
#include "model.h"

#include "sched/idle.h"
#include "scope/scope.h"

#include <taskscope_loop.h>

static struct scope_pool *pool;
static struct scope_token *token;
static uint64_t ran[8]; /* plain: that each is ordered with what follows is checked, too */
static struct atomic_u64 flag;

static void pool_of(unsigned workers)
{
    const struct scope_pool_options options = {.size = sizeof(options), .workers = workers};
    MUST(scope_pool_create(&pool, &options) == SCOPE_OK);
}

static void two_workers(void)
{
    pool_of(2);
}

static void three_workers(void)
{
    pool_of(3);
}

/* No threads but the scenario's. */
static void no_workers(void)
{
    pool_of(1);
    token = scope_token_create();
}

static void token_alone(void)
{
    token = scope_token_create();
}

static struct scope_options in_pool(void)
{
    return (struct scope_options){.size = sizeof(struct scope_options), .pool = pool};
}

/* Runs a body in the pool, to an outcome; checks the sums. */
static struct scope_report run_with(struct scope_options options, scope_fn *body, int status)
{
    struct scope_report report = {.size = sizeof(report)};
    MUST(scope_run_with(&options, &report, body, NULL) == status);
    MUST(report.spawned == report.ok + report.failed + report.cancelled + report.skipped);
    return report;
}

static void ran_once(unsigned tasks)
{
    for (unsigned i = 0; i < tasks; i++)
        MUST(ran[i] == 1);
}

/* Long enough for others to come in between: a pause is no deviation. */
static int task(struct scope *s, void *arg)
{
    (void)s;
    os_pause();
    ++*(uint64_t *)arg;
    return 0;
}

/* -------------------------------------------------------------------------------------------------------------- Joins */

static int spawn_one(struct scope *s, void *arg)
{
    (void)arg;
    int status = scope_spawn(s, task, &ran[0]);
    os_pause();
    return status;
}

static int spawn_two(struct scope *s, void *arg)
{
    (void)arg;
    MUST(scope_spawn(s, task, &ran[0]) == SCOPE_OK);
    return scope_spawn(s, task, &ran[1]);
}

static void join_one(void)
{
    (void)run_with(in_pool(), spawn_one, SCOPE_OK);
    ran_once(1);
}

static void join_two(void)
{
    (void)run_with(in_pool(), spawn_two, SCOPE_OK);
    ran_once(2);
}

/* Out of memory is said, and nothing is lost. */
static void join_memory(void)
{
    const struct scope_options options = in_pool();
    int status = scope_run_with(&options, NULL, spawn_two, NULL);
    MUST(status == SCOPE_OK || status == SCOPE_ENOMEM);
    MUST(ran[0] == (status == SCOPE_OK) && ran[1] == ran[0]);
}

static int spawn_next(struct scope *s, void *arg)
{
    (void)task(s, arg);
    return scope_spawn(s, task, &ran[2]);
}

/* What was stolen spawns, too. */
static int spawn_spawner(struct scope *s, void *arg)
{
    (void)arg;
    MUST(scope_spawn(s, spawn_next, &ran[0]) == SCOPE_OK);
    return scope_spawn(s, task, &ran[1]);
}

static void join_grandchildren(void)
{
    const struct scope_report report = run_with(in_pool(), spawn_spawner, SCOPE_OK);
    MUST(report.spawned == 3 && report.ok == 3);
    ran_once(3);
}

/* A scope in a task, which waits for a task of its own. */
static int inner_scope(struct scope *s, void *arg)
{
    (void)s;
    (void)task(s, arg);
    MUST(scope_run(spawn_one, NULL) == SCOPE_OK);
    return 0;
}

static int spawn_inner(struct scope *s, void *arg)
{
    (void)arg;
    MUST(scope_spawn(s, inner_scope, &ran[1]) == SCOPE_OK);
    return scope_spawn(s, task, &ran[2]);
}

static void join_inner(void)
{
    (void)run_with(in_pool(), spawn_inner, SCOPE_OK);
    ran_once(3);
}

static int spawn_outward(struct scope *s, void *arg)
{
    (void)s;
    return scope_spawn(arg, task, &ran[0]);
}

/* By way of an inbox: into the scope around the innermost one. */
static int outward(struct scope *s, void *arg)
{
    (void)arg;
    MUST(scope_run(spawn_outward, s) == SCOPE_OK);
    return 0;
}

static void join_inbox(void)
{
    (void)run_with(in_pool(), outward, SCOPE_OK);
    ran_once(1);
}

static int forks(struct scope *s, void *arg)
{
    (void)arg;
    return scope_fork2(s, task, &ran[0], task, &ran[1]);
}

static void join_forks(void)
{
    (void)run_with(in_pool(), forks, SCOPE_OK);
    ran_once(2);
}

SCOPE_TASK(uint64_t, leaves, unsigned);

static inline uint64_t leaves(struct scope_strand strand, unsigned n)
{
    if (n == 0)
        return 1;
    leaves_fork(&strand, n - 1);
    uint64_t right = leaves(strand, n - 1);
    return right + leaves_join(&strand);
}

static int typed(struct scope *s, void *arg)
{
    (void)arg;
    MUST(leaves_call(s, 2) == 4);
    return 0;
}

static void join_typed(void)
{
    (void)run_with(in_pool(), typed, SCOPE_OK);
}

/* ------------------------------------------------------------------------------------------------------------- Waking */

static int flag_set(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    (void)add_acq_rel(&flag, 1); /* pairs with: flag_wait */
    return 0;
}

static void flag_wait(uint64_t value)
{
    while (load_acquire(&flag) != value) /* pairs with: flag_set */
        os_pause();
}

/* The body computes for long: somebody else must be woken for the task. */
static int spawn_and_compute(struct scope *s, void *arg)
{
    (void)arg;
    MUST(scope_spawn(s, flag_set, NULL) == SCOPE_OK);
    flag_wait(1);
    return 0;
}

static void wake_for_task(void)
{
    (void)run_with(in_pool(), spawn_and_compute, SCOPE_OK);
}

/* And again, when whoever was woken sleeps, or is about to. */
static int compute_twice(struct scope *s, void *arg)
{
    (void)arg;
    for (uint64_t i = 1; i <= 2; i++) {
        MUST(scope_spawn(s, flag_set, NULL) == SCOPE_OK);
        flag_wait(i);
    }
    return 0;
}

static void wake_again(void)
{
    (void)run_with(in_pool(), compute_twice, SCOPE_OK);
}

/* The same for a task in an inbox. */
static int outward_flag(struct scope *s, void *arg)
{
    (void)s;
    MUST(scope_spawn(arg, flag_set, NULL) == SCOPE_OK);
    flag_wait(1);
    return 0;
}

static int inbox_and_compute(struct scope *s, void *arg)
{
    (void)arg;
    return scope_run(outward_flag, s);
}

static void wake_for_inbox(void)
{
    (void)run_with(in_pool(), inbox_and_compute, SCOPE_OK);
}

/* -------------------------------------------------------------------------------------------------------- Cancellation */

static int body_cancels(struct scope *s, void *arg)
{
    (void)arg;
    MUST(scope_spawn(s, task, &ran[0]) == SCOPE_OK);
    MUST(scope_cancel(s) == 1);
    MUST(scope_spawn(s, task, &ran[1]) == SCOPE_ECANCELED);
    return 0;
}

static void cancel_body(void)
{
    (void)run_with(in_pool(), body_cancels, SCOPE_ECANCELED);
    MUST(ran[0] <= 1 && ran[1] == 0);
}

static int task_fails(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return 7;
}

static int spawn_failing(struct scope *s, void *arg)
{
    (void)arg;
    MUST(scope_spawn(s, task_fails, NULL) == SCOPE_OK);
    int spawned = scope_spawn(s, task, &ran[0]);
    MUST(spawned == SCOPE_OK || spawned == SCOPE_ECANCELED);
    return 0;
}

static void cancel_failed(void)
{
    const struct scope_report report = run_with(in_pool(), spawn_failing, SCOPE_ERROR);
    MUST(report.failed == 1 && ran[0] <= 1);
}

/* A scope opens while the one around it is cancelled from another thread: after the cancel has returned, everybody sees it. */
static int sees_cancelled(struct scope *s, void *arg)
{
    (void)arg;
    if (load_acquire(&flag)) /* pairs with: token_cancel */
        MUST(scope_cancelled(s));
    return 0;
}

static int opens_inside(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    (void)scope_run(sees_cancelled, NULL);
    (void)scope_run(sees_cancelled, NULL);
    return 0;
}

static void open_under_token(void)
{
    struct scope_options options = in_pool();
    options.token = token;
    (void)scope_run_with(&options, NULL, opens_inside, NULL);
}

static void token_cancel(void)
{
    MUST(scope_token_cancel(token) == 1);
    store_release(&flag, 1); /* pairs with: sees_cancelled */
}

/* A callback runs once if the token is cancelled, unless it was taken back in time. */
static void called(void *arg)
{
    ++*(uint64_t *)arg;
}

static void callback_armed(void)
{
    struct scope_callback *callback = scope_token_on_cancel(token, called, &ran[0]);
    if (callback && scope_callback_forget(callback))
        MUST(ran[0] == 0);
    else if (callback)
        MUST(ran[0] == 1);
}

static void token_cancel_once(void)
{
    ran[1] = (uint64_t)scope_token_cancel(token);
}

static void token_cancel_too(void)
{
    ran[2] = (uint64_t)scope_token_cancel(token);
}

static void callback_finish(void)
{
    MUST(ran[0] <= 1 && ran[1] + ran[2] <= 1);
}

/* ------------------------------------------------------------------------------------------------------ Ends of pools */

static void join_and_destroy(void)
{
    join_one();
    MUST(scope_pool_destroy(pool) == SCOPE_OK);
}

static void destroy(void)
{
    MUST(scope_pool_destroy(pool) == SCOPE_OK);
}

static void token_cancel_plain(void)
{
    (void)scope_token_cancel(token);
}

/* -------------------------------------------------------------------------------------------------------------- Parker */

static struct parker parker;

static void park_once(void)
{
    scopei_park(&parker);
    MUST(load_relaxed(&flag) == 1);
}

static void unpark_once(void)
{
    store_relaxed(&flag, 1);
    (void)scopei_unpark(&parker);
}

static void park_until(void)
{
    while (!load_relaxed(&flag))
        scopei_park(&parker);
}

#define PAIR .setup = two_workers
#define TRIO .setup = three_workers

const struct scenario pool_scenarios[] = {
    {"parker_once", .thread = {park_once, unpark_once}, .bound = 3, .wakes_spuriously = true},
    {"parker_two", .thread = {park_until, unpark_once, unpark_once}, .bound = 3, .wakes_spuriously = true},
    {"join_one", PAIR, .thread = {join_one}, .bound = 3},
    {"join_one_spurious", PAIR, .thread = {join_one}, .bound = 3, .wakes_spuriously = true},
    {"join_two", PAIR, .thread = {join_two}, .bound = 3},
    {"join_two_of_three", TRIO, .thread = {join_two}, .bound = 3},
    {"join_grandchildren", PAIR, .thread = {join_grandchildren}, .bound = 3},
    {"join_grandchildren_of_three", TRIO, .thread = {join_grandchildren}, .bound = 3},
    {"join_inner", PAIR, .thread = {join_inner}, .bound = 3},
    {"join_inner_of_three", TRIO, .thread = {join_inner}, .bound = 3},
    {"join_inbox", PAIR, .thread = {join_inbox}, .bound = 3},
    {"join_forks", PAIR, .thread = {join_forks}, .bound = 3},
    {"join_typed", PAIR, .thread = {join_typed}, .bound = 3},
    {"join_memory_fails", PAIR, .thread = {join_memory}, .bound = 3, .memory_fails = true},
    {"wake_for_task", PAIR, .thread = {wake_for_task}, .bound = 3},
    {"wake_again", PAIR, .thread = {wake_again}, .bound = 3},
    {"wake_for_inbox", PAIR, .thread = {wake_for_inbox}, .bound = 3},
    {"cancel_body", PAIR, .thread = {cancel_body}, .bound = 3},
    {"cancel_failed", PAIR, .thread = {cancel_failed}, .bound = 3},
    {"cancel_open", .setup = no_workers, .thread = {open_under_token, token_cancel}, .bound = 3},
    {"cancel_callback", .setup = token_alone, .finish = callback_finish,
     .thread = {callback_armed, token_cancel_once, token_cancel_too}, .bound = 3},
    {"pool_destroy", PAIR, .thread = {join_and_destroy}, .bound = 3},
    {"pool_destroy_visited", .setup = no_workers, .thread = {destroy, token_cancel_plain}, .bound = 3},
    {.name = NULL},
};

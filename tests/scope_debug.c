/* What is told of misuse if a program is compiled with SCOPE_DEBUG, and that nothing is told of what is right.  Scenario 45. */
#ifndef SCOPE_DEBUG
#define SCOPE_DEBUG
#endif
#include "tests/child_check.h"
#include "tests/scope_check.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>

/* Where the calls stood, in memory that children share. */
enum where { OPENED, INSIDE, SPAWNED, ELSEWHERE, WHERES };
static int *line;
#define AT(where, call) (line[where] = __LINE__, (call))

/* The child has named that place, so often. */
static bool child_named(const struct child *child, enum where where, int times)
{
    char text[60];
    (void)snprintf(text, sizeof(text), "tests/scope_debug.c:%d", line[where]);
    return child_said(child, text, times);
}

static int nothing(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    return 0;
}

static int counts(struct scope *s, void *arg)
{
    (void)s;
    atomic_fetch_add((atomic_uint *)arg, 1);
    return 0;
}

static const SCOPE_DESCRIBE(counting, .fn = counts);
static const SCOPE_DESCRIBE(copied, .fn = counts, .copy = sizeof(atomic_uint));

/* ---------------------------------------------------------------------------------------------------- Finished scopes */

static struct scope *finished;

static int remember(struct scope *s, void *arg)
{
    (void)arg;
    finished = s;
    return 0;
}

static int opens_inside(struct scope *s, void *arg)
{
    (void)s;
    return AT(OPENED, scope_run(remember, arg));
}

static int spawn_way;

static int spawn_late(void)
{
    switch (spawn_way) {
    case 0:
        return AT(SPAWNED, scope_spawn(finished, nothing, NULL));
    case 1:
        return AT(SPAWNED, scope_spawn_copy(finished, nothing, "", 1));
    case 2:
        return AT(SPAWNED, scope_spawn_task(finished, &counting, NULL));
    case 3:
        return AT(SPAWNED, scope_try_spawn(finished, &counting, NULL));
    default:
        return AT(SPAWNED, scope_fail(finished, 5, "late"));
    }
}

static int inside_late(struct scope *s, void *arg)
{
    (void)opens_inside(s, arg);
    return spawn_late();
}

static void spawn_inside(void)
{
    (void)scope_run(inside_late, NULL);
}

static void spawn_outside(void)
{
    (void)scope_run(opens_inside, NULL);
    (void)spawn_late();
}

static void *spawn_thread(void *arg)
{
    (void)arg;
    (void)spawn_late();
    return NULL;
}

static void spawn_elsewhere(void)
{
    pthread_t thread;
    (void)scope_run(opens_inside, NULL);
    (void)pthread_create(&thread, NULL, spawn_thread, NULL);
    (void)pthread_join(thread, NULL);
}

static void finished_scope_aborts(void)
{
    void (*const from[])(void) = {spawn_inside, spawn_outside, spawn_elsewhere};
    for (int i = 0; i < 3; i++)
        for (spawn_way = 0; spawn_way < 5; spawn_way++) {
            struct child child = child_run(from[i]);
            CHECK(child_aborted(&child));
            CHECK(child_said(
                &child, spawn_way < 4 ? "spawn into a scope that has ended" : "scope_fail for a scope that has ended",
                1));
            CHECK(child_named(&child, SPAWNED, 1));
            CHECK(child_named(&child, OPENED, 1));
        }
}

static int spawns_plainly(struct scope *s, void *arg)
{
    static const SCOPE_DESCRIBE(disposed, .fn = nothing, .dispose = free);
    CHECK_EQ_INT((scope_run)(remember, NULL), SCOPE_OK);
    /* The functions: refused, and the argument disposed of. */
    CHECK_EQ_INT((scope_spawn)(finished, nothing, NULL), SCOPE_EPERM);
    CHECK_EQ_INT((scope_spawn_task)(finished, &disposed, malloc(10)), SCOPE_EPERM);
    (void)s, (void)arg;
    return 0;
}

static void functions_as_without_debug(void)
{
    CHECK_EQ_INT(scope_run(spawns_plainly, NULL), SCOPE_OK);
}

static void spawn_into_nothing(void)
{
    static char memory[4096];
    finished = (struct scope *)(void *)memory;
    (void)scope_run(nothing, NULL);
    (void)spawn_late();
}

static void not_a_scope_aborts(void)
{
    spawn_way = 0;
    struct child child = child_run(spawn_into_nothing);
    CHECK(child_aborted(&child));
    CHECK(child_said(&child, "spawn into what is not a scope", 1));
    CHECK(child_named(&child, SPAWNED, 1));
}

/* ---------------------------------------------------------------------------------------------------------- Arguments */

/* Its tasks do not look at the argument, which may be gone. */
static int thrice(struct scope *s, void *arg)
{
    int local = 0;
    (void)arg;
    for (int i = 0; i < 3; i++)
        (void)AT(SPAWNED, scope_spawn(s, nothing, &local));
    return 0;
}

/* Another place. */
static int spawns_elsewhere(struct scope *s, void *outer)
{
    int local = 0;
    (void)s;
    (void)AT(ELSEWHERE, scope_spawn(outer, nothing, &local));
    return 0;
}

static void body_local(void)
{
    (void)AT(OPENED, scope_run(thrice, NULL));
}

/* A task, wherever it runs. */
static int spawns_thrice(struct scope *s, void *arg)
{
    return scope_spawn(s, thrice, arg);
}

static void task_local(void)
{
    (void)AT(OPENED, scope_run(spawns_thrice, NULL));
}

/* A task that another worker runs, which has opened no scope. */
static atomic_uint started;
static struct scope_pool *pool_of_two;

static int tells_and_spawns(struct scope *s, void *arg)
{
    int status = thrice(s, arg);
    atomic_store(&started, 1);
    return status;
}

static int lets_steal(struct scope *s, void *arg)
{
    static struct tally tally;
    CHECK_EQ_INT(scope_spawn(s, tells_and_spawns, arg), SCOPE_OK);
    beckon(&tally, s, &started, 1);
    return 0;
}

static void stolen_local(void)
{
    pool_of_two = pool_at_least(2);
    struct scope_options options = options_of(pool_of_two);
    (void)AT(OPENED, scope_run_with(&options, NULL, lets_steal, NULL));
}

static __attribute__((noinline)) void helper(struct scope *s)
{
    (void)thrice(s, NULL);
}

static void block_helper(void)
{
    line[OPENED] = __LINE__ + 1;
    SCOPE(s, NULL, NULL)
    {
        helper(s);
    }
}

static struct scope *enclosing;

static int inner_thrice(struct scope *s, void *arg)
{
    (void)s;
    return thrice(enclosing, arg);
}

static int opens_thrice(struct scope *s, void *arg)
{
    enclosing = s;
    return scope_run(inner_thrice, arg);
}

static void enclosing_local(void)
{
    (void)AT(OPENED, scope_run(opens_thrice, NULL));
}

SCOPE_TASK(int, typed, int);

static inline int typed(struct scope_strand strand, int n)
{
    (void)strand;
    return n + AT(OPENED, scope_run(thrice, NULL));
}

static int calls_typed(struct scope *s, void *arg)
{
    (void)arg;
    return typed_call(s, 0);
}

static void typed_local(void)
{
    (void)scope_run(calls_typed, NULL);
}

static void dying_argument_warned_once(void)
{
    void (*const each[])(void) = {body_local, task_local, enclosing_local, block_helper, typed_local, stolen_local};
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        struct child child = child_run(each[i]);
        CHECK(child_said(&child, "the argument lies in a stack frame that may end before scope (unnamed)", 1));
        CHECK(child_named(&child, SPAWNED, 1));
        CHECK(child_named(&child, OPENED, 1));
    }
}

static void two_places(void)
{
    body_local();
    task_local();
    int status = SCOPE_EINVAL;
    SCOPE(s, NULL, &status)
    {
        int local = status;
        for (int i = 0; i < 3; i++)
            (void)scope_spawn(s, nothing, &local); /* of this function: lives long enough */
        (void)scope_run(spawns_elsewhere, s);
        (void)scope_run(spawns_elsewhere, s);
    }
}

static void each_place_warned_once(void)
{
    struct child child = child_run(two_places);
    CHECK(child_said(&child, "the argument lies in a stack frame that may end before scope (unnamed)", 2));
    CHECK(child_named(&child, SPAWNED, 1));
    CHECK(child_named(&child, ELSEWHERE, 1));
}

/* Nothing wrong with these. */

static atomic_uint global;

static int good_inner(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_spawn(s, counts, arg), SCOPE_OK); /* of the body around this scope */
    return 0;
}

SCOPE_TASK(int, good_typed, int);

static inline int good_typed(struct scope_strand strand, int n)
{
    if (n == 0) {
        atomic_uint local = 0;
        int status = scope_run(good_inner, &local);
        return status == SCOPE_OK && atomic_load(&local) == 1;
    }
    good_typed_fork(&strand, n - 1);
    int b = good_typed(strand, n - 1);
    return b + good_typed_join(&strand);
}

static int good_task(struct scope *s, void *arg)
{
    atomic_uint local = 0, *heap = malloc(sizeof(*heap));
    CHECK_EQ_INT(scope_spawn(s, counts, arg), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn(s, counts, &global), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn_copy(s, counts, &local, sizeof(local)), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn_task(s, &copied, &local), SCOPE_OK);
    CHECK_EQ_INT(scope_try_spawn(s, &counting, &global), SCOPE_OK);
    atomic_init(heap, 0);
    SCOPE(inner, NULL, NULL)
    {
        atomic_uint in_block = 0; /* of the same frame: cannot be told from local */
        (void)in_block;
        CHECK_EQ_INT(scope_spawn(inner, counts, &local), SCOPE_OK);
        CHECK_EQ_INT(scope_spawn(inner, counts, heap), SCOPE_OK);
        CHECK_EQ_INT(scope_run(good_inner, &local), SCOPE_OK);
    }
    CHECK_EQ_INT(atomic_load(&local), 2);
    free(heap);
    return 0;
}

static int good_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 20; i++)
        CHECK_EQ_INT(scope_spawn(s, good_task, arg), SCOPE_OK);
    CHECK_EQ_INT(good_typed_call(s, 5), 32);
    return 0;
}

static void good_arguments(void)
{
    atomic_uint local = 0;
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    CHECK_EQ_INT(scope_run(good_body, &local), SCOPE_OK);
    CHECK_EQ_INT(scope_run_with(&options, NULL, good_body, &local), SCOPE_OK);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    if (atomic_load(&check_bad))
        _exit(1);
}

static atomic_uint *outermost_local;

/* Of the caller of the other pool's scope_run, and of the caller of the scope around that. */
static int other_pool_inner(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_spawn(enclosing, counts, outermost_local), SCOPE_OK);
    return scope_spawn(s, counts, arg);
}

static struct scope_pool *other_pool;

/* Frames on the same thread, though its worker is another pool's. */
static int other_pool_body(struct scope *s, void *arg)
{
    atomic_uint local = 0;
    enclosing = s;
    outermost_local = arg;
    struct scope_options options = options_of(other_pool);
    CHECK_EQ_INT(scope_run_with(&options, NULL, other_pool_inner, &local), SCOPE_OK);
    return 0;
}

static void other_pool_arguments(void)
{
    other_pool = pool_at_least(2);
    atomic_uint local = 0;
    CHECK_EQ_INT(scope_run(other_pool_body, &local), SCOPE_OK);
    CHECK_EQ_INT(atomic_load(&local), 1);
    if (atomic_load(&check_bad))
        _exit(1);
}

static void living_argument_not_warned(void)
{
    void (*const each[])(void) = {good_arguments, other_pool_arguments};
    for (int i = 0; i < 2; i++) {
        struct child child = child_run(each[i]);
        CHECK(child_succeeded(&child));
        CHECK_EQ_STR(child.text, "");
    }
}

/* ------------------------------------------------------------------------------------------------- EPERM, EINVAL, order */

static void *foreign(void *arg)
{
    int status = AT(SPAWNED, scope_spawn(arg, nothing, NULL)), cancel = AT(ELSEWHERE, scope_cancel(arg));
    return (void *)(uintptr_t)(status == SCOPE_EPERM && cancel == SCOPE_EPERM);
}

static int lets_foreign(struct scope *s, void *arg)
{
    pthread_t thread;
    void *refused = NULL;
    (void)arg;
    (void)pthread_create(&thread, NULL, foreign, s);
    (void)pthread_join(thread, &refused);
    return refused && !scope_cancelled(s) ? 0 : 1;
}

static int mistakes(struct scope *s, void *arg)
{
    int status = scope_spawn(s, NULL, arg);
    return status == SCOPE_EINVAL ? 0 : 1;
}

static void misuse_told(void)
{
    struct scope_options options = scope_options_init();
    int status = AT(OPENED, scope_run(lets_foreign, NULL));
    options.size = 1;
    bool refused = AT(INSIDE, scope_run_with(&options, NULL, nothing, NULL)) == SCOPE_EINVAL;
    SCOPE(s, &options, NULL)
    {
        (void)s;
        refused = false;
    }
    if (status != SCOPE_OK || !refused || scope_run(mistakes, NULL) != SCOPE_OK)
        _exit(1);
}

static void errors_are_told_and_stay_errors(void)
{
    struct child child = child_run(misuse_told);
    CHECK(child_succeeded(&child));
    CHECK(child_said(&child, "scope_spawn: SCOPE_EPERM", 1));
    CHECK(child_said(&child, "scope_run: SCOPE_EINVAL", 1));
    CHECK(child_said(&child, "SCOPE: SCOPE_EINVAL", 1));
    CHECK(child_said(&child, "scope_spawn: SCOPE_EINVAL", 1));
    CHECK(child_said(&child, "scope_cancel: SCOPE_EPERM", 1));
    CHECK(child_named(&child, OPENED, 2));
    CHECK(child_named(&child, INSIDE, 1));
}

static jmp_buf jump;

static int jumps(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    longjmp(jump, 1);
}

static int lands(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    if (setjmp(jump) == 0)
        (void)AT(INSIDE, scope_run(jumps, NULL));
    return 0;
}

static void longjmp_out(void)
{
    (void)AT(OPENED, scope_run(lands, NULL));
}

static void longjmp_names_both(void)
{
    struct child child = child_run(longjmp_out);
    CHECK(child_aborted(&child));
    CHECK(child_said(&child, "left by longjmp", 1));
    CHECK(child_named(&child, OPENED, 1));
    CHECK(child_named(&child, INSIDE, 1));
}

int main(void)
{
    line = mmap(NULL, WHERES * sizeof(*line), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (line == MAP_FAILED)
        return 1;
    check_run("scenario_45_debug_finished_scope_aborts", finished_scope_aborts);
    check_run("debug_not_a_scope_aborts", not_a_scope_aborts);
    check_run("debug_errors_are_told_and_stay_errors", errors_are_told_and_stay_errors);
    if (TSAN || ASAN) {
        check_skip("debug_dying_argument_warned_once", "a sanitizer has its own word on that, and its own stacks");
        check_skip("debug_longjmp_names_both", "a sanitizer's own handling of abort and longjmp");
    } else {
        check_run("debug_dying_argument_warned_once", dying_argument_warned_once);
        check_run("debug_each_place_warned_once", each_place_warned_once);
        check_run("debug_longjmp_names_both", longjmp_names_both);
    }
    check_run("debug_living_argument_not_warned", living_argument_not_warned);
    check_run("scenario_45_debug_functions_as_without", functions_as_without_debug);
    return check_done();
}

/* scope_fork2: results, codes, messages, what the two functions spawn, cancellation, misuse. */
#include "tests/scope_check.h"

struct fib {
    long n;
    long result;
};

static int fib(struct scope *s, void *arg)
{
    struct fib *f = arg;
    struct fib a = {.n = f->n - 1}, b = {.n = f->n - 2};
    f->result = f->n;
    if (f->n < 2)
        return 0;
    int status = scope_fork2(s, fib, &a, fib, &b);
    f->result = a.result + b.result;
    return status;
}

static void fork2_recursion_right_result(void)
{
    struct scope_report report;
    for (int i = 0; i < TIMES(20, 2); i++) {
        struct fib f = {.n = 22};
        CHECK_EQ_INT(run_checked(NULL, &report, fib, &f), SCOPE_OK);
        CHECK_EQ_INT(f.result, 17711);
        CHECK_EQ_INT(report.spawned, 0);
    }
}

/* ---------------------------------------------------------------------------------------------------------------- Codes */

static int give(struct scope *s, void *arg)
{
    (void)s;
    return *(int *)arg;
}

static int codes_body(struct scope *s, void *arg)
{
    int zero = 0, three = 3, four = 4;
    (void)arg;
    CHECK_EQ_INT(scope_fork2(s, give, &zero, give, &zero), 0);
    CHECK_EQ_INT(scope_fork2(s, give, &three, give, &zero), 3);
    CHECK_EQ_INT(scope_fork2(s, give, &zero, give, &four), 4);
    CHECK_EQ_INT(scope_fork2(s, give, &three, give, &four), 4);
    CHECK_EQ_INT(scope_fork2(NULL, give, &zero, give, &zero), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_fork2(s, NULL, &zero, give, &zero), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_fork2(s, give, &zero, NULL, &zero), SCOPE_EINVAL);
    CHECK(!scope_cancelled(s));
    return 0;
}

static void fork2_codes_returned_not_recorded(void)
{
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, codes_body, NULL), SCOPE_OK);
}

static int other_scope(struct scope *s, void *arg)
{
    int zero = 0;
    (void)s;
    CHECK_EQ_INT(scope_fork2(arg, give, &zero, give, &zero), SCOPE_EPERM);
    return 0;
}

SCOPE_TASK(int, typed, int);

static inline int typed(struct scope_strand strand, int n)
{
    int zero = 0;
    CHECK_EQ_INT(scope_fork2(scope_of(strand), give, &zero, give, &zero), SCOPE_EPERM);
    return n;
}

static int misuse_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_run(other_scope, s), SCOPE_OK);
    return typed_call(s, 0);
}

static void fork2_elsewhere_eperm(void)
{
    CHECK_EQ_INT(scope_run(misuse_body, NULL), SCOPE_OK);
    CHECK_EQ_INT(scope_fork2(NULL, give, NULL, give, NULL), SCOPE_EINVAL);
}

/* ------------------------------------------------------------------------------------------------------------- Messages */

static atomic_uint stolen;
static bool steal; /* wait until the fork has been stolen */

static int says(struct scope *s, void *arg)
{
    (void)arg;
    atomic_store(&stolen, 1);
    return scope_fail(s, 9, "said");
}

/* Lets others have the fork below. */
static int waits(struct scope *s, void *arg)
{
    struct tally *tally = arg;
    if (steal)
        beckon(tally, s, &stolen, 1);
    return 0;
}

static int says_body(struct scope *s, void *arg)
{
    return scope_fork2(s, says, NULL, waits, arg);
}

/* The message of a function that a thief has run is that of the task that returns its code. */
static void message_is_one_error(bool by_thief)
{
    struct scope_options options = scope_options_init();
    struct scope_pool *pool = by_thief ? pool_at_least(2) : NULL;
    struct scope_report report;
    options.pool = pool;
    options.policy = SCOPE_COLLECT; /* or beckon would be refused */
    for (int i = 0; i < TIMES(200, 20); i++) {
        struct tally tally = {0};
        steal = by_thief;
        atomic_store(&stolen, 0);
        CHECK_EQ_INT(run_checked(&options, &report, says_body, &tally), SCOPE_ERROR);
        CHECK_EQ_INT(report.group.total, 1);
        CHECK_EQ_INT(report.group.errors[0].code, 9);
        CHECK_EQ_STR(report.group.errors[0].message, "said");
        check_tally(&report, &tally);
        scope_report_fini(&report);
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static void fork2_message_is_one_error(void)
{
    message_is_one_error(false);
}

static void fork2_message_of_stolen_is_one_error(void)
{
    message_is_one_error(true);
}

/* --------------------------------------------------------------------------------------------------------- Spawns inside */

static int spawns(struct scope *s, void *arg)
{
    for (int i = 0; i < 10; i++)
        (void)tally_spawn(arg, s, tally_nothing, arg);
    return 0;
}

struct nest {
    struct tally *tally;
    int depth;
};

static int nest(struct scope *s, void *arg)
{
    struct nest *n = arg;
    struct nest inner = {n->tally, n->depth - 1};
    (void)spawns(s, n->tally);
    if (n->depth == 0)
        return 0;
    int code = scope_fork2(s, nest, &inner, nest, &inner);
    (void)spawns(s, n->tally);
    return code;
}

static void fork2_spawns_inside_all_run(void)
{
    struct scope_report report;
    for (int i = 0; i < TIMES(50, 5); i++) {
        struct tally tally = {0};
        struct nest n = {&tally, 8};
        CHECK_EQ_INT(run_checked(NULL, &report, nest, &n), SCOPE_OK);
        CHECK_EQ_INT(report.spawned, 10 * (511 + 255));
        check_tally(&report, &tally);
    }
}

static atomic_uint go;

static int slow(struct scope *s, void *arg)
{
    (void)s;
    atomic_store(&stolen, 1);
    spin_until(&go, 1);
    *(int *)arg = 77;
    return 0;
}

/* While the fork runs elsewhere, more spawns than the deque has slots: its slot, where the result is to come, stays. */
static int floods(struct scope *s, void *arg)
{
    struct tally *tally = arg;
    beckon(tally, s, &stolen, 1);
    for (int i = 0; i < 50000; i++)
        (void)tally_spawn(tally, s, tally_nothing, tally);
    atomic_store(&go, 1);
    return 0;
}

static int flood_body(struct scope *s, void *arg)
{
    int result = 0;
    CHECK_EQ_INT(scope_fork2(s, slow, &result, floods, arg), 0);
    CHECK_EQ_INT(result, 77);
    return 0;
}

static void fork2_slot_stays_while_deque_is_reused(void)
{
    struct scope_pool *pool = pool_at_least(3);
    struct scope_options options = options_of(pool);
    struct scope_report report;
    for (int i = 0; i < TIMES(20, 3); i++) {
        struct tally tally = {0};
        atomic_store(&stolen, 0);
        atomic_store(&go, 0);
        CHECK_EQ_INT(run_checked(&options, &report, flood_body, &tally), SCOPE_OK);
        check_tally(&report, &tally);
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static int deep_leaf(struct scope *s, void *arg)
{
    (void)s;
    ++*(long *)arg;
    return 0;
}

static long deepest;

/* More forks inside each other than the deque has slots. */
static int deep(struct scope *s, void *arg)
{
    long depth = *(long *)arg, leaf = 0, rest = depth - 1;
    if (depth == 0)
        return 0;
    int code = scope_fork2(s, deep_leaf, &leaf, deep, &rest);
    CHECK_EQ_INT(leaf, 1);
    deepest++;
    return code;
}

static void fork2_deeper_than_the_deque(void)
{
    long depth = 6000;
    deepest = 0;
    CHECK_EQ_INT(scope_run(deep, &depth), SCOPE_OK);
    CHECK_EQ_INT(deepest, 6000);
}

/* What the function spawns where a thief runs it ends, and may fail, just before the scope does: nothing of it is lost, and
 * nothing is left for the next scope in the same frame. */
static int lost_code;

static int fails(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return lost_code;
}

static int spawns_failing(struct scope *s, void *arg)
{
    (void)arg;
    atomic_store(&stolen, 1);
    CHECK_EQ_INT(scope_spawn(s, fails, NULL), SCOPE_OK);
    return 0;
}

static int lures(struct scope *s, void *arg)
{
    struct tally *tally = arg;
    beckon(tally, s, &stolen, 1);
    return 0;
}

static int lost_body(struct scope *s, void *arg)
{
    return scope_fork2(s, spawns_failing, NULL, lures, arg);
}

static int nothing_body(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return 0;
}

static int lost_runs(struct scope *s, void *arg)
{
    struct scope_report report;
    (void)s;
    (void)arg;
    for (int i = 0; i < TIMES(20000, 300); i++) {
        struct tally tally = {0};
        atomic_store(&stolen, 0);
        lost_code = i % 2 ? 21 : 0;
        if (!CHECK_EQ_INT(scope_run(lost_body, &tally), lost_code ? SCOPE_ERROR : SCOPE_OK))
            break;
        CHECK_EQ_INT(run_checked(NULL, &report, nothing_body, NULL), SCOPE_OK);
        CHECK_EQ_INT(report.spawned, 0);
    }
    return 0;
}

static void fork2_failures_elsewhere_are_not_lost(void)
{
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    CHECK_EQ_INT(scope_run_with(&options, NULL, lost_runs, NULL), SCOPE_OK);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* --------------------------------------------------------------------------------------------------------- Cancellation */

static int cancels(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(scope_cancel(s), 1);
    return 0;
}

static int counts(struct scope *s, void *arg)
{
    (void)s;
    ++*(int *)arg;
    return 0;
}

static int cancel_body(struct scope *s, void *arg)
{
    int ran = 0;
    int code = scope_fork2(s, counts, &ran, cancels, NULL);
    CHECK(code == (ran ? 0 : SCOPE_ECANCELED));
    if (scope_pool_workers(NULL) == 1)
        CHECK_EQ_INT(ran, 0);
    (void)arg;
    return code;
}

static void fork2_not_started_when_cancelled(void)
{
    for (int i = 0; i < TIMES(500, 50); i++)
        CHECK_EQ_INT(scope_run(cancel_body, NULL), SCOPE_ECANCELED);
}

static int inner_fails(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    return 5;
}

/* For as long as a thief needs to take the fork below, which is skipped. */
static int lingers(struct scope *s, void *arg)
{
    uint64_t begun = scope_now_ns();
    (void)s, (void)arg;
    while (scope_now_ns() - begun < 20000)
        sched_yield();
    return 0;
}

static int skipped_body(struct scope *s, void *arg)
{
    struct scope_options shield = scope_options_init();
    int ran = 0;
    shield.flags = SCOPE_SHIELD;
    (void)scope_cancel(s);
    int status = (scope_run_with)(&shield, NULL, inner_fails, arg);
    for (int i = 0; i < 4; i++)
        CHECK_EQ_INT(scope_fork2(s, counts, &ran, lingers, NULL), SCOPE_ECANCELED);
    CHECK_EQ_INT(ran, 0);
    return status;
}

/* A stolen fork that was skipped seemed to have told its scope all there is, so what came later was not recorded. */
static void fork2_skipped_by_thief_has_said_nothing(void)
{
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    struct scope_report report;
    for (int i = 0; i < TIMES(100, 20); i++) {
        CHECK_EQ_INT(run_checked(&options, &report, skipped_body, NULL), SCOPE_ERROR);
        CHECK_EQ_INT(report.group.total, 1);
        CHECK_EQ_INT(report.group.errors[0].code, SCOPE_ERROR);
        scope_report_fini(&report);
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static atomic_uint helped;

static int child_fails(struct scope *s, void *arg)
{
    (void)s;
    return tally_end(arg, 9);
}

/* Run by the worker that waits for the fork, which then runs the child, too. */
static int parent_helps(struct scope *s, void *arg)
{
    atomic_store(&helped, 1);
    (void)tally_spawn(arg, s, child_fails, arg);
    return tally_end(arg, 0);
}

static int far_spawns(struct scope *s, void *arg)
{
    atomic_store(&stolen, 1);
    (void)tally_spawn(arg, s, parent_helps, arg);
    beckon(arg, s, &helped, 1);
    return 0;
}

static int says_and_waits(struct scope *s, void *arg)
{
    int code = scope_fail(s, 9, "said before");
    CHECK_EQ_INT(scope_fork2(s, far_spawns, arg, waits, arg), 0);
    return code;
}

/* What a task had said before it waited for a fork was taken for that of a task that it helped with meanwhile. */
static void fork2_wait_keeps_what_was_said(void)
{
    struct scope_pool_options two = {.size = sizeof(two), .workers = 2};
    struct scope_pool *pool = NULL;
    CHECK_EQ_INT(scope_pool_create(&pool, &two), SCOPE_OK);
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.policy = SCOPE_COLLECT;
    for (int i = 0; i < TIMES(100, 20); i++) {
        struct tally tally = {0};
        steal = true;
        atomic_store(&stolen, 0);
        atomic_store(&helped, 0);
        CHECK_EQ_INT(run_checked(&options, &report, says_and_waits, &tally), SCOPE_ERROR);
        CHECK_EQ_INT(report.group.total, 2);
        CHECK_EQ_INT(report.group.errors[0].index, SCOPE_INDEX_BODY);
        CHECK_EQ_STR(report.group.errors[0].message, "said before");
        CHECK(report.group.errors[1].index != SCOPE_INDEX_BODY);
        CHECK_EQ_STR(report.group.errors[1].message, "");
        check_tally(&report, &tally);
        scope_report_fini(&report);
    }
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

int main(void)
{
    check_run("fork2_recursion_right_result", fork2_recursion_right_result);
    check_run("fork2_codes_returned_not_recorded", fork2_codes_returned_not_recorded);
    check_run("fork2_elsewhere_eperm", fork2_elsewhere_eperm);
    check_run("fork2_message_is_one_error", fork2_message_is_one_error);
    check_run("fork2_message_of_stolen_is_one_error", fork2_message_of_stolen_is_one_error);
    check_run("fork2_spawns_inside_all_run", fork2_spawns_inside_all_run);
    check_run("fork2_failures_elsewhere_are_not_lost", fork2_failures_elsewhere_are_not_lost);
    check_run("fork2_slot_stays_while_deque_is_reused", fork2_slot_stays_while_deque_is_reused);
    check_run("fork2_deeper_than_the_deque", fork2_deeper_than_the_deque);
    check_run("fork2_not_started_when_cancelled", fork2_not_started_when_cancelled);
    check_run("fork2_wait_keeps_what_was_said", fork2_wait_keeps_what_was_said);
    check_run("fork2_skipped_by_thief_has_said_nothing", fork2_skipped_by_thief_has_said_nothing);
    return check_done();
}

/* Typed tasks: results, many and deep forks, steals, cancellation, errors, and scopes and spawns from inside them. */
#include "tests/scope_check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------------------------------ Results */

SCOPE_TASK(long, fib, int);

static inline long fib(struct scope_strand strand, int n)
{
    if (n < 2)
        return n;
    fib_fork(&strand, n - 1);
    long b = fib(strand, n - 2);
    return fib_join(&strand) + b;
}

static int fib_body(struct scope *s, void *arg)
{
    CHECK_EQ_INT(fib_call(s, 1), 1);
    *(long *)arg = fib_call(s, 25);
    return 0;
}

static void typed_recursion_right_result(void)
{
    struct scope_report report;
    for (int i = 0; i < TIMES(20, 2); i++) {
        long result = 0;
        CHECK_EQ_INT(run_checked(NULL, &report, fib_body, &result), SCOPE_OK);
        CHECK_EQ_INT(result, 75025);
        CHECK_EQ_INT(report.spawned, 0); /* joined as calls are */
    }
}

/* The largest argument and result there can be: each byte arrives, also when a thief has run it. */
struct wide {
    unsigned char byte[32];
};

SCOPE_TASK(struct wide, turn, struct wide);

static inline struct wide turn(struct scope_strand strand, struct wide w)
{
    struct wide result;
    if (w.byte[0] == 0)
        return w;
    struct wide left = w, right = w;
    left.byte[0]--;
    right.byte[0]--;
    left.byte[31]++;
    turn_fork(&strand, left);
    turn_fork(&strand, right);
    right = turn_join(&strand);
    left = turn_join(&strand);
    for (int i = 0; i < 32; i++)
        result.byte[i] = (unsigned char)(left.byte[i] + right.byte[i]);
    return result;
}

static int turn_body(struct scope *s, void *arg)
{
    struct wide w, *result = arg;
    for (int i = 0; i < 32; i++)
        w.byte[i] = (unsigned char)i;
    w.byte[0] = 12;
    *result = turn_call(s, w);
    return 0;
}

static void typed_wide_arguments_arrive_whole(void)
{
    struct wide result;
    CHECK_EQ_INT(scope_run(turn_body, &result), SCOPE_OK);
    CHECK_EQ_INT(result.byte[0], 0);
    for (int i = 1; i < 31; i++)
        CHECK_EQ_INT(result.byte[i], (unsigned char)(i << 12));
    CHECK_EQ_INT(result.byte[31], (unsigned char)((31 << 12) + (12 << 11)));
}

/* --------------------------------------------------------------------------------------------------------- A full deque */

SCOPE_TASK(int, identity, int);

static inline int identity(struct scope_strand strand, int i)
{
    (void)strand;
    return i;
}

SCOPE_TASK(long, row, int);

/* count forks before the first join. */
static inline long row(struct scope_strand strand, int count)
{
    long sum = 0;
    for (int i = 0; i < count; i++)
        identity_fork(&strand, i);
    for (int i = count - 1; i >= 0; i--) {
        int got = identity_join(&strand);
        CHECK_EQ_INT(got, i);
        sum += got;
    }
    return sum;
}

SCOPE_TASK(long, column, int);

/* depth forks inside each other, each with a row on top. */
static inline long column(struct scope_strand strand, int depth)
{
    if (depth == 0)
        return row(strand, 300);
    column_fork(&strand, 0);
    long sum = depth % 1000 == 0 ? row(strand, 300) : 0;
    sum += column(strand, depth - 1);
    return sum + column_join(&strand);
}

static int full_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(row_call(s, 3), 3);
    CHECK_EQ_INT(row_call(s, 4095), 4095L * 4094 / 2);
    CHECK_EQ_INT(row_call(s, 4096), 4096L * 4095 / 2);
    CHECK_EQ_INT(row_call(s, 4097), 4097L * 4096 / 2);
    CHECK_EQ_INT(row_call(s, 20000), 20000L * 19999 / 2);
    CHECK_EQ_INT(column_call(s, TIMES(6000, 4500)),
                 300L * 299 / 2 * (TIMES(6000, 4500) + 1 + TIMES(6000, 4500) / 1000));
    return 0;
}

static void typed_more_forks_than_slots_all_joined(void)
{
    CHECK_EQ_INT(scope_run(full_body, NULL), SCOPE_OK);
}

/* -------------------------------------------------------------------------------------------------------------- Thieves */

static atomic_uint arrived;

SCOPE_TASK(int, meet, int);

/* Ends when so many of them run at once. */
static inline int meet(struct scope_strand strand, int wanted)
{
    (void)strand;
    atomic_fetch_add(&arrived, 1);
    spin_until(&arrived, (unsigned)wanted);
    return wanted;
}

SCOPE_TASK(int, meeting, int);

static inline int meeting(struct scope_strand strand, int wanted)
{
    int sum = 0;
    for (int i = 1; i < wanted; i++)
        meet_fork(&strand, wanted);
    for (int i = 1; i < wanted; i++)
        identity_fork(&strand, i); /* answers those who ask */
    sum += meet(strand, wanted);
    for (int i = 1; i < wanted; i++)
        sum += identity_join(&strand);
    for (int i = 1; i < wanted; i++)
        sum += meet_join(&strand);
    return sum;
}

static int meeting_body(struct scope *s, void *arg)
{
    int wanted = *(int *)arg;
    CHECK_EQ_INT(meeting_call(s, wanted), wanted * wanted + wanted * (wanted - 1) / 2);
    return 0;
}

/* Tasks that can only end together: all workers get one, without a push or pop by the owner once it computes. */
static void typed_forks_are_stolen_by_all(void)
{
    for (int i = 0; i < TIMES(200, 20); i++) {
        int wanted = (int)scope_pool_workers(NULL);
        atomic_store(&arrived, 0);
        CHECK_EQ_INT(scope_run(meeting_body, &wanted), SCOPE_OK);
    }
}

/* A join that waits runs only what descends from its fork.  Node i of a binary tree has the children 2i and 2i + 1. */
static _Thread_local long active; /* the innermost node that runs on this thread */

static bool descends(long node, long from)
{
    while (node > from)
        node >>= 1;
    return node == from;
}

SCOPE_TASK(long, lonely, long);

static inline long lonely(struct scope_strand strand, long node)
{
    long outer = active;
    if (node >= 1 << 12)
        return 1;
    CHECK(outer == 0 || descends(node, outer));
    active = node;
    for (volatile int i = 0; i < (node & 7) * 100; i++)
        ;
    lonely_fork(&strand, 2 * node + 1);
    long sum = lonely(strand, 2 * node);
    sum += lonely_join(&strand);
    CHECK_EQ_INT(active, node);
    active = outer;
    return sum;
}

static int lonely_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(lonely_call(s, 1), 1 << 12);
    return 0;
}

static void typed_waits_run_descendants_only(void)
{
    for (int i = 0; i < TIMES(100, 10); i++)
        CHECK_EQ_INT(scope_run(lonely_body, NULL), SCOPE_OK);
}

/* --------------------------------------------------------------------------------------------------------- Cancellation */

static atomic_ulong leaves;

SCOPE_TASK(int, endless, int);

/* A tree of 2^60 leaves, one of which cancels it. */
static inline int endless(struct scope_strand strand, int depth)
{
    if (depth == 0) {
        if (atomic_fetch_add(&leaves, 1) == 1000)
            CHECK(scope_cancel(scope_of(strand)) >= 0);
        return 1;
    }
    endless_fork(&strand, depth - 1);
    int b = endless(strand, depth - 1);
    return endless_join(&strand) + b;
}

static int endless_body(struct scope *s, void *arg)
{
    (void)arg;
    (void)endless_call(s, 60);
    CHECK(scope_cancelled(s));
    CHECK_EQ_INT(identity_call(s, 7), 7); /* a call is a call */
    CHECK_EQ_INT(row_call(s, 0), 0);
    return 0;
}

static void typed_cancelled_tree_ends(void)
{
    struct scope_report report;
    for (int i = 0; i < TIMES(200, 20); i++) {
        atomic_store(&leaves, 0);
        CHECK_EQ_INT(run_checked(NULL, &report, endless_body, NULL), SCOPE_ECANCELED);
        CHECK_EQ_INT(report.reason, SCOPE_REASON_EXPLICIT);
    }
}

SCOPE_TASK(int, hundredfold, int);

static inline int hundredfold(struct scope_strand strand, int i)
{
    (void)strand;
    return 100 * i;
}

SCOPE_TASK(int, skipped, int);

/* Half of its forks come after the cancellation. */
static inline int skipped(struct scope_strand strand, int n)
{
    for (int i = 1; i <= n; i++) {
        hundredfold_fork(&strand, i);
        if (i == n / 2)
            CHECK_EQ_INT(scope_cancel(scope_of(strand)), 1);
    }
    int sum = 0;
    for (int i = n; i > 0; i--) {
        int got = hundredfold_join(&strand);
        CHECK(got == 0 || got == 100 * i);
        sum += got != 0;
    }
    int overflow = n / 2 > 4096 ? n / 2 - 4096 : 0; /* those have run at once */
    if (scope_pool_workers(NULL) == 1)
        CHECK_EQ_INT(sum, overflow);
    return sum;
}

static int skipped_body(struct scope *s, void *arg)
{
    (void)skipped_call(s, *(int *)arg);
    return 0;
}

static void typed_joins_of_cancelled_scope_give_zero(void)
{
    for (int i = 0; i < TIMES(100, 10); i++) {
        int count = 10;
        CHECK_EQ_INT(scope_run(skipped_body, &count), SCOPE_ECANCELED);
        count = 5000;
        CHECK_EQ_INT(scope_run(skipped_body, &count), SCOPE_ECANCELED);
        count = 9000;
        CHECK_EQ_INT(scope_run(skipped_body, &count), SCOPE_ECANCELED);
    }
}

/* --------------------------------------------------------------------------------------------------------------- Errors */

SCOPE_TASK(int, failing, int);

static inline int failing(struct scope_strand strand, int depth)
{
    if (depth == 0)
        return scope_fail(scope_of(strand), 42, "leaf");
    failing_fork(&strand, depth - 1);
    identity_fork(&strand, 1);
    (void)identity_join(&strand);
    return failing_join(&strand);
}

static int failing_body(struct scope *s, void *arg)
{
    (void)arg;
    (void)failing_call(s, 50);
    return 0;
}

static void typed_failure_reported_once(void)
{
    struct scope_report report;
    for (int i = 0; i < TIMES(100, 10); i++) {
        CHECK_EQ_INT(run_checked(NULL, &report, failing_body, NULL), SCOPE_ERROR);
        CHECK_EQ_INT(report.group.total, 1);
        CHECK_EQ_INT(report.group.errors[0].code, 42);
        CHECK_EQ_STR(report.group.errors[0].message, "leaf");
        CHECK_EQ_INT(report.reason, SCOPE_REASON_SIBLING);
        scope_report_fini(&report);
    }
}

/* ------------------------------------------------------------------------------------------- Scopes and spawns inside */

static atomic_ulong counted;

static int count_task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    atomic_fetch_add(&counted, 1);
    return 0;
}

static int inner_body(struct scope *s, void *arg)
{
    long *sum = arg;
    for (int i = 0; i < 5; i++)
        CHECK_EQ_INT(scope_spawn(s, count_task, NULL), SCOPE_OK);
    *sum = fib_call(s, 10);
    return 0;
}

SCOPE_TASK(long, mixed, int);

/* Between its forks it spawns into the scope outside, and runs scopes, in which there are typed tasks again. */
static inline long mixed(struct scope_strand strand, int depth)
{
    long inner = 0;
    CHECK_EQ_INT(scope_spawn(scope_of(strand), count_task, NULL), SCOPE_OK);
    if (depth == 0)
        return 1;
    mixed_fork(&strand, depth - 1);
    CHECK_EQ_INT(scope_run(inner_body, &inner), SCOPE_OK);
    CHECK_EQ_INT(inner, 55);
    long sum = mixed(strand, depth - 1);
    CHECK_EQ_INT(scope_run(inner_body, &inner), SCOPE_OK);
    sum += mixed_join(&strand);
    CHECK_EQ_INT(scope_run(inner_body, &inner), SCOPE_OK);
    return sum;
}

static int mixed_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(scope_spawn(s, count_task, NULL), SCOPE_OK);
    CHECK_EQ_INT(mixed_call(s, 6), 64);
    CHECK_EQ_INT(scope_spawn(s, count_task, NULL), SCOPE_OK);
    (void)arg;
    return 0;
}

static void typed_scopes_and_spawns_inside_all_run(void)
{
    struct scope_report report;
    for (int i = 0; i < TIMES(30, 5); i++) {
        atomic_store(&counted, 0);
        CHECK_EQ_INT(run_checked(NULL, &report, mixed_body, NULL), SCOPE_OK);
        CHECK_EQ_INT(report.spawned, 127 + 4);
        CHECK_EQ_INT(counted, 127 + 4 + 63 * 3 * 5);
    }
}

/* An inner scope fails and its error is handled: nothing remains of it. */
static int failing_scope(struct scope *s, void *arg)
{
    (void)arg;
    return scope_fail(s, 5, "inner");
}

SCOPE_TASK(int, handles, int);

static inline int handles(struct scope_strand strand, int n)
{
    if (n == 0)
        return scope_run(failing_scope, NULL) == SCOPE_ERROR;
    handles_fork(&strand, n - 1);
    int b = handles(strand, n - 1);
    return handles_join(&strand) + b;
}

static int handles_body(struct scope *s, void *arg)
{
    (void)arg;
    CHECK_EQ_INT(handles_call(s, 7), 128);
    return 0;
}

static void typed_inner_failure_handled(void)
{
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, handles_body, NULL), SCOPE_OK);
}

/* --------------------------------------------------------------------------------------------------------------- Misuse */

static int outer_of(struct scope *s, void *arg)
{
    (void)s;
    return (int)fib_call(arg, 3);
}

static int wrong_scope(struct scope *s, void *arg)
{
    (void)arg;
    return scope_run(outer_of, s);
}

static void typed_call_with_wrong_scope_aborts(void)
{
    pid_t child = fork();
    if (child == 0) {
        (void)freopen("/dev/null", "w", stderr);
        (void)signal(SIGABRT, SIG_DFL);
        (void)scope_run(wrong_scope, NULL);
        _exit(0);
    }
    int status = 0;
    CHECK_EQ_INT(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    if (!TSAN)
        check_run("typed_call_with_wrong_scope_aborts", typed_call_with_wrong_scope_aborts);
    check_run("typed_recursion_right_result", typed_recursion_right_result);
    check_run("typed_wide_arguments_arrive_whole", typed_wide_arguments_arrive_whole);
    check_run("typed_more_forks_than_slots_all_joined", typed_more_forks_than_slots_all_joined);
    check_run("typed_forks_are_stolen_by_all", typed_forks_are_stolen_by_all);
    check_run("typed_waits_run_descendants_only", typed_waits_run_descendants_only);
    check_run("typed_cancelled_tree_ends", typed_cancelled_tree_ends);
    check_run("typed_joins_of_cancelled_scope_give_zero", typed_joins_of_cancelled_scope_give_zero);
    check_run("typed_failure_reported_once", typed_failure_reported_once);
    check_run("typed_scopes_and_spawns_inside_all_run", typed_scopes_and_spawns_inside_all_run);
    check_run("typed_inner_failure_handled", typed_inner_failure_handled);
    return check_done();
}

/* Scenario 5: recursive divide into 1,024 leaves, and fib: exact totals. */
#include "tests/scope_check.h"

#define LEAVES 1024

struct range {
    struct divide *in;
    unsigned from, to;
};

struct divide {
    struct tally tally;
    atomic_uint hits[LEAVES];
};

static int divide_task(struct scope *s, void *arg);

static int divide_spawn(struct scope *s, struct divide *in, unsigned from, unsigned to)
{
    struct range range = {.in = in, .from = from, .to = to};
    CHECK_EQ_INT(scope_spawn_copy(s, divide_task, &range, sizeof(range)), SCOPE_OK);
    atomic_fetch_add(&in->tally.accepted, 1);
    return 0;
}

/* Into one scope, whoever runs it. */
static int divide_task(struct scope *s, void *arg)
{
    struct range range = *(struct range *)arg;
    unsigned middle = range.from + (range.to - range.from) / 2;
    if (range.to - range.from == 1) {
        atomic_fetch_add(&range.in->hits[range.from], 1);
    } else {
        (void)divide_spawn(s, range.in, range.from, middle);
        (void)divide_spawn(s, range.in, middle, range.to);
    }
    return tally_end(&range.in->tally, 0);
}

static int divide_body(struct scope *s, void *arg)
{
    return divide_spawn(s, arg, 0, LEAVES);
}

static void divide_hits_every_leaf_once(void)
{
    static struct divide in;
    for (int round = 0; round < TIMES(50, 10); round++) {
        struct scope_report report;
        memset(&in, 0, sizeof(in));
        CHECK_EQ_INT(run_checked(NULL, &report, divide_body, &in), SCOPE_OK);
        check_tally(&report, &in.tally);
        CHECK_EQ_INT(report.spawned, 2 * LEAVES - 1);
        for (int i = 0; i < LEAVES; i++)
            CHECK_EQ_INT(in.hits[i], 1);
    }
}

/* A scope at every level. */
static int nested_task(struct scope *s, void *arg);

static int nested_body(struct scope *s, void *arg)
{
    struct range *range = arg;
    unsigned middle = range->from + (range->to - range->from) / 2;
    struct range left = {.in = range->in, .from = range->from, .to = middle};
    struct range right = {.in = range->in, .from = middle, .to = range->to};
    CHECK_EQ_INT(scope_spawn_copy(s, nested_task, &left, sizeof(left)), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn_copy(s, nested_task, &right, sizeof(right)), SCOPE_OK);
    return 0;
}

static int nested_task(struct scope *s, void *arg)
{
    (void)s;
    struct range *range = arg;
    struct scope_report report;
    if (range->to - range->from == 1) {
        atomic_fetch_add(&range->in->hits[range->from], 1);
        return 0;
    }
    CHECK_EQ_INT(run_checked(NULL, &report, nested_body, range), SCOPE_OK);
    CHECK_EQ_INT(report.ok, 2);
    return 0;
}

static void nested_scopes_hit_every_leaf_once(void)
{
    static struct divide in;
    for (int round = 0; round < TIMES(20, 4); round++) {
        struct range all = {.in = &in, .to = LEAVES};
        memset(&in, 0, sizeof(in));
        CHECK_EQ_INT(scope_run(nested_body, &all), SCOPE_OK);
        for (int i = 0; i < LEAVES; i++)
            CHECK_EQ_INT(in.hits[i], 1);
    }
}

struct fib {
    int n;
    long result;
};

static int fib_task(struct scope *s, void *arg);

static int fib_body(struct scope *s, void *arg)
{
    struct fib *pair = arg;
    CHECK_EQ_INT(scope_spawn(s, fib_task, &pair[0]), SCOPE_OK);
    return fib_task(s, &pair[1]);
}

static int fib_task(struct scope *s, void *arg)
{
    (void)s;
    struct fib *fib = arg;
    if (fib->n < 2) {
        fib->result = fib->n;
        return 0;
    }
    struct fib pair[2] = {{.n = fib->n - 1}, {.n = fib->n - 2}};
    int status = scope_run(fib_body, pair);
    fib->result = pair[0].result + pair[1].result;
    return status;
}

static void fib_exact(void)
{
    static const long values[] = {0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55};
    for (int n = 0; n <= 10; n++) {
        struct fib fib = {.n = n};
        CHECK_EQ_INT(scope_run(fib_task, &fib), SCOPE_OK);
        CHECK_EQ_INT(fib.result, values[n]);
    }
    struct fib fib = {.n = TIMES(25, 18)};
    CHECK_EQ_INT(scope_run(fib_task, &fib), SCOPE_OK);
    CHECK_EQ_INT(fib.result, TIMES(75025, 2584));
}

int main(void)
{
    check_run("scenario_05_divide_hits_every_leaf_once", divide_hits_every_leaf_once);
    check_run("scenario_05_nested_scopes_hit_every_leaf_once", nested_scopes_hit_every_leaf_once);
    check_run("scenario_05_fib_exact", fib_exact);
    return check_done();
}

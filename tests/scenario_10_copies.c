/* Scenario 10, as far as there are no dispose functions: the heap copies of arguments are freed whether the task ran, was
 * skipped or was refused.  AddressSanitizer says so; elsewhere the heap's size does. */
#include "tests/scope_check.h"

#include <malloc.h>

#define LARGE 1000

struct large {
    struct tally *tally;
    unsigned char rest[LARGE];
};

static int large_task(struct scope *s, void *arg)
{
    (void)s;
    struct large *large = arg;
    CHECK_EQ_INT(large->rest[LARGE - 1], 7);
    return tally_end(large->tally, 0);
}

static int large_spawn(struct scope *s, struct tally *tally)
{
    struct large large = {.tally = tally};
    memset(large.rest, 7, sizeof(large.rest));
    int status = scope_spawn_copy(s, large_task, &large, sizeof(large));
    if (status == SCOPE_OK)
        atomic_fetch_add(&tally->accepted, 1);
    return status;
}

static int run_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 5000; i++) /* more than a deque holds */
        CHECK_EQ_INT(large_spawn(s, arg), SCOPE_OK);
    return 0;
}

static int skipped_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 1000; i++)
        CHECK_EQ_INT(large_spawn(s, arg), SCOPE_OK);
    CHECK_EQ_INT(scope_cancel(s), 1);
    return 0;
}

static int refused_body(struct scope *s, void *arg)
{
    (void)scope_cancel(s);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ_INT(large_spawn(s, arg), SCOPE_ECANCELED);
    return 0;
}

/* From an inner scope into the outer one, which is cancelled afterwards: skipped in the inbox. */
static int inbox_inner_body(struct scope *s, void *arg)
{
    struct scope *outer = *(struct scope **)arg;
    (void)s;
    for (int i = 0; i < 1000; i++)
        CHECK_EQ_INT(large_spawn(outer, *(struct tally **)((char *)arg + sizeof(outer))), SCOPE_OK);
    return 0;
}

static int inbox_body(struct scope *s, void *arg)
{
    struct {
        struct scope *outer;
        struct tally *tally;
    } inner = {s, arg};
    CHECK_EQ_INT(scope_run(inbox_inner_body, &inner), SCOPE_OK);
    (void)scope_cancel(s);
    return 0;
}

static size_t heap_used(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void copies_freed(scope_fn *body, int expected)
{
    size_t before = 0;
    for (int round = 0; round < 20; round++) {
        struct tally tally = {0};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, body, &tally), expected);
        check_tally(&report, &tally);
        before = round == 0 ? heap_used() : before;
    }
    /* 19 rounds that leaked would be 19 MB. */
    CHECK(TSAN || ASAN || heap_used() < before + 1000000);
}

static void ran_copies_freed(void)
{
    copies_freed(run_body, SCOPE_OK);
}

static void skipped_copies_freed(void)
{
    copies_freed(skipped_body, SCOPE_ECANCELED);
}

static void refused_copies_freed(void)
{
    copies_freed(refused_body, SCOPE_ECANCELED);
}

static void inbox_copies_freed(void)
{
    copies_freed(inbox_body, SCOPE_ECANCELED);
}

int main(void)
{
    check_run("scenario_10_ran_copies_freed", ran_copies_freed);
    check_run("scenario_10_skipped_copies_freed", skipped_copies_freed);
    check_run("scenario_10_refused_copies_freed", refused_copies_freed);
    check_run("scenario_10_inbox_copies_freed", inbox_copies_freed);
    return check_done();
}

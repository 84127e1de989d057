/* Nothing of one scope is left for the next one that uses its frame, and what a scope holds it lets go itself.  Regressions:
 * totals of tasks that others had counted and ended before the scope drained; options changed while the scope was open. */
#include "tests/scope_check.h"

static atomic_uint ran;

static int run_task(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    atomic_fetch_add(&ran, 1);
    return 0;
}

static int nothing_body(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return 0;
}

/* With other workers: ends when one of them has run the task, so that the outer scope drains after that. */
static int inner_body(struct scope *s, void *arg)
{
    (void)s;
    unsigned before = atomic_load(&ran);
    CHECK_EQ_INT(scope_spawn(arg, run_task, NULL), SCOPE_OK);
    if (scope_pool_workers(NULL) > 1)
        spin_until(&ran, before + 1);
    return 0;
}

static int outer_body(struct scope *s, void *arg)
{
    (void)arg;
    return scope_run(inner_body, s);
}

static void totals_of_others_not_left_in_the_frame(void)
{
    for (int round = 0; round < TIMES(2000, 200); round++) {
        struct scope_report report = scope_report_init();
        CHECK_EQ_INT(scope_run(outer_body, NULL), SCOPE_OK);
        CHECK_EQ_INT(scope_run_with(NULL, &report, nothing_body, NULL), SCOPE_OK);
        CHECK_EQ_INT(report.spawned, 0);
        CHECK_EQ_INT(report.ok, 0);
    }
}

struct swap {
    struct scope_options options;
    struct scope_token *other;
};

static int swap_body(struct scope *s, void *arg)
{
    (void)s;
    struct swap *swap = arg;
    swap->options.token = swap->other;
    return 0;
}

/* The address sanitizer tells. */
static void token_released_though_options_changed(void)
{
    struct swap swap = {.options = scope_options_init(), .other = scope_token_create()};
    struct scope_token *token = scope_token_create();
    swap.options.token = token;
    CHECK_EQ_INT(scope_run_with(&swap.options, NULL, swap_body, &swap), SCOPE_OK);
    CHECK_EQ_INT(scope_token_cancel(swap.other), 1);
    CHECK_EQ_INT(scope_token_cancel(token), 1);
    scope_token_release(swap.other);
    scope_token_release(token);
}

int main(void)
{
    check_run("totals_of_others_not_left_in_the_frame", totals_of_others_not_left_in_the_frame);
    check_run("token_released_though_options_changed", token_released_though_options_changed);
    return check_done();
}

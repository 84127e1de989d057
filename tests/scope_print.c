/* scope_report_print: the exact text, with one worker, so that the order is known. */
#include "tests/scope_check.h"

static struct scope_pool *pool;

/* Prints into memory of exactly the size that is needed, and into less. */
static void check_text(struct scope_report *report, const char *expected)
{
    report->quiet_ns = 0; /* how long things took cannot be known exactly */
    size_t length = strlen(expected);
    CHECK_EQ_INT(scope_report_print(report, NULL, 0), length);
    for (size_t size = 0; size <= length + 1; size++) {
        char *text = malloc(size + 1); /* a byte more, to see that it is left alone */
        if (!CHECK(text != NULL))
            return;
        text[size] = 0x5a;
        CHECK_EQ_INT(scope_report_print(report, text, size), length);
        CHECK_EQ_INT(text[size], 0x5a);
        if (size > 0) {
            CHECK_EQ_INT(strlen(text), size - 1);
            CHECK(strncmp(text, expected, size - 1) == 0);
        }
        if (size == length + 1)
            CHECK_EQ_STR(text, expected);
        free(text);
    }
}

static int nothing_body(struct scope *s, void *arg)
{
    return tally_spawn(arg, s, tally_nothing, arg);
}

static void success_exact(void)
{
    struct tally tally = {0};
    struct scope_options options = options_of(pool);
    struct scope_report report;
    CHECK_EQ_INT(run_checked(&options, &report, nothing_body, &tally), SCOPE_OK);
    check_text(&report, "scope (unnamed): success, not cancelled\n"
                        "    1 tasks: 1 ok, 0 failed, 0 cancelled, 0 skipped\n");
}

static int cancelled_body(struct scope *s, void *arg)
{
    (void)tally_spawn(arg, s, tally_nothing, arg);
    return scope_cancel(s) == 1 ? 0 : 1;
}

static void cancelled_exact(void)
{
    struct tally tally = {0};
    struct scope_options options = options_of(pool);
    struct scope_report report;
    CHECK_EQ_INT(run_checked(&options, &report, cancelled_body, &tally), SCOPE_ECANCELED);
    check_text(&report, "scope (unnamed): cancelled, cancelled by scope_cancel\n"
                        "    1 tasks: 0 ok, 0 failed, 0 cancelled, 1 skipped\n");
}

/* --------------------------------------------------------------------------------------------------------- A tree */

static int leaf_task(struct scope *s, void *arg)
{
    return (scope_fail)(s, *(int *)arg, "bad value %d", *(int *)arg);
}

static int plain_task(struct scope *s, void *arg)
{
    (void)s;
    return *(int *)arg;
}

static int inner_body(struct scope *s, void *arg)
{
    static int code[] = {5, 6};
    (void)arg;
    CHECK_EQ_INT(scope_spawn(s, leaf_task, &code[0]), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn(s, plain_task, &code[1]), SCOPE_OK);
    return 0;
}

static int inner_task(struct scope *s, void *arg)
{
    struct scope_options options = scope_options_init();
    (void)s;
    options.policy = SCOPE_COLLECT;
    options.name = "inner";
    return (scope_run_with)(&options, NULL, inner_body, arg); /* the function: no place */
}

static int tree_body(struct scope *s, void *arg)
{
    static int code = 7;
    struct tally *tally = arg;
    (void)tally_spawn(tally, s, tally_nothing, tally); /* skipped */
    CHECK_EQ_INT(scope_spawn(s, inner_task, NULL), SCOPE_OK);
    CHECK_EQ_INT((scope_fail)(s, code, "the body, too"), 7);
    return 0;
}

static int collect_tree_body(struct scope *s, void *arg)
{
    (void)tree_body(s, arg);
    return 11;
}

static void nested_failures_exact(void)
{
    struct tally tally = {0};
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.policy = SCOPE_COLLECT;
    options.name = "outer";
    CHECK_EQ_INT(run_checked(&options, &report, tree_body, &tally), SCOPE_ERROR);
    check_text(&report, "scope outer: a task failed, not cancelled, policy collect\n"
                        "    2 tasks: 1 ok, 1 failed, 0 cancelled, 0 skipped\n"
                        "    body: error 7 (task error): the body, too\n"
                        "    task 1: error -7001 (a task failed): scope inner\n"
                        "        task 1: error 6 (task error)\n"
                        "        task 0: error 5 (task error): bad value 5\n");
    scope_report_fini(&report);
    CHECK_EQ_INT(run_checked(&options, &report, collect_tree_body, &tally), SCOPE_ERROR);
    check_text(&report, "scope outer: a task failed, cancelled since the body failed, policy collect\n"
                        "    2 tasks: 0 ok, 0 failed, 0 cancelled, 2 skipped\n"
                        "    body: error 7 (task error): the body, too\n"
                        "    body: error 11 (task error)\n");
    scope_report_fini(&report);
}

static int many_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 10; i++)
        CHECK_EQ_INT(scope_spawn(s, plain_task, arg), SCOPE_OK);
    return 0;
}

static void more_than_kept_exact(void)
{
    int code = 1;
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, &report, many_body, &code), SCOPE_ERROR);
    check_text(&report, "scope (unnamed): a task failed, not cancelled, policy collect\n"
                        "    10 tasks: 0 ok, 10 failed, 0 cancelled, 0 skipped\n"
                        "    task 9: error 1 (task error)\n"
                        "    task 8: error 1 (task error)\n"
                        "    task 7: error 1 (task error)\n"
                        "    task 6: error 1 (task error)\n"
                        "    task 5: error 1 (task error)\n"
                        "    task 4: error 1 (task error)\n"
                        "    task 3: error 1 (task error)\n"
                        "    task 2: error 1 (task error)\n"
                        "    2 more\n");
}

static int said_by_body(struct scope *s, void *arg)
{
    return (scope_fail)(s, *(int *)arg, "no task");
}

static void said_by_no_task_exact(void)
{
    int code = 3;
    struct scope_options options = options_of(pool);
    struct scope_report report;
    CHECK_EQ_INT(run_checked(&options, &report, said_by_body, &code), SCOPE_ERROR);
    check_text(&report, "scope (unnamed): a task failed, cancelled by scope_fail\n"
                        "    0 tasks: 0 ok, 0 failed, 0 cancelled, 0 skipped\n"
                        "    body: error 3 (task error): no task\n");
}

static void place_exact(void)
{
    struct tally tally = {0};
    struct scope_options options = options_of(pool);
    struct scope_report report = scope_report_init();
    char expected[200];
    int line = __LINE__ + 1;
    CHECK_EQ_INT(scope_run_with(&options, &report, nothing_body, &tally), SCOPE_OK);
    (void)snprintf(expected, sizeof(expected),
                   "scope (unnamed) (%s:%d): success, not cancelled\n"
                   "    1 tasks: 1 ok, 0 failed, 0 cancelled, 0 skipped\n",
                   __FILE__, line);
    check_text(&report, expected);
}

/* Made up, as a program may keep reports and alter them: every reason, every policy, who did it, and how long it took. */
static void made_up_exact(void)
{
    static const char *const reason[] = {"as a task or the body said",         "cancelled by scope_cancel",
                                         "cancelled since a task failed",      "cancelled since the body failed",
                                         "cancelled with the enclosing scope", "cancelled by its token",
                                         "cancelled by its deadline",          "cancelled since a task won",
                                         "cancelled by on_complete",           "cancelled"};
    for (int i = 0; i < 10; i++) {
        char expected[200];
        struct scope_report report = scope_report_init();
        report.status = SCOPE_ECANCELED;
        report.reason = (enum scope_reason)i;
        (void)snprintf(expected, sizeof(expected),
                       "scope (unnamed): cancelled, %s\n    0 tasks: 0 ok, 0 failed, 0 cancelled, 0 skipped\n%s",
                       reason[i], i == SCOPE_REASON_WON ? "    cancelled by task 0\n" : "");
        check_text(&report, expected);
    }
}

static void made_up_cause_exact(void)
{
    static const char *const file[] = {NULL, "a.c", NULL, "a.c"}, *const name[] = {NULL, NULL, "one", "one"};
    static const char *const who[] = {"task 7", "task 7 (a.c:9)", "task 7 (one)", "task 7 (one, a.c:9)"};
    for (int i = 0; i < 4; i++) {
        char expected[400], text[400];
        struct scope_report report = scope_report_init();
        report.policy = i % 2 ? SCOPE_RACE : SCOPE_COLLECT;
        report.status = SCOPE_ENOWINNER;
        report.reason = SCOPE_REASON_SIBLING;
        report.cause = (struct scope_error){.code = 3, .line = 9, .file = file[i], .name = name[i], .index = 7};
        report.quiet_ns = 1500000;
        report.stragglers[0] = (struct scope_straggler){"latest", "b.c", 11, 2500000};
        report.stragglers[1] = (struct scope_straggler){NULL, NULL, 0, 1000};
        (void)snprintf(expected, sizeof(expected),
                       "scope (unnamed): %s, cancelled since a task failed, policy %s\n"
                       "    0 tasks: 0 ok, 0 failed, 0 cancelled, 0 skipped\n    cancelled by %s\n"
                       "    quiet 1.500 ms after the request\n    latest (b.c:11) did not notice for 2.500 ms\n"
                       "    (unnamed) did not notice for 0.001 ms\n",
                       scope_strerror(SCOPE_ENOWINNER), i % 2 ? "race" : "collect", who[i]);
        CHECK_EQ_INT(scope_report_print(&report, text, sizeof(text)), strlen(expected));
        CHECK_EQ_STR(text, expected);
    }
}

static void null_and_unfilled_harmless(void)
{
    struct scope_report report = scope_report_init();
    char text[4] = "abc";
    CHECK_EQ_INT(scope_report_print(NULL, text, sizeof(text)), 0);
    CHECK(scope_report_print(&report, NULL, 100) > 0);
    CHECK(scope_report_print(&report, text, sizeof(text)) > sizeof(text));
}

int main(void)
{
    pool = pool_of_one();
    check_run("print_success_exact", success_exact);
    check_run("print_cancelled_exact", cancelled_exact);
    check_run("print_nested_failures_exact", nested_failures_exact);
    check_run("print_more_than_kept_exact", more_than_kept_exact);
    check_run("print_said_by_no_task_exact", said_by_no_task_exact);
    check_run("print_place_exact", place_exact);
    check_run("print_made_up_exact", made_up_exact);
    check_run("print_made_up_cause_exact", made_up_cause_exact);
    check_run("print_null_and_unfilled_harmless", null_and_unfilled_harmless);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    return check_done();
}

/* Scopes inside scopes: 5,000 work; 8192 is the limit, and one more is refused; sorts do without. */
#include "tests/sort_check.h"

#include <pthread.h>

#define DEPTH_MAX 8192
#define STACK (1UL << 30) /* reserved, for the sanitizers' frames */

struct test {
    struct tally tally;
    int wanted;
    int depth;
    int refused;
};

static int never_body(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    CHECK(false); /* a refused body ran */
    return 0;
}

/* Long enough to be divided, were there a scope for it. */
static void sort_without_scope(void)
{
    const size_t n = 5000;
    for (int stable = 0; stable < 2; stable++) {
        struct item *items = items_make(RANDOM, n);
        CHECK_EQ_INT((stable ? scope_sort : scope_sort_unstable)(NULL, items, n, sizeof(*items), item_compare, NULL),
                     SCOPE_OK);
        CHECK(items_complete(items, RANDOM, n));
        for (size_t i = 1; i < n; i++)
            CHECK(items[i - 1].key <= items[i].key);
        free(items);
    }
}

static int deep_body(struct scope *s, void *arg)
{
    struct test *test = arg;
    if (++test->depth < test->wanted) {
        CHECK_EQ_INT(scope_run(deep_body, test), SCOPE_OK);
    } else if (test->depth == DEPTH_MAX) {
        struct scope_report report = scope_report_init();
        test->refused = scope_run_with(NULL, &report, never_body, NULL);
        CHECK_EQ_INT(report.status, test->refused);
        CHECK_EQ_INT(report.spawned, 0);
        CHECK_EQ_INT(scope_run(never_body, NULL), SCOPE_EDEPTH);
        sort_without_scope();
    }
    /* On the way out: the scope is still ours, as it was. */
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(tally_spawn(&test->tally, s, tally_nothing, &test->tally), SCOPE_OK);
    return 0;
}

static void *deep_thread(void *arg)
{
    struct test *test = arg;
    CHECK_EQ_INT(scope_run(deep_body, test), SCOPE_OK);
    CHECK_EQ_INT(test->depth, test->wanted);
    CHECK_EQ_INT(test->tally.accepted, test->wanted);
    CHECK_EQ_INT(test->tally.ok, test->wanted);
    return NULL;
}

static void deep(struct test *test)
{
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK_EQ_INT(pthread_attr_init(&attributes), 0);
    CHECK_EQ_INT(pthread_attr_setstacksize(&attributes, STACK), 0);
    CHECK_EQ_INT(pthread_create(&thread, &attributes, deep_thread, test), 0);
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
}

static void five_thousand_nested_ok(void)
{
    struct test test = {.wanted = 5000};
    deep(&test);
}

static void one_too_many_edepth_state_unchanged(void)
{
    struct test test = {.wanted = DEPTH_MAX};
    deep(&test);
    CHECK_EQ_INT(test.refused, SCOPE_EDEPTH);
    struct test again = {.wanted = 100};
    deep(&again);
}

/* Five thousand groups inside each other: made, walked and freed without recursion. */
static int failing_body(struct scope *s, void *arg)
{
    int *left = arg;
    return --*left ? scope_run(failing_body, left) : scope_fail(s, 5, "leaf");
}

static void *failing_thread(void *arg)
{
    int left = 5000;
    struct scope_report *report = arg;
    *report = scope_report_init();
    CHECK_EQ_INT(scope_run_with(NULL, report, failing_body, &left), SCOPE_ERROR);
    return NULL;
}

static void nested_failures_group_as_deep(void)
{
    struct scope_report report;
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK_EQ_INT(pthread_attr_init(&attributes), 0);
    CHECK_EQ_INT(pthread_attr_setstacksize(&attributes, STACK), 0);
    CHECK_EQ_INT(pthread_create(&thread, &attributes, failing_thread, &report), 0);
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    int levels = 0;
    const struct scope_errors *leaf = &report.group;
    for (const struct scope_errors *group = leaf; group; group = group->errors[0].nested) {
        leaf = group;
        levels++;
    }
    CHECK_EQ_INT(levels, 5000);
    CHECK_EQ_INT(leaf->errors[0].code, 5);
    CHECK_EQ_STR(leaf->errors[0].message, "leaf");
    char text[100];
    CHECK(scope_report_print(&report, text, sizeof(text)) > sizeof(text));
    scope_report_fini(&report);
}

int main(void)
{
    check_run("depth_five_thousand_nested_ok", five_thousand_nested_ok);
    check_run("depth_one_too_many_edepth_state_unchanged", one_too_many_edepth_state_unchanged);
    check_run("depth_nested_failures_group_as_deep", nested_failures_group_as_deep);
    return check_done();
}

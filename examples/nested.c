/* Nested groups: an inner scope fails, its caller handles that, and the outer scope never notices.  An inner failure that is
 * not handled is returned, and then the outer report holds the inner one. */
#include <stdio.h>
#include <stdlib.h>
#include <taskscope.h>

enum { NO_ROUTE = 1 };

static int fast_way(struct scope *s, void *arg)
{
    if (*(int *)arg % 2)
        return scope_fail(s, NO_ROUTE, "%d: no fast way for odd numbers", *(int *)arg);
    return 0;
}

static int slow_way(struct scope *s, void *arg)
{
    if (*(int *)arg % 5 == 0 && *(int *)arg % 2)
        return scope_fail(s, NO_ROUTE, "%d: no way at all", *(int *)arg);
    return 0;
}

static int try_fast(struct scope *s, void *arg)
{
    return scope_spawn(s, fast_way, arg);
}

static int try_slow(struct scope *s, void *arg)
{
    return scope_spawn(s, slow_way, arg);
}

/* Two attempts, each a scope of its own. */
static int attempt(struct scope *s, void *arg)
{
    (void)s;
    if (scope_run(try_fast, arg) == SCOPE_OK)
        return 0;
    return scope_run(try_slow, arg); /* its errors, if any, go on up */
}

static int attempt_all(struct scope *s, void *arg)
{
    int *numbers = arg;
    for (int i = 0; i < 10; i++) {
        int status = scope_spawn(s, attempt, &numbers[i]);
        if (status != SCOPE_OK)
            return status;
    }
    return 0;
}

int main(void)
{
    int numbers[10];
    for (int i = 0; i < 10; i++)
        numbers[i] = i;
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    options.policy = SCOPE_COLLECT;
    options.name = "attempts";
    int status = scope_run_with(&options, &report, attempt_all, numbers);
    char text[4096];
    (void)scope_report_print(&report, text, sizeof(text));
    fputs(text, stdout);
    /* Only 5 has no way at all: one error, which holds the group of the inner scope. */
    bool good = status == SCOPE_ERROR && report.failed == 1 && report.ok == 9 && report.group.total == 1 &&
                report.group.errors[0].nested && report.group.errors[0].nested->errors[0].code == NO_ROUTE;
    scope_report_fini(&report);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

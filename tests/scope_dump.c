/* scope_dump: says what is open, from any thread and in a signal handler, while scopes come and go. */
#include "tests/scope_check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static size_t dump_read(char *text, size_t size)
{
    int fd[2];
    size_t used = 0;
    ssize_t n;
    if (!CHECK_EQ_INT(pipe(fd), 0))
        return 0;
    CHECK_EQ_INT(scope_dump(fd[1]), SCOPE_OK);
    close(fd[1]);
    while (used < size - 1 && (n = read(fd[0], text + used, size - 1 - used)) > 0)
        used += (size_t)n;
    close(fd[0]);
    text[used] = 0;
    return used;
}

static char text[20000];

static int dumps(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    (void)dump_read(text, sizeof(text));
    return 0;
}

static const SCOPE_DESCRIBE(dumping, .fn = dumps);

static int inner(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_spawn_task(s, &dumping, arg), SCOPE_OK);
    return 0;
}

static int inner_line;

static int outer(struct scope *s, void *arg)
{
    struct scope_options options = scope_options_init();
    (void)s;
    options.name = "inner";
    options.timeout_ns = 3600000000000u;
    options.policy = SCOPE_COLLECT;
    inner_line = __LINE__ + 1;
    return scope_run_with(&options, NULL, inner, arg);
}

static void tells_names_counts_deadlines_tasks(void)
{
    struct scope_options options = scope_options_init();
    options.name = "outer";
    CHECK_EQ_INT((scope_run_with)(&options, NULL, outer, NULL), SCOPE_OK);
    char expected[200];
    (void)snprintf(expected, sizeof(expected), "scope inner (%s:%d) in outer: not cancelled, 1 spawned, deadline in 3",
                   __FILE__, inner_line);
    bool good = CHECK(strstr(text, "scope outer: not cancelled, 0 spawned\n") != NULL);
    good &= CHECK(strstr(text, expected) != NULL);
    good &= CHECK(strstr(text, " ms, policy collect\n") != NULL);
    good &= CHECK(strstr(text, "runs dumping") != NULL);
    if (!good)
        printf("%s", text);
    (void)dump_read(text, sizeof(text));
    CHECK(strstr(text, "scope") != NULL && strstr(text, "outer") == NULL);
    CHECK_EQ_INT(scope_dump(-1), SCOPE_EINVAL);
}

/* In the frame of a scope whose place was known. */
static int then_inline(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(scope_run_with(NULL, NULL, inner, arg), SCOPE_OK);
    CHECK_EQ_INT((scope_run)(dumps, arg), SCOPE_OK);
    return 0;
}

static void place_is_of_this_scope(void)
{
    CHECK_EQ_INT((scope_run)(then_inline, NULL), SCOPE_OK);
    CHECK(strstr(text, "scope (unnamed) in (unnamed): ") != NULL);
    if (!CHECK(strstr(text, __FILE__) == NULL))
        printf("%s", text);
}

static int fails_late(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_fail(s, 3, "dumped"), 3);
    while (!scope_cancelled(s))
        sched_yield();
    return dumps(s, arg);
}

static void tells_errors_and_a_deadline_that_passed(void)
{
    struct scope_options options = scope_options_init();
    options.name = "late";
    options.timeout_ns = 1;
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT((scope_run_with)(&options, NULL, fails_late, NULL), SCOPE_ERROR);
    bool good =
        CHECK(strstr(text, "scope late: cancelled by its deadline, 0 spawned, 1 errors, deadline passed ") != NULL);
    good &= CHECK(strstr(text, " ms ago, policy collect\n") != NULL);
    if (!good)
        printf("%s", text);
}

#define DEEP 40

static int deeper(struct scope *s, void *arg)
{
    int *depth = arg;
    return (*depth)++ < DEEP ? (scope_run)(deeper, arg) : dumps(s, arg);
}

static void tells_every_scope_of_many(void)
{
    int depth = 0, lines = 0;
    CHECK_EQ_INT(scope_run(deeper, &depth), SCOPE_OK);
    for (const char *at = text; (at = strstr(at, "scope (unnamed)")) != NULL; at = strchr(at, '\n'))
        lines++;
    CHECK_EQ_INT(lines, DEEP + 1);
}

/* ------------------------------------------------------------------------------------------------ While things happen */

static atomic_bool closing;

static int leaf(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    return 0;
}

static int tree(struct scope *s, void *arg)
{
    if (*(int *)arg == 0)
        return 0;
    int less = *(int *)arg - 1;
    struct scope_options options = scope_options_init();
    options.name = "tree";
    for (int i = 0; i < 3; i++)
        (void)scope_spawn(s, leaf, NULL);
    CHECK_EQ_INT(scope_run_with(&options, NULL, tree, &less), SCOPE_OK);
    return scope_run(tree, &less);
}

static void *opens_and_closes(void *arg)
{
    (void)arg;
    while (!atomic_load(&closing)) {
        int depth = 4;
        CHECK_EQ_INT(scope_run(tree, &depth), SCOPE_OK);
    }
    return NULL;
}

static void others_go_on(void)
{
    pthread_t thread[2];
    char some[20000];
    for (int i = 0; i < 2; i++)
        CHECK_EQ_INT(pthread_create(&thread[i], NULL, opens_and_closes, NULL), 0);
    for (int i = 0; i < TIMES(500, 100); i++)
        CHECK(dump_read(some, sizeof(some)) > 0);
    atomic_store(&closing, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
}

static void by_signal(void)
{
    int fd[2], before = dup(STDERR_FILENO);
    char some[20000];
    CHECK_EQ_INT(pipe(fd), 0);
    (void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
    dup2(fd[1], STDERR_FILENO);
    CHECK_EQ_INT(scope_dump_on_signal(SIGUSR1), SCOPE_OK);
    CHECK_EQ_INT(scope_dump_on_signal(-1), SCOPE_EINVAL);
    CHECK_EQ_INT(raise(SIGUSR1), 0);
    CHECK(read(fd[0], some, sizeof(some)) > 20);
    dup2(before, STDERR_FILENO);
    close(before);
    close(fd[0]);
    close(fd[1]);
}

int main(void)
{
    check_run("tells_names_counts_deadlines_tasks", tells_names_counts_deadlines_tasks);
    check_run("place_is_of_this_scope", place_is_of_this_scope);
    check_run("tells_errors_and_a_deadline_that_passed", tells_errors_and_a_deadline_that_passed);
    check_run("tells_every_scope_of_many", tells_every_scope_of_many);
    check_run("others_go_on", others_go_on);
    check_run("by_signal", by_signal);
    return check_done();
}

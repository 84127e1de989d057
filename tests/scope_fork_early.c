/* fork by one thread while another makes the default pool: the child can use the library.  It could not when the lock under
 * which the pool is made stayed held in the child. */
#include "tests/scope_check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS 500

/* The exit status of a child that runs fn, its signal + 1000 if it was killed. */
static int in_child(int (*fn)(void))
{
    int status = 0;
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(30);
        _exit(fn());
    }
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int tasks_body(struct scope *s, void *arg)
{
    for (int i = 0; i < TASKS; i++)
        if (scope_spawn(s, tally_nothing, arg) != SCOPE_OK)
            return 1;
    return 0;
}

/* What the library is good for: 0 if it works.  Without CHECK, for children. */
static int use_library(void)
{
    struct tally tally = {0};
    struct scope_report report = scope_report_init();
    if (scope_run_with(NULL, &report, tasks_body, &tally) != SCOPE_OK)
        return 1;
    return report.ok == TASKS && tally.ok == TASKS && report.spawned == TASKS ? 0 : 2;
}

/* A thread makes the default pool while another forks. */
static void *use_thread(void *arg)
{
    (void)use_library();
    return arg;
}

static int fork_while_made(void)
{
    pthread_t thread;
    int worst = 0;
    if (pthread_create(&thread, NULL, use_thread, NULL) != 0)
        return 99;
    for (int i = 0; i < 20 && worst == 0; i++)
        worst = in_child(use_library);
    (void)pthread_join(thread, NULL);
    return worst > 99 ? 98 : worst;
}

static void fork_while_default_pool_is_made_child_works(void)
{
    for (int round = 0; round < 5 && CHECK_EQ_INT(in_child(fork_while_made), 0); round++)
        ;
}

int main(void)
{
    if (TSAN)
        check_skip("fork_while_default_pool_is_made_child_works",
                   "ThreadSanitizer can't start threads after a process with threads has forked");
    else
        check_run("fork_while_default_pool_is_made_child_works", fork_while_default_pool_is_made_child_works);
    return check_done();
}

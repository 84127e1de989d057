/* A child process that is expected to complain on stderr, and perhaps to be aborted. */
#ifndef TESTS_CHILD_CHECK_H
#define TESTS_CHILD_CHECK_H

#include "tests/check.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
    int status;      /* of waitpid */
    char text[4000]; /* what it wrote to stderr */
};

/* Runs fn in a child, which ends with exit status 0 if fn returns. */
static inline struct child child_run(void (*fn)(void))
{
    struct child child = {.status = -1};
    int fd[2];
    if (!CHECK_EQ_INT(pipe(fd), 0))
        return child;
    fflush(stdout);
    pid_t id = fork();
    if (id == 0) {
        const struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL);
        dup2(fd[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(fd[1]);
    size_t used = 0;
    for (ssize_t n; (n = read(fd[0], child.text + used, sizeof(child.text) - 1 - used)) > 0;)
        used += (size_t)n;
    close(fd[0]);
    CHECK_EQ_INT(waitpid(id, &child.status, 0), id);
    return child;
}

static inline bool child_aborted(const struct child *child)
{
    bool aborted = WIFSIGNALED(child->status) && WTERMSIG(child->status) == SIGABRT;
    if (!aborted)
        printf("# not aborted, status %d: %s\n", child->status, child->text);
    return aborted;
}

static inline bool child_succeeded(const struct child *child)
{
    bool good = WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0;
    if (!good)
        printf("# status %d: %s\n", child->status, child->text);
    return good;
}

/* True if it wrote that, so many times; 0: any number of times. */
static inline bool child_said(const struct child *child, const char *expected, int times)
{
    int found = 0;
    for (const char *at = child->text; (at = strstr(at, expected)); at += strlen(expected))
        found++;
    bool good = times == 0 ? found > 0 : found == times;
    if (!good)
        printf("# %d times \"%s\" in: %s\n", found, expected, child->text);
    return good;
}

#endif

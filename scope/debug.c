/* Misuse, in words: what ends the program in any build, and the checks of code that is compiled with SCOPE_DEBUG, whose calls
 * come here with the place where they stand.
 *
 * A scope that has ended is recognized by its frame, which lies above the top of its worker's stack of frames (the memory is
 * kept until the pool ends).  If another scope has been opened in the frame since, it is taken for that one.
 *
 * An argument in a stack frame.  The scopes that a thread has opened, and that have not ended, lie inside each other, the
 * outermost nearest to the beginning of its stack.  Let own be the innermost of s and the scopes around it that the spawning
 * thread has opened.  What lies on its stack before own was opened outlives own, and so s.  What lies beyond was called by the
 * body of own, or by a task inside it: it ends before own does, and may end before s.  If the thread has opened none of them,
 * it runs a task as one of the pool's own, and all of its stack is of that kind. */
#include "scope/scope.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------------------- Words */

void scopei_abort(const char *format, ...)
{
    va_list args;
    char text[600];
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)fprintf(stderr, "taskscope: %s\n", text);
    abort();
}

static struct words words_of(const char *name, struct site site)
{
    struct words words;
    if (site.file)
        (void)snprintf(words.text, sizeof(words.text), "%.100s (opened at %.80s:%d)", name, site.file, site.line);
    else
        (void)snprintf(words.text, sizeof(words.text), "%.100s (opened at an unknown place)", name);
    return words;
}

struct words scopei_words(const struct scope *s)
{
    const char *name = load_relaxed_ptr(&s->name); /* Relaxed: s is the caller's. */
    return words_of(name ? name : "(unnamed)", scope_site(s));
}

void scopei_task_left(void)
{
    const struct worker *w = worker_self();
    const struct scope *s = w ? worker_scope(w) : NULL;
    scopei_abort(
        "an exception, pthread_exit or pthread_cancel has left a task, or a function that the library calls, in "
        "scope %s",
        s ? scopei_words(s).text : "(none)");
}

/* ---------------------------------------------------------------------------------------------- Whether a scope is open */

/* A pointer that is said to be a scope. */
struct suspect {
    const struct scope *s;
    bool frame; /* it is one, or was */
    bool open;
    struct site site;
};

static void worker_ask(struct worker *w, void *arg)
{
    struct suspect *suspect = arg;
    uintptr_t distance = (uintptr_t)suspect->s - (uintptr_t)w->scopes;
    if (distance >= SCOPES_MAX * sizeof(struct scope) || distance % sizeof(struct scope) != 0)
        return;
    suspect->frame = true;
    suspect->open = suspect->s < (const struct scope *)load_acquire_ptr(&w->top); /* pairs with: scope_open */
    suspect->site = scope_site(suspect->s);
}

/* The places are kept, as the pool may end once we have looked. */
static struct suspect ask(const struct scope *s)
{
    struct suspect suspect = {.s = s};
    scopei_workers_visit(worker_ask, &suspect);
    return suspect;
}

/* ------------------------------------------------------------------------------------------ Where an argument lies */

static bool on_stack(const void *pointer)
{
    static _Thread_local uintptr_t low, size; /* of the thread's own stack */
    pthread_attr_t attr;
    if (size == 0 && pthread_getattr_np(pthread_self(), &attr) == 0) {
        void *start = NULL;
        if (pthread_attr_getstack(&attr, &start, &size) != 0)
            size = 0;
        low = (uintptr_t)start;
        (void)pthread_attr_destroy(&attr);
    }
    return (uintptr_t)pointer - low < size;
}

/* True if what arg points to may end before s does; the caller runs inside s. */
static bool ends_early(const struct scope *s, const void *arg)
{
    const void *here = __builtin_frame_address(0);
    if (!on_stack(arg) || !on_stack(here)) /* the latter: on a stack of the user's making */
        return false;
    /* Relaxed, both: scopes around a task are open, and were so before it started. */
    while (s && s->root.owner->runner != &scopei_self)
        s = load_relaxed_ptr(&s->parent);
    if (!s)
        return true;
    const void *opened = scope_placed(s) ? load_relaxed_ptr(&s->place.stack) : NULL;
    return opened && on_stack(opened) && (uintptr_t)arg >= (uintptr_t)here && (uintptr_t)arg < (uintptr_t)opened;
}

/* True the first time. */
static bool first_at(struct site at)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct site seen[256]; /* more than so many are not told */
    static size_t count;
    pthread_mutex_lock(&lock);
    size_t i = 0;
    while (i < count && (seen[i].line != at.line || strcmp(seen[i].file, at.file) != 0))
        i++;
    bool first = i == count && count < sizeof(seen) / sizeof(seen[0]);
    if (first)
        seen[count++] = at;
    pthread_mutex_unlock(&lock);
    return first;
}

/* ------------------------------------------------------------------------------------------------------------ Checks */

/* Before a call that is about s, which the caller is not inside.  what: the call does. */
static void open_check(struct site at, const char *what, const struct scope *s)
{
    struct suspect suspect = ask(s);
    if (!suspect.frame)
        scopei_abort("%s:%d: %s what is not a scope, or was one of a pool that has ended", at.file, at.line, what);
    if (!suspect.open)
        scopei_abort("%s:%d: %s a scope that has ended: %s", at.file, at.line, what, words_of("it", suspect.site).text);
}

/* Before a spawn.  arg: NULL: not to be looked at. */
static void spawn_check(struct site at, const struct scope *s, const void *arg)
{
    if (!s)
        return;
    if (!scopei_encloses(s, worker_self()))
        open_check(at, "spawn into", s);
    else if (arg && ends_early(s, arg) && first_at(at))
        (void)fprintf(
            stderr, "taskscope: warning: %s:%d: the argument lies in a stack frame that may end before scope %s does\n",
            at.file, at.line, scopei_words(s).text);
}

/* After a call that returned status.  s: what it was about, NULL: none. */
static int tell(struct site at, const char *call, const struct scope *s, int status)
{
    if (status == SCOPE_EINVAL)
        (void)fprintf(stderr, "taskscope: %s:%d: %s: SCOPE_EINVAL (%s)\n", at.file, at.line, call,
                      scope_strerror(status));
    if (status == SCOPE_EPERM)
        (void)fprintf(stderr, "taskscope: %s:%d: %s: SCOPE_EPERM (%s): %s\n", at.file, at.line, call,
                      scope_strerror(status), words_of("the scope", ask(s).site).text);
    return status;
}

int scopei_debug_run(const char *file, int line, const struct scope_options *options, struct scope_report *report,
                     scope_fn *body, void *arg)
{
    const struct site at = {file, line};
    return tell(at, "scope_run", NULL, scope_run_at(file, line, options, report, body, arg));
}

/* Not inlined: its own frame is the first beyond that of the function that the block is in. */
__attribute__((noinline)) struct scope_block scopei_debug_block(const char *file, int line,
                                                                const struct scope_options *options, int *status)
{
    const struct site at = {file, line};
    const struct opening opening = {file, line, __builtin_frame_address(0), options, NULL};
    int entered = SCOPE_OK;
    struct scope_block block = scopei_block_open(&opening, &entered);
    block.status = status;
    if (status)
        *status = entered;
    (void)tell(at, "SCOPE", NULL, entered);
    return block;
}

int scopei_debug_spawn(const char *file, int line, struct scope *s, scope_fn *fn, void *arg)
{
    const struct site at = {file, line};
    spawn_check(at, s, fn ? arg : NULL);
    return tell(at, "scope_spawn", s, scope_spawn(s, fn, arg));
}

int scopei_debug_spawn_copy(const char *file, int line, struct scope *s, scope_fn *fn, const void *arg, size_t size)
{
    const struct site at = {file, line};
    spawn_check(at, s, NULL);
    return tell(at, "scope_spawn_copy", s, scope_spawn_copy(s, fn, arg, size));
}

/* The argument, if the task gets it as it is, and is not refused anyway; else NULL. */
static const void *pointed(const struct scope_task *task, const void *arg)
{
    return task && task->fn && task->copy == 0 && !(task->flags & ~SCOPE_RUN_ANYWAY) ? arg : NULL;
}

int scopei_debug_spawn_task(const char *file, int line, struct scope *s, const struct scope_task *task, void *arg)
{
    const struct site at = {file, line};
    spawn_check(at, s, pointed(task, arg));
    return tell(at, "scope_spawn_task", s, scope_spawn_task(s, task, arg));
}

int scopei_debug_try_spawn(const char *file, int line, struct scope *s, const struct scope_task *task, void *arg)
{
    const struct site at = {file, line};
    spawn_check(at, s, pointed(task, arg));
    return tell(at, "scope_try_spawn", s, scope_try_spawn(s, task, arg));
}

int scopei_debug_cancel(const char *file, int line, struct scope *s)
{
    const struct site at = {file, line};
    return tell(at, "scope_cancel", s, scope_cancel(s));
}

struct scope *scopei_debug_failing(const char *file, int line, struct scope *s)
{
    const struct site at = {file, line};
    if (s && !scopei_encloses(s, worker_self()))
        open_check(at, "scope_fail for", s);
    return s;
}

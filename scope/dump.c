/* The tree of open scopes, for a program that seems to hang.  Reads what other threads write meanwhile, by atomic accesses only,
 * and what it prints is as true as a look at running workers can be.  No locks, no allocation, no stdio: it may be called in a
 * signal handler. */
#include "scope/scope.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------------------------------- Text */

struct out {
    int fd;
    bool failed;
    size_t used;
    char text[1024];
};

static void out_flush(struct out *out)
{
    size_t done = 0;
    while (done < out->used && !out->failed) {
        ssize_t n = write(out->fd, out->text + done, out->used - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            out->failed = true;
    }
    out->used = 0;
}

static void out_char(struct out *out, char c)
{
    if (out->used == sizeof(out->text))
        out_flush(out);
    out->text[out->used++] = c;
}

static void out_text(struct out *out, const char *text)
{
    while (*text)
        out_char(out, *text++);
}

static void out_number(struct out *out, uint64_t number)
{
    char digit[20];
    int n = 0;
    do
        digit[n++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (n > 0)
        out_char(out, digit[--n]);
}

/* ", 12 failed", unless it is none. */
static void out_count(struct out *out, uint64_t number, const char *what)
{
    if (number == 0)
        return;
    out_text(out, ", ");
    out_number(out, number);
    out_text(out, what);
}

/* ------------------------------------------------------------------------------------------------------------ Scopes */

/* Relaxed, all loads below: what was true a moment ago is good enough. */

static void out_scope_name(struct out *out, const struct scope *s)
{
    const char *name = load_relaxed_ptr(&s->name);
    out_text(out, name ? name : "(unnamed)");
}

static void out_site(struct out *out, const struct scope *s)
{
    struct site site = scope_site(s);
    if (!site.file)
        return;
    out_text(out, " (");
    out_text(out, site.file);
    out_char(out, ':');
    out_number(out, (uint64_t)(unsigned)site.line);
    out_char(out, ')');
}

static void out_deadline(struct out *out, const struct scope *s)
{
    uint64_t deadline = load_relaxed(&s->special.deadline_ns), now = scopei_now_ns();
    if (deadline == 0)
        return;
    out_text(out, deadline > now ? ", deadline in " : ", deadline passed ");
    out_number(out, (deadline > now ? deadline - now : now - deadline) / 1000000);
    out_text(out, deadline > now ? " ms" : " ms ago");
}

static void out_scope(struct out *out, const struct scope *s, unsigned depth)
{
    const struct scope *parent = load_relaxed_ptr(&s->parent);
    for (unsigned i = 0; i < depth && i < 16; i++)
        out_text(out, "  ");
    out_text(out, "  scope ");
    out_scope_name(out, s);
    out_site(out, s);
    if (parent) {
        out_text(out, " in ");
        out_scope_name(out, parent);
    }
    out_text(out, ": ");
    out_text(out, scopei_reason_text(scope_reason(s)));
    out_text(out, ", ");
    out_number(out, scopei_get(&s->root.spawned) + load_relaxed(&s->spawned));
    out_text(out, " spawned");
    out_count(out, load_relaxed(&s->failed), " failed");
    out_count(out, load_relaxed(&s->cancelled), " stopped");
    out_count(out, load_relaxed(&s->errors), " errors");
    out_deadline(out, s);
    enum scope_policy policy = scope_policy(s);
    if (policy != SCOPE_FAIL_FAST) {
        out_text(out, ", policy ");
        out_text(out, scopei_policy_text(policy));
    }
    out_char(out, '\n');
}

static const char *worker_state(const struct worker *w)
{
    if (load_relaxed_u32(&w->parker.state) == PARKER_ASLEEP)
        return load_relaxed_ptr(&w->top) == w->scopes ? "sleeps" : "waits for tasks that others run";
    return "is awake";
}

static void out_worker(struct worker *w, void *arg)
{
    struct out *out = arg;
    const struct scope *top = load_acquire_ptr(&w->top); /* pairs with: scope_open, scopei_scope_open */
    const struct scope_task *task = load_relaxed_ptr(&w->running);
    bool own = w->id < w->pool->workers;
    if (!own && top == w->scopes && !task)
        return;
    out_text(out, own ? "worker " : "guest or spare ");
    out_number(out, w->id);
    out_char(out, ' ');
    out_text(out, worker_state(w));
    if (task && task->name) {
        out_text(out, ", runs ");
        out_text(out, task->name);
    }
    out_char(out, '\n');
    for (const struct scope *s = w->scopes; s < top; s++)
        out_scope(out, s, (unsigned)(s - w->scopes));
}

int scope_dump(int fd)
{
    int before = errno, cancel_state = PTHREAD_CANCEL_ENABLE;
    struct out out = {.fd = fd};
    /* A pthread_cancel waits, or we would be a visitor for ever. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    out_text(&out, "taskscope: open scopes\n");
    scopei_workers_visit(out_worker, &out);
    out_flush(&out);
    (void)pthread_setcancelstate(cancel_state, NULL);
    errno = before;
    return out.failed ? SCOPE_EINVAL : SCOPE_OK;
}

/* ----------------------------------------------------------------------------------------------------------- Signals */

static void on_signal(int number)
{
    (void)number;
    (void)scope_dump(STDERR_FILENO);
}

int scope_dump_on_signal(int number)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    return sigaction(number, &action, NULL) == 0 ? SCOPE_OK : SCOPE_EINVAL;
}

/* What only scopes with options have: policies that look at each task's end, limits, deadlines, locals.
 *
 * A scope with a limit lets so many of its tasks into the deques; the others wait on its list.  A task that ends runs those that
 * wait, one after the other, before it is counted as ended itself: it has the permission to, and needs no other worker.  Those
 * on the list are counted from their spawn on, by the root. */
#include "sched/idle.h"
#include "sched/inbox.h"
#include "scope/scope.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------------- Deadlines */

uint64_t scope_now_ns(void)
{
    return scopei_now_ns();
}

static void deadline_passed(struct timer *timer)
{
    struct scope *s = (struct scope *)(void *)((char *)timer - offsetof(struct scope, special.timer));
    (void)scopei_cancel(s, SCOPE_REASON_DEADLINE, NULL);
}

/* False: the system refused the thread that it takes. */
static bool deadline_arm(struct scope *s, uint64_t deadline_ns)
{
    store_relaxed(&s->special.deadline_ns, deadline_ns); /* Relaxed: others may look at it, that is all. */
    if (deadline_ns == 0)
        return true;
    scopei_event(s); /* so that its end looks */
    if (deadline_ns <= scopei_now_ns()) {
        (void)scopei_cancel(s, SCOPE_REASON_DEADLINE, NULL);
        return true;
    }
    bool armed = scopei_timer_arm(&s->special.timer, deadline_ns, deadline_passed);
    if (!armed)
        store_relaxed(&s->special.deadline_ns, 0); /* Relaxed: as above. */
    return armed;
}

void scopei_deadline_disarm(struct scope *s)
{
    if (load_relaxed(&s->special.deadline_ns)) /* Relaxed: our own word. */
        scopei_timer_disarm(&s->special.timer);
    store_relaxed(&s->special.deadline_ns, 0); /* Relaxed: as above. */
}

uint64_t scope_deadline(const struct scope *s)
{
    uint64_t least = 0;
    /* Relaxed, all: s and the scopes around it are open. */
    while (s) {
        uint64_t own = load_relaxed(&s->special.deadline_ns);
        if (own && (!least || own < least))
            least = own;
        s = load_relaxed(&s->special.shield) ? NULL : load_relaxed_ptr(&s->parent);
    }
    return least;
}

int scope_set_deadline(struct scope *s, uint64_t deadline_ns)
{
    const struct worker *w = worker_self();
    if (!s)
        return SCOPE_EINVAL;
    if (!w || w->open != s || w->node != &s->root)
        return SCOPE_EPERM;
    scopei_deadline_disarm(s);
    return deadline_arm(s, deadline_ns) ? SCOPE_OK : SCOPE_EAGAIN;
}

/* ---------------------------------------------------------------------------------------------------- Begin and end */

void scopei_special_init(struct scope *s, const struct scope_options *options)
{
    struct special *special = &s->special;
    special->on_complete = options->on_complete;
    special->on_complete_arg = options->on_complete_arg;
    special->locals = options->locals;
    special->limit = options->limit;
    special->active = 0;
    special->waiting = NULL;
    special->waiting_end = &special->waiting;
    store_relaxed(&special->shield, options->flags & SCOPE_SHIELD); /* Relaxed: published by the store of top. */
}

bool scopei_special_begin(struct scope *s, const struct scope_options *options)
{
    uint64_t deadline_ns = options->deadline_ns;
    if (options->timeout_ns) {
        uint64_t now = scopei_now_ns();
        if (now == NO_TIME)
            return false;
        uint64_t end = options->timeout_ns < UINT64_MAX - now ? now + options->timeout_ns : UINT64_MAX;
        if (!deadline_ns || end < deadline_ns)
            deadline_ns = end;
    }
    return deadline_arm(s, deadline_ns);
}

void scopei_special_end(struct scope *s)
{
    struct special *special = &s->special;
    scopei_deadline_disarm(s);
    special->ok = 0;
    special->failed = 0;
    special->on_complete = NULL;
    special->on_complete_arg = NULL;
    special->locals = NULL;
    special->limit = 0;
    store_relaxed(&special->shield, 0); /* Relaxed: no scope is open in the frame. */
}

void *scope_local_value(const struct scope *s, const void *key)
{
    /* Relaxed: s and the scopes around it are open. */
    for (; s; s = load_relaxed_ptr(&s->parent))
        for (const struct scope_local *local = s->special.locals; local; local = local->next)
            if (local->key == key)
                return local->value;
    return NULL;
}

/* ------------------------------------------------------------------------------------------------- A task has ended */

static struct culprit culprit_of(const uint64_t *word, int code)
{
    return (struct culprit){
        .task = task_described(word), .index = word[TASK_META] >> TASK_INDEX_SHIFT, .code = code, .known = true};
}

/* Asks on_complete, and does what it says.  Meanwhile nothing may run a task of s here, whose end would wait for the lock that we
 * hold: so it is as inside typed calls, but for what is said, which belongs to the verdict. */
static void completed(struct scope *s, const struct culprit *by)
{
    struct special *special = &s->special;
    struct worker *w = worker_self();
    struct scope *open = w->open;
    struct said before = scopei_said_save(w);
    pthread_mutex_lock(&special->complete_lock);
    special->ok += by->code == 0;
    special->failed += by->code != 0 && by->code != SCOPE_ECANCELED;
    const struct scope_completion completion = {
        .code = by->code, .index = by->index, .task = by->task, .ok = special->ok, .failed = special->failed};
    w->open = NULL;
    w->completing = true;
    bool called __attribute__((cleanup(scopei_must_return))) = true;
    int verdict = special->on_complete(s, &completion, special->on_complete_arg);
    called = false;
    w->completing = false;
    w->open = open;
    if (verdict != 0 && verdict != SCOPE_ECANCELED)
        scopei_error_policy(w, s, verdict);
    if (verdict != 0) /* under the lock, so that it is the first verdict that counts */
        (void)scopei_cancel(s, SCOPE_REASON_COMPLETE, by);
    pthread_mutex_unlock(&special->complete_lock);
    scopei_said_restore(w, before);
}

void scopei_watched_ended(struct scope *s, const uint64_t *word, int code)
{
    const struct culprit by = culprit_of(word, code);
    if (code == 0 && scope_policy(s) == SCOPE_RACE)
        (void)scopei_cancel(s, SCOPE_REASON_WON, &by);
    if (s->special.on_complete)
        completed(s, &by);
}

/* In the place of the same task, an empty one, or that of the earliest. */
static void late_note(struct late *late, const struct scope_task *task, uint64_t ns)
{
    size_t i = 0;
    while (i < SCOPE_STRAGGLERS_KEPT - 1 && late[i].task && late[i].task != task)
        i++;
    if (ns <= late[i].ns)
        return;
    for (; i > 0 && late[i - 1].ns < ns; i--)
        late[i] = late[i - 1];
    late[i] = (struct late){task, ns};
}

void scopei_straggler_note(struct scope *s, const uint64_t *word, int code)
{
    struct special *special = &s->special;
    const struct scope_task *task = task_described(word);
    uint64_t asked = scopei_cancelled_ns(s), now = scopei_now_ns();
    if (!task || code != 0 || asked == 0 || now <= asked || scopei_cancelled_by(s) == &scopei_self)
        return; /* the last: by this task, or it was to wait for the one that did */
    pthread_mutex_lock(&special->lock);
    late_note(special->late, task, now - asked);
    pthread_mutex_unlock(&special->lock);
}

/* ----------------------------------------------------------------------------------------------------------- Limits */

/* The oldest that waits; NULL: none, and whoever asked gives its permission back. */
static struct parcel *waiting_take(struct special *special)
{
    pthread_mutex_lock(&special->lock);
    struct parcel *parcel = special->waiting;
    if (!parcel)
        special->active--;
    else if (!(special->waiting = parcel->next))
        special->waiting_end = &special->waiting;
    pthread_mutex_unlock(&special->lock);
    return parcel;
}

static int waiting_add(struct scope *s, struct task *task)
{
    struct special *special = &s->special;
    struct parcel *parcel = malloc(sizeof(*parcel));
    if (!parcel)
        return SCOPE_ENOMEM;
    scopei_event(s);
    task->word[TASK_LINEAGE] = (uint64_t)(uintptr_t)&s->root.line;
    task->word[TASK_META] |= add_relaxed(&s->spawned, 1) << TASK_INDEX_SHIFT; /* Relaxed: the join orders it. */
    (void)add_relaxed(&s->root.pending, 1); /* Relaxed: a lock comes before the task can run. */
    parcel->next = NULL;
    parcel->task = *task;
    *special->waiting_end = parcel;
    special->waiting_end = &parcel->next;
    return SCOPE_OK;
}

int scopei_limit_spawn(struct scope *s, struct task *task, bool try, bool *now)
{
    struct special *special = &s->special;
    pthread_mutex_lock(&special->lock);
    *now = special->active < special->limit;
    if (*now)
        special->active++;
    int status = *now ? SCOPE_OK : try ? SCOPE_EAGAIN : waiting_add(s, task);
    pthread_mutex_unlock(&special->lock);
    if (*now)
        task->word[TASK_META] |= TASK_LIMITED;
    return status;
}

void scopei_limit_undo(struct scope *s)
{
    struct worker *at = s->root.owner;
    struct parcel *parcel = waiting_take(&s->special);
    if (!parcel)
        return;
    parcel->task.word[TASK_META] |= TASK_LIMITED;
    scopei_inbox_append(at, parcel);
    scopei_idle_notify(at->pool, &s->root.line);
}

void scopei_limit_next(struct worker *w, struct node *node, struct scope *s)
{
    struct parcel *parcel;
    struct said before = scopei_said_save(w);
    while ((parcel = waiting_take(&s->special))) {
        alignas(16) uint64_t copy[TASK_ARG_WORDS];
        memcpy(copy, &parcel->task.word[TASK_ARG], sizeof(copy));
        scopei_task_run(w, node, s, parcel->task.word, copy);
        free(parcel);
        scopei_node_done(&s->root); /* not the last: the task that brought us here is still counted */
    }
    scopei_said_restore(w, before);
}

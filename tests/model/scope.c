/* The scopes' pieces under every interleaving: marks, tokens, nodes; in pools without threads, so executions are short. */
#include "model.h"

#include "scope/scope.h"

#include <taskscope_loop.h>
#include <taskscope_pipeline.h>

static struct scope_pool *pool, *other;
static struct scope_token *token, *stranger; /* stranger: no scope has it */
static struct atomic_u64 flag;
static uint64_t data, ran[4]; /* plain */

static struct scope_pool *pool_alone(void)
{
    struct scope_pool *made;
    const struct scope_pool_options options = {.size = sizeof(options), .workers = 1};
    MUST(scope_pool_create(&made, &options) == SCOPE_OK);
    return made;
}

static void begin(void)
{
    pool = pool_alone();
    token = scope_token_create();
    stranger = scope_token_create();
}

static int run_in(struct scope_pool *in, struct scope_token *with, unsigned flags, scope_fn *body, void *arg)
{
    const struct scope_options options = {.size = sizeof(options), .pool = in, .token = with, .flags = flags};
    return scope_run_with(&options, NULL, body, arg);
}

static int pauses(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    os_pause();
    return 0;
}

static int returns(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return 0;
}

static void stranger_cancel(void)
{
    MUST(scope_token_cancel(stranger) == 1);
}

/* --------------------------------------------------------------------------------------------------------------- Marks */

static int opens_inline(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return scope_run(pauses, NULL);
}

static int opens_closes(struct scope *s, void *arg)
{
    int status = (scope_run_with)(NULL, NULL, returns, NULL);
    (void)pauses(s, arg);
    return status;
}

static int opens_closes_inline(struct scope *s, void *arg)
{
    int status = scope_run(returns, NULL);
    (void)pauses(s, arg);
    return status;
}

static int opens_in_other(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return run_in(other, NULL, 0, opens_inline, NULL);
}

/* A frame whose last scope had its parent in a pool that is gone. */
static void begin_freed(void)
{
    begin();
    other = pool_alone();
    MUST(run_in(pool, NULL, 0, opens_in_other, NULL) == SCOPE_OK);
    MUST(scope_pool_destroy(pool) == SCOPE_OK);
}

/* Whoever sees how many frames are open sees what lies in them. */
static void open_in_other(void)
{
    MUST(run_in(other, NULL, 0, pauses, NULL) == SCOPE_OK);
}

static void open_in_other_inline(void)
{
    MUST(run_in(other, NULL, 0, opens_inline, NULL) == SCOPE_OK);
}

static void open_close_in_other(void)
{
    MUST(run_in(other, NULL, 0, opens_closes, NULL) == SCOPE_OK);
}

static void open_close_in_other_inline(void)
{
    MUST(run_in(other, NULL, 0, opens_closes_inline, NULL) == SCOPE_OK);
}

static struct scope_block outer, inner;
static struct worker *guest[3];

/* A cancelled scope, and one inside it: their frames are used again for scopes that nobody has cancelled. */
static void begin_cancelled(void)
{
    begin();
    const struct scope_options options = {.size = sizeof(options), .pool = pool, .token = token};
    outer = scope_block_begin(NULL, 0, &options, NULL);
    MUST(scope_run(pauses, NULL) == SCOPE_OK);
    inner = scope_block_begin(NULL, 0, NULL, NULL);
    MUST(scope_token_cancel(token) == 1);
    guest[0] = worker_self();
    worker_self_set(NULL);
}

static int not_cancelled(struct scope *s, void *arg)
{
    (void)arg;
    os_pause();
    MUST(!scope_cancelled(s));
    return 0;
}

static int opens_uncancelled(struct scope *s, void *arg)
{
    (void)arg;
    MUST((scope_run)(not_cancelled, NULL) == SCOPE_OK);
    MUST(!scope_cancelled(s));
    return 0;
}

static int opens_uncancelled_slowly(struct scope *s, void *arg)
{
    (void)arg;
    MUST((scope_run_with)(NULL, NULL, not_cancelled, NULL) == SCOPE_OK);
    MUST(!scope_cancelled(s));
    return 0;
}

static void end_and_run(scope_fn *body)
{
    worker_self_set(guest[0]);
    scope_block_end(&inner);
    scope_block_end(&outer);
    MUST(run_in(pool, NULL, 0, body, NULL) == SCOPE_OK);
}

static void reuse_inline(void)
{
    end_and_run(opens_uncancelled);
}

static void reuse_slowly(void)
{
    end_and_run(opens_uncancelled_slowly);
}

/* After the cancel has returned, everybody sees it. */
static int sees_cancelled(struct scope *s, void *arg)
{
    (void)arg;
    if (load_acquire(&flag)) /* pairs with: token_cancel */
        MUST(scope_cancelled(s));
    return 0;
}

static int opens_seeing(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    (void)scope_run(sees_cancelled, NULL);
    return 0;
}

static void open_under_token(void)
{
    (void)run_in(pool, token, 0, opens_seeing, NULL);
}

static void token_cancel(void)
{
    data++;
    MUST(scope_token_cancel(token) == 1);
    store_release(&flag, 1); /* pairs with: sees_cancelled */
}

static int unshields(struct scope *s, void *arg)
{
    MUST(scope_unshield(s) == SCOPE_OK);
    return sees_cancelled(s, arg);
}

static int opens_shielded(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    return run_in(pool, NULL, SCOPE_SHIELD, unshields, NULL) == SCOPE_OK ? SCOPE_OK : 0;
}

static void unshield_under_token(void)
{
    (void)run_in(pool, token, 0, opens_shielded, NULL);
}

/* -------------------------------------------------------------------------------------------------------------- Tokens */

static void begin_shared(void)
{
    token = scope_token_retain(scope_token_create());
}

static void count_call(void *arg)
{
    (void)arg;
    ran[0]++;
}

static void read_data(void *arg)
{
    count_call(arg);
    MUST(data == 1);
}

static void use_and_release(void)
{
    (void)scope_token_on_cancel(token, count_call, NULL);
    scope_token_release(token);
}

static void token_release(void)
{
    scope_token_release(token);
}

static void look_for_data(void)
{
    if (scope_token_cancelled(token))
        MUST(data == 1);
}

static void have_called(void)
{
    (void)scope_token_on_cancel(token, read_data, NULL);
}

static void called_finish(void)
{
    MUST(ran[0] == 1);
}

/* The entry that one gives back, another may use. */
static void arm_and_forget(void)
{
    struct scope_callback *callback = scope_token_on_cancel(token, count_call, &ran[model_self()]);
    MUST(callback && scope_callback_forget(callback));
}

static void ignore_call(void *arg)
{
    (void)arg;
}

static void arm_and_wait(void)
{
    struct scope_callback *callback = scope_token_on_cancel(token, ignore_call, NULL);
    if (callback)
        (void)scope_callback_forget(callback);
}

static void arm(void)
{
    (void)scope_token_on_cancel(token, ignore_call, NULL);
}

/* --------------------------------------------------------------------------------------------------------------- Nodes */

static struct proxy proxy;
static struct task stolen, child;

static int adds(struct scope *s, void *arg)
{
    (void)s;
    os_pause();
    ++*(uint64_t *)arg;
    return 0;
}

/* Spawns another, which is stolen at once; and the run goes on, without having seen the thief's request. */
static int adds_and_spawns(struct scope *s, void *arg)
{
    MUST(scope_spawn(s, adds, &ran[1]) == SCOPE_OK);
    scopei_deque_publish(&guest[1]->deque, deque_private(&guest[1]->deque));
    MUST(scopei_find(guest[2], NULL, &child));
    scopei_deque_clear(&guest[1]->deque, 1);
    store_release(&flag, 1); /* pairs with: run_child */
    return adds(s, arg);
}

/* Three guests: one has opened a scope and waits, another has stolen its task. */
static void begin_stolen(void)
{
    begin();
    for (unsigned i = 2; i > 0; i--) {
        guest[i] = scopei_guest_enter(pool, NULL);
        MUST(scopei_hooks.ready(guest[i]));
    }
    worker_self_set(NULL);
    const struct scope_options options = {.size = sizeof(options), .pool = pool};
    outer = scope_block_begin(NULL, 0, &options, NULL);
    MUST(scope_spawn(outer.scope, adds_and_spawns, &ran[0]) == SCOPE_OK);
    scopei_deque_publish(&worker_self()->deque, 1);
    MUST(scopei_find(guest[1], NULL, &stolen));
    store_relaxed(&outer.scope->root.pending, 1);
    worker_self_set(NULL);
}

static void run_stolen(void)
{
    worker_self_set(guest[1]);
    scopei_hooks.execute(guest[1], &stolen);
}

static void run_child(void)
{
    while (!load_acquire(&flag)) /* pairs with: adds_and_spawns */
        os_pause();
    worker_self_set(guest[2]);
    scopei_hooks.execute(guest[2], &child);
}

static void wait_for_all(void)
{
    while (load_acquire(&outer.scope->root.pending)) /* pairs with: scopei_node_done */
        os_pause();
    MUST(ran[0] == 1 && ran[1] == 1);
}

/* A proxy whose run has ended: two of its tasks still run, and its root waits for it. */
static void begin_left(void)
{
    begin_stolen();
    struct scope *s = outer.scope;
    proxy.node.scope = s;
    proxy.node.up = &s->root;
    proxy.node.owner = guest[1];
    store_relaxed(&proxy.node.pending, 2);
    guest[1]->proxies = NULL;
}

static void end_one(void)
{
    worker_self_set(guest[2]);
    ran[model_self() - 1]++;
    scopei_node_done(&proxy.node);
}

/* Whose proxy it is may use it again, after those who were done with it. */
static void take_back(void)
{
    while (!load_relaxed_ptr(&guest[1]->returned))
        os_pause();
    worker_self_set(guest[1]);
    MUST(scopei_hooks.ready(guest[1]) && guest[1]->proxies == &proxy);
    MUST(!proxy.next);
    proxy.node.up = NULL;
}

/* A permit counts as a task, but leaves no other trace. */
static struct atomic_ptr permit;

static int gives_permit(struct scope *s, void *arg)
{
    (void)arg;
    store_release_ptr(&permit, scope_permit_create(s)); /* pairs with: release_permit */
    os_pause();
    return 0;
}

static int runs_with_permit(struct scope *s, void *arg)
{
    (void)s;
    (void)arg;
    MUST(scope_run(pauses, NULL) == SCOPE_OK);
    MUST(scope_run(gives_permit, NULL) == SCOPE_OK);
    MUST(data == 1);
    return 0;
}

static void wait_for_permit(void)
{
    MUST(run_in(pool, NULL, 0, runs_with_permit, NULL) == SCOPE_OK);
}

static void release_permit(void)
{
    struct scope_permit *given;
    while (!(given = load_acquire_ptr(&permit))) /* pairs with: gives_permit */
        os_pause();
    data++;
    scope_permit_release(given);
}

/* ------------------------------------------------------------------------------------------------- Pipelines and loops */

#define ITEMS 3
static uint64_t box[ITEMS], made, passed, ended; /* plain */

static int source(struct scope *s, void **item, void *arg)
{
    (void)s;
    (void)arg;
    if (made < ITEMS) {
        box[made] = 1;
        *item = &box[made++];
    }
    return 0;
}

static int in_any_order(struct scope *s, void **item, void *arg)
{
    (void)s;
    (void)arg;
    os_pause();
    MUST(++*(uint64_t *)*item == 2);
    passed++;
    return 0;
}

static int in_order(struct scope *s, void **item, void *arg)
{
    (void)s;
    (void)arg;
    os_pause();
    MUST(*item == &box[ended++]);
    return 0;
}

/* Only the first item has to get somewhere; the second fails. */
static int second_fails(struct scope *s, void **item, void *arg)
{
    (void)s;
    (void)arg;
    os_pause();
    return *item == &box[0] ? 0 : 7;
}

/* A scope, and somebody who looks for tasks of it. */
static void begin_open(void)
{
    begin();
    guest[1] = scopei_guest_enter(pool, NULL);
    MUST(scopei_hooks.ready(guest[1]));
    worker_self_set(NULL);
    const struct scope_options options = {.size = sizeof(options), .pool = pool, .policy = SCOPE_COLLECT};
    outer = scope_block_begin(NULL, 0, &options, NULL);
    guest[0] = worker_self();
    store_relaxed(&pool->idle.searching, 1);
    worker_self_set(NULL);
}

static void pipe_two(const struct scope_stage *stages, size_t count, int status)
{
    worker_self_set(guest[0]);
    MUST(scope_pipeline(outer.scope, stages, count, 2, NULL) == status);
    store_relaxed(&flag, 1);
}

static void pipe_serial(void)
{
    static const struct scope_stage stages[] = {{.fn = source}, {.kind = SCOPE_STAGE_SERIAL, .fn = in_any_order}};
    pipe_two(stages, 2, SCOPE_OK);
    MUST(made == ITEMS && passed == ITEMS);
}

static void pipe_in_order(void)
{
    static const struct scope_stage stages[] = {{.fn = source}, {.kind = SCOPE_STAGE_IN_ORDER, .fn = in_order}};
    pipe_two(stages, 2, SCOPE_OK);
    MUST(made == ITEMS && ended == ITEMS);
}

static void pipe_failing(void)
{
    static const struct scope_stage stages[] = {{.fn = source}, {.fn = second_fails}};
    pipe_two(stages, 2, 7);
}

static int items_fail(struct scope *s, size_t first, size_t end, void *arg)
{
    (void)s;
    (void)arg;
    for (size_t i = first; i < end; i++)
        box[i]++;
    os_pause();
    return 7;
}

static void loop_failing(void)
{
    worker_self_set(guest[0]);
    MUST(scope_for(outer.scope, 0, ITEMS, items_fail, NULL) == 7);
    for (unsigned i = 0; i < ITEMS; i++)
        MUST(box[i] <= 1);
    store_relaxed(&flag, 1);
}

static size_t find_from_one(struct scope *s, size_t first, size_t end, void *arg)
{
    (void)s;
    (void)arg;
    os_pause();
    return first > 0 || end < 2 ? first > 0 ? first : end : 1;
}

static void loop_finding(void)
{
    size_t found = 0;
    worker_self_set(guest[0]);
    MUST(scope_find(outer.scope, 0, ITEMS, find_from_one, NULL, &found) == SCOPE_OK && found == 1);
    store_relaxed(&flag, 1);
}

static void steal_tasks(void)
{
    struct task task;
    worker_self_set(guest[1]);
    while (!load_relaxed(&flag)) {
        scopei_request_all(guest[1]);
        if (scopei_hooks.ready(guest[1]) && scopei_find(guest[1], NULL, &task))
            scopei_hooks.execute(guest[1], &task);
        os_pause();
    }
}

/* The errors of a scope, which two hold. */
static struct scope_errors *errors;

static void begin_errors(void)
{
    errors = scopei_errors_create();
    scopei_errors_retain(errors);
}

static void errors_free(void)
{
    MUST(errors->kept == 0);
    scope_errors_free(errors);
}

#define FREED .setup = begin_freed

const struct scenario scope_scenarios[] = {
    {"mark_freed_open", FREED, .thread = {stranger_cancel, open_in_other}, .bound = 3},
    {"mark_freed_open_inline", FREED, .thread = {stranger_cancel, open_in_other_inline}, .bound = 3},
    {"mark_freed_close", FREED, .thread = {stranger_cancel, open_close_in_other}, .bound = 3},
    {"mark_freed_close_inline", FREED, .thread = {stranger_cancel, open_close_in_other_inline}, .bound = 3},
    {"mark_reused_inline", .setup = begin_cancelled, .thread = {stranger_cancel, reuse_inline}, .bound = 3},
    {"mark_reused_slowly", .setup = begin_cancelled, .thread = {stranger_cancel, reuse_slowly}, .bound = 3},
    {"mark_open", .setup = begin, .thread = {open_under_token, token_cancel}, .bound = 3},
    {"mark_open_fenced", .setup = begin, .thread = {open_under_token, token_cancel}, .bound = 3, .barrier_fails = true},
    {"mark_unshield", .setup = begin, .thread = {unshield_under_token, token_cancel}, .bound = 3},
    {"mark_unshield_fenced", .setup = begin, .thread = {unshield_under_token, token_cancel}, .bound = 3,
     .barrier_fails = true},
    {"token_release", .setup = begin_shared, .thread = {use_and_release, token_release}, .bound = 3},
    {"token_data", .setup = begin_shared, .thread = {look_for_data, token_cancel}, .bound = 3},
    {"token_callback", .setup = begin_shared, .finish = called_finish, .thread = {have_called, token_cancel},
     .bound = 3},
    {"token_callback_fenced", .setup = begin_shared, .finish = called_finish, .thread = {have_called, token_cancel},
     .bound = 3, .barrier_fails = true},
    {"token_callback_again", .setup = begin_shared, .thread = {arm_and_forget, arm_and_forget}, .bound = 3},
    {"token_callback_used_again", .setup = begin_shared, .thread = {arm_and_wait, token_cancel, arm}, .bound = 3},
    {"node_left", .setup = begin_stolen, .thread = {wait_for_all, run_stolen, run_child}, .bound = 3},
    {"node_done", .setup = begin_left, .thread = {wait_for_all, end_one, end_one}, .bound = 3},
    {"node_taken_back", .setup = begin_left, .thread = {take_back, end_one, end_one}, .bound = 3},
    {"node_permit", .setup = begin, .thread = {wait_for_permit, release_permit}, .bound = 3},
    {"node_errors", .setup = begin_errors, .thread = {errors_free, errors_free}, .bound = 3},
    {"loop_failing", .setup = begin_open, .thread = {loop_failing, steal_tasks}, .bound = 2},
    {"loop_finding", .setup = begin_open, .thread = {loop_finding, steal_tasks}, .bound = 2},
    {"pipe_serial", .setup = begin_open, .thread = {pipe_serial, steal_tasks}, .bound = 2},
    {"pipe_in_order", .setup = begin_open, .thread = {pipe_in_order, steal_tasks}, .bound = 2},
    {"pipe_failing", .setup = begin_open, .thread = {pipe_failing, steal_tasks}, .bound = 2},
    {.name = NULL},
};

/* Fuzzing of the public calls: runs the programs of fuzz_program.h.  Blocks and stages count what happens to them; when a scope has
 * ended that must be what its report says, and what fuzz_oracle.h has found to be possible. */
#include "tests/check.h"
#include "tests/fuzz_driver.h"
#include "tests/fuzz_loops.h"
#include "tests/fuzz_oracle.h"
#include "tests/scope_check.h"

#include <pthread.h>
#include <sched.h>

#define HOUR_NS ((uint64_t)3600 * 1000000000)
#define NEAR_NS 30000
#define PATIENCE_NS ((uint64_t)20 * 1000000000)

static struct program program;
static const int keys[KEYS] = {0};
static bool alone; /* the pool has one worker */
static uint64_t epoch;

/* A block that is being run. */
struct run {
    struct program *p;
    struct block *block;
    struct stage *stage;
    struct scope *s;
    int status; /* of the last scope that it ran */
    int told;   /* as block->told, so far */
};

/* A block as an argument that is copied. */
struct parcel {
    struct block *block;
    uint32_t filling[24];
};
enum { SHORT_PARCEL = 32 };

static void block_run(struct run *run);
static int block_end(struct run *run);

/* --------------------------------------------------------------------------------------------------------- What holds */

/* True for each pair of stages, from inner to outer, that no shield stands between. */
static bool stage_reached(const struct program *p, const struct stage *inner, const struct stage *outer)
{
    for (; inner != outer; inner = &p->stages[inner->parent])
        if (inner->shield)
            return false;
    return true;
}

/* The caller was the first to cancel target, so all that it is inside of, up to there, is cancelled. */
static void cancelled_check(const struct run *run, const struct stage *target)
{
    for (const struct stage *stage = run->stage;; stage = &run->p->stages[stage->parent]) {
        CHECK(!stage_reached(run->p, stage, target) || scope_cancelled(stage->s));
        if (stage == target)
            return;
    }
}

static void reason_check(const struct stage *stage, enum scope_reason reason)
{
    if (!CHECK(reason == SCOPE_REASON_NONE || stage->reasons & 1u << reason))
        printf("# stage %d: reason %d, possible %#x\n", (int)(stage - stage->program->stages), (int)reason,
               stage->reasons);
}

/* The earliest deadline of the stage and those around it; false: it changes. */
static bool deadline_of(const struct program *p, const struct stage *stage, uint64_t *deadline_ns)
{
    *deadline_ns = 0;
    for (;; stage = &p->stages[stage->parent]) {
        if (stage->resets || stage->unshields)
            return false;
        if (stage->deadline_ns && (!*deadline_ns || stage->deadline_ns < *deadline_ns))
            *deadline_ns = stage->deadline_ns;
        if (stage->shield || stage == p->stages)
            return true;
    }
}

static void look(const struct run *run, const struct step *step)
{
    const struct stage *stage = &run->p->stages[step->stage], *setter = stage;
    uint64_t deadline_ns;
    if (deadline_of(run->p, stage, &deadline_ns))
        CHECK(scope_deadline(stage->s) == deadline_ns);
    while (setter->local != step->n + 1u && setter != run->p->stages)
        setter = &run->p->stages[setter->parent];
    const void *value = setter->local == step->n + 1u ? setter : NULL;
    CHECK(scope_local_value(stage->s, &keys[step->n]) == value);
    reason_check(stage, scope_reason(stage->s));
}

/* -------------------------------------------------------------------------------------------------------------- Tasks */

/* A task begins, and has ended. */
static void task_enter(struct stage *stage, const struct scope *s, bool anyway)
{
    struct counts *count = &stage->count;
    CHECK(s == stage->s && !atomic_load(&stage->closed));
    atomic_fetch_add(&count->ran, 1);
    unsigned running = atomic_fetch_add(&count->running, 1) + 1;
    CHECK(!stage->limit || running <= stage->limit);
    if (alone && !anyway && !stage->program->timed && !stage->program->foreign)
        CHECK(!scope_cancelled(s));
}

static void task_leave(struct stage *stage, int code)
{
    struct counts *count = &stage->count;
    CHECK(!atomic_load(&stage->closed));
    atomic_fetch_add(code == 0 ? &count->ok : code == SCOPE_ECANCELED ? &count->cancelled : &count->failed, 1);
    atomic_fetch_sub(&count->running, 1);
}

static int task_perform(struct scope *s, struct block *block)
{
    struct stage *stage = &block->program->stages[block->stage];
    struct run run = {.p = block->program, .block = block, .stage = stage, .s = s};
    if (!CHECK_EQ_INT(atomic_fetch_add(&block->ran, 1), 0))
        fuzz_figures.doubled++;
    task_enter(stage, s, block->anyway);
    block_run(&run);
    int code = block_end(&run);
    atomic_fetch_add(&block->ended, 1);
    task_leave(stage, code);
    return code;
}

static int task_pointer(struct scope *s, void *arg)
{
    return task_perform(s, arg);
}

static uint32_t filling_of(const struct block *block, size_t i)
{
    return (uint32_t)((size_t)(block - block->program->blocks) * 31 + i);
}

static void parcel_check(const struct parcel *parcel)
{
    size_t size = parcel->block->manner == BY_LONG_COPY || parcel->block->manner == DESCRIBED_LONG ? sizeof(*parcel)
                                                                                                   : SHORT_PARCEL;
    for (size_t i = 0; i < (size - offsetof(struct parcel, filling)) / sizeof(uint32_t); i++)
        CHECK(parcel->filling[i] == filling_of(parcel->block, i));
}

static int task_copied(struct scope *s, void *arg)
{
    const struct parcel *parcel = arg;
    parcel_check(parcel);
    return task_perform(s, parcel->block);
}

static void dispose_pointer(void *arg)
{
    struct block *block = arg;
    CHECK_EQ_INT(atomic_fetch_add(&block->disposed, 1), 0);
    CHECK_EQ_INT(atomic_load(&block->ran), atomic_load(&block->ended));
    CHECK(!atomic_load(&block->program->stages[block->stage].closed));
}

static void dispose_copied(void *arg)
{
    const struct parcel *parcel = arg;
    parcel_check(parcel);
    dispose_pointer(parcel->block);
}

/* [disposes][anyway][pointer, short, long] */
#define POINTER(disposer, set)                                                                                         \
    {                                                                                                                  \
        .name = "pointer", .file = __FILE__, .line = __LINE__, .fn = task_pointer, .dispose = disposer, .flags = (set) \
    }
#define COPIED(disposer, set, bytes)                                                              \
    {                                                                                             \
        .name = "copied", .fn = task_copied, .dispose = disposer, .flags = (set), .copy = (bytes) \
    }
static const struct scope_task described[2][2][3] = {
    {{POINTER(NULL, 0), COPIED(NULL, 0, SHORT_PARCEL), COPIED(NULL, 0, sizeof(struct parcel))},
     {POINTER(NULL, 1), COPIED(NULL, 1, SHORT_PARCEL), COPIED(NULL, 1, sizeof(struct parcel))}},
    {{POINTER(dispose_pointer, 0), COPIED(dispose_copied, 0, SHORT_PARCEL),
      COPIED(dispose_copied, 0, sizeof(struct parcel))},
     {POINTER(dispose_pointer, 1), COPIED(dispose_copied, 1, SHORT_PARCEL),
      COPIED(dispose_copied, 1, sizeof(struct parcel))}},
};

/* The block's task, with its argument in parcel if it is copied. */
static const struct scope_task *block_task(struct block *block, struct parcel *parcel)
{
    static const unsigned shapes[MANNERS] = {0, 1, 2, 0, 1, 2, 0};
    parcel->block = block;
    for (size_t i = 0; i < sizeof(parcel->filling) / sizeof(uint32_t); i++)
        parcel->filling[i] = filling_of(block, i);
    return &described[block->dispose][block->anyway][shapes[block->manner]];
}

/* -------------------------------------------------------------------------------------------------------------- Spawns */

static int spawn_tried(struct scope *s, const struct stage *stage, const struct scope_task *task, struct block *block)
{
    int status = scope_try_spawn(s, task, block);
    if (status != SCOPE_EAGAIN)
        return status;
    CHECK(stage->limit > 0);
    CHECK_EQ_INT(atomic_load(&block->disposed), 0);
    return scope_spawn_task(s, task, block);
}

static int spawn_call(struct scope *s, const struct stage *stage, struct block *block)
{
    struct parcel parcel;
    const struct scope_task *task = block_task(block, &parcel);
    switch (block->manner) {
    case BY_POINTER:
        return scope_spawn(s, task_pointer, block);
    case BY_COPY:
        return scope_spawn_copy(s, task_copied, &parcel, SHORT_PARCEL);
    case BY_LONG_COPY:
        return scope_spawn_copy(s, task_copied, &parcel, sizeof(parcel));
    case TRIED:
        return spawn_tried(s, stage, task, block);
    default:
        return scope_spawn_task(s, task, task->copy ? (void *)&parcel : block);
    }
}

/* stopped: somebody had cancelled the scope before. */
static void spawn_counts(struct stage *stage, unsigned n, int status, bool anyway, bool stopped)
{
    CHECK(status == SCOPE_OK || (status == SCOPE_ECANCELED && !anyway && scope_cancelled(stage->s)));
    CHECK(!stopped || anyway || status == SCOPE_ECANCELED);
    atomic_fetch_add(status == SCOPE_OK ? &stage->count.accepted : &stage->count.refused, n);
}

static void block_spawn(struct program *p, struct block *block)
{
    struct stage *stage = &p->stages[block->stage];
    bool stopped = atomic_load(&stage->count.stopped);
    block->attempted = true;
    int status = spawn_call(stage->s, stage, block);
    block->accepted = status == SCOPE_OK;
    spawn_counts(stage, 1, status, block->anyway, stopped);
}

static int leaf_run(struct scope *s, void *arg)
{
    struct leaf *leaf = arg;
    if (!CHECK_EQ_INT(atomic_fetch_add(&leaf->ran, 1), 0))
        fuzz_figures.doubled++;
    task_enter(leaf->stage, s, false);
    if (leaf->code)
        stage_told(leaf->stage, leaf->code);
    task_leave(leaf->stage, leaf->code);
    return leaf->code;
}

static int leaf_copied(struct scope *s, void *arg)
{
    struct leaf *const *leaf = arg;
    return leaf_run(s, leaf[0]);
}

static int leaf_spawn(struct scope *s, struct leaf *leaf, unsigned how)
{
    static const SCOPE_DESCRIBE(leaf_described, .fn = leaf_run);
    struct leaf *const copies[5] = {leaf, NULL, NULL, NULL, leaf};
    switch (how % 4) {
    case 0:
        return scope_spawn(s, leaf_run, leaf);
    case 1:
        return scope_spawn_copy(s, leaf_copied, copies, sizeof(copies[0]));
    case 2:
        return scope_spawn_copy(s, leaf_copied, copies, sizeof(copies));
    default:
        return scope_spawn_task(s, &leaf_described, leaf);
    }
}

static void burst(struct run *run, const struct step *step)
{
    struct stage *stage = &run->p->stages[step->stage];
    for (unsigned i = 0; i < step->n; i++) {
        struct leaf *leaf = &run->p->leaves[step->leaf + i];
        bool stopped = atomic_load(&stage->count.stopped);
        leaf->stage = stage;
        leaf->code = i == step->bad ? step->code : 0;
        int status = leaf_spawn(stage->s, leaf, step->how);
        spawn_counts(stage, 1, status, false, stopped);
    }
}

/* ------------------------------------------------------------------------------------------------------------ Permits */

/* A thread that is no worker: takes one permit at a time, and what is to be done with it. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct scope_permit *permit;
    struct block *block;
} courier = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void permit_spawn(struct scope_permit *permit, struct block *block)
{
    struct parcel parcel;
    struct stage *stage = &block->program->stages[block->stage];
    const struct scope_task *task = block_task(block, &parcel);
    bool described_too = block->manner >= DESCRIBED, stopped = atomic_load(&stage->count.stopped);
    block->attempted = true;
    int status = described_too ? scope_permit_spawn_task(permit, task, task->copy ? (void *)&parcel : block)
                               : scope_permit_spawn(permit, task_pointer, block);
    block->accepted = status == SCOPE_OK;
    spawn_counts(stage, 1, status, block->anyway, stopped);
}

static void *courier_main(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&courier.lock);
    for (;;) {
        while (!courier.permit)
            pthread_cond_wait(&courier.changed, &courier.lock);
        struct program *p = courier.block->program;
        permit_spawn(courier.permit, courier.block);
        scope_permit_release(courier.permit);
        courier.permit = NULL;
        atomic_fetch_sub(&p->abroad, 1);
    }
    return NULL;
}

/* False: it has one already. */
static bool courier_send(struct program *p, struct scope_permit *permit, struct block *block)
{
    if (pthread_mutex_trylock(&courier.lock) != 0)
        return false;
    bool sent = courier.permit == NULL;
    if (sent) {
        atomic_fetch_add(&p->abroad, 1);
        courier.permit = permit;
        courier.block = block;
        pthread_cond_signal(&courier.changed);
    }
    pthread_mutex_unlock(&courier.lock);
    return sent;
}

static void permit_use(struct run *run, const struct step *step)
{
    struct stage *stage = &run->p->stages[step->stage];
    struct block *block = &run->p->blocks[step->a];
    bool stopped = atomic_load(&stage->count.stopped);
    struct scope_permit *permit = scope_permit_create(stage->s);
    if (!CHECK(permit ? !stopped : scope_cancelled(stage->s)) || !permit)
        return;
    if (step->how % 8 == 7) {
        atomic_fetch_add(&stage->count.firsts, (unsigned)scope_permit_cancel(permit));
        CHECK(scope_permit_cancelled(permit));
        atomic_store(&stage->count.stopped, true);
    }
    if (step->how % 4 == 3 && courier_send(run->p, permit, block))
        return;
    permit_spawn(permit, block);
    scope_permit_release(permit);
}

/* ------------------------------------------------------------------------------------------------------- Forks, typed */

static int branch_run(struct scope *s, void *arg)
{
    struct block *block = arg;
    struct stage *stage = &block->program->stages[block->stage];
    struct run run = {.p = block->program, .block = block, .stage = stage, .s = s};
    CHECK(s == stage->s && !atomic_load(&stage->closed));
    CHECK_EQ_INT(atomic_fetch_add(&block->ran, 1), 0);
    block_run(&run);
    int code = block_end(&run);
    atomic_fetch_add(&block->ended, 1);
    block->code = code;
    block->told = run.told;
    return code;
}

/* The one that others may steal, and that is not called if the scope is cancelled. */
static int forked_run(struct scope *s, void *arg)
{
    const struct program *p = ((struct block *)arg)->program;
    if (alone && !p->timed && !p->foreign)
        CHECK(!scope_cancelled(s));
    return branch_run(s, arg);
}

static void fork_run(struct run *run, const struct step *step)
{
    struct block *f = &run->p->blocks[step->a], *g = &run->p->blocks[step->b];
    int code = scope_fork2(run->s, forked_run, f, branch_run, g);
    if (run->block->kind == BLOCK_TYPED) {
        CHECK_EQ_INT(code, SCOPE_EPERM);
        CHECK_EQ_INT(f->ran + g->ran, 0);
        return;
    }
    CHECK_EQ_INT(g->ended, 1);
    CHECK_EQ_INT(f->ran, f->ended);
    CHECK(f->ran || scope_cancelled(run->s));
    CHECK_EQ_INT(code, g->code ? g->code : f->ran ? f->code : SCOPE_ECANCELED);
    run->told = f->told ? f->told : g->told ? g->told : run->told; /* as a call's */
}

struct tree {
    struct block *block;
    unsigned depth, index;
};

SCOPE_TASK(uint64_t, typed_tree, struct tree);

static uint64_t typed_tree(struct scope_strand strand, struct tree tree)
{
    struct tree near = {tree.block, tree.depth - 1, 2 * tree.index}, far = {tree.block, tree.depth - 1, near.index + 1};
    if (tree.depth == 0 && tree.index == 0)
        (void)branch_run(scope_of(strand), tree.block);
    if (tree.depth == 0)
        return tree.index + 1;
    typed_tree_fork(&strand, far);
    uint64_t sum = typed_tree(strand, near);
    return sum + typed_tree_join(&strand);
}

static void typed_run(struct run *run, const struct step *step)
{
    uint64_t leaves = (uint64_t)1 << step->n, all = leaves * (leaves + 1) / 2;
    uint64_t sum = typed_tree_call(run->s, (struct tree){&run->p->blocks[step->a], step->n, 0});
    CHECK(sum == all || (sum < all && scope_cancelled(run->s)));
}

/* ------------------------------------------------------------------------------------------------- Cancelling, failing */

static void cancel(struct run *run, const struct step *step)
{
    struct stage *stage = &run->p->stages[step->stage];
    int first = scope_cancel(stage->s);
    CHECK(first == 0 || first == 1);
    CHECK(scope_cancelled(stage->s));
    atomic_fetch_add(&stage->count.firsts, (unsigned)first);
    atomic_store(&stage->count.stopped, true);
    if (first == 1)
        cancelled_check(run, stage);
}

static void fail(struct run *run, const struct step *step)
{
    struct stage *stage = &run->p->stages[step->stage];
    stage_told(stage, step->code);
    CHECK_EQ_INT(scope_fail(stage->s, step->code, "step %d", (int)(step - run->p->steps)), step->code);
    CHECK(stage->policy != SCOPE_FAIL_FAST || scope_cancelled(stage->s));
    if (stage == run->stage)
        run->told = step->code;
}

static void token_cancel(struct run *run, const struct step *step)
{
    int first = scope_token_cancel(run->p->token[step->n]);
    CHECK(first == 0 || first == 1);
    CHECK(scope_token_cancelled(run->p->token[step->n]));
    const struct stage *stage = run->stage;
    for (bool outermost = false; first == 1 && !outermost; stage = &run->p->stages[stage->parent]) {
        CHECK(stage->token != step->n + 1u || scope_cancelled(stage->s));
        outermost = stage == run->p->stages;
    }
}

static void deadline_move(struct run *run, const struct step *step)
{
    if (run->block->kind != BLOCK_BODY)
        return;
    uint64_t deadline_ns = step->how == 0 ? 0 : step->how == 1 ? epoch + HOUR_NS : scope_now_ns();
    CHECK_EQ_INT(scope_set_deadline(run->s, deadline_ns), SCOPE_OK);
    if (step->how == 1)
        CHECK(scope_deadline(run->s) != 0);
    if (step->how == 2)
        CHECK(scope_cancelled(run->s));
}

static void unshield(const struct run *run)
{
    const struct stage *parent = &run->p->stages[run->stage->parent];
    bool cancelled = scope_cancelled(parent->s);
    CHECK_EQ_INT(scope_unshield(run->s), SCOPE_OK);
    CHECK(!cancelled || scope_cancelled(run->s));
}

static void wait_for_deadline(const struct run *run)
{
    const struct stage *stage = run->stage;
    if ((stage->deadline != NEAR && stage->deadline != PAST) || stage->resets)
        return;
    uint64_t begun = scope_now_ns();
    while (!scope_cancelled(run->s) && CHECK(scope_now_ns() - begun < PATIENCE_NS))
        sched_yield();
}

static void misuse_dispose(void *arg)
{
    ++*(int *)arg;
}

/* Nothing of this does anything. */
static void misuse(const struct run *run, const struct step *step)
{
    static const SCOPE_DESCRIBE(wrong, .fn = task_pointer, .dispose = misuse_dispose, .flags = 8);
    struct scope *s = run->s, *parent = run->p->stages[run->stage->parent].s;
    struct scope_options options = scope_options_init();
    int disposed = 0;
    options.size = step->how % 2 ? sizeof(options) : 1;
    options.flags = step->how % 2 ? 2 : 0;
    CHECK_EQ_INT((scope_run_with)(&options, NULL, task_pointer, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn(s, NULL, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn(NULL, task_pointer, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_copy(s, task_copied, &disposed, step->how % 2 ? 0 : SCOPE_COPY_MAX + 1), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_spawn_task(s, &wrong, &disposed), SCOPE_EINVAL);
    CHECK_EQ_INT(disposed, 1);
    CHECK_EQ_INT(scope_cancel(NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort(s, NULL, 1, 1, element_compare, NULL), SCOPE_EINVAL);
    if (parent != s)
        CHECK_EQ_INT(scope_fork2(parent, task_pointer, NULL, task_pointer, NULL), SCOPE_EPERM);
    if (parent != s)
        CHECK_EQ_INT(scope_for(parent, 0, 1, see_range, NULL), SCOPE_EPERM);
}

static void algorithm(struct run *run, const struct step *step)
{
    bool own = run->block->kind != BLOCK_TYPED && step->salt % 2 == 0;
    int status = algorithm_run(step, own ? run->s : NULL, run->stage);
    if (own && status != SCOPE_OK && status != SCOPE_ECANCELED)
        run->told = status;
}

/* ------------------------------------------------------------------------------------------------------------- Scopes */

/* Called with the scope's lock: nothing of this is atomic. */
static int on_complete(struct scope *s, const struct scope_completion *completion, void *arg)
{
    struct stage *stage = arg;
    CHECK(s == stage->s && !stage->inside);
    stage->inside = true;
    stage->completed_ok += completion->code == 0;
    stage->completed_failed += completion->code != 0 && completion->code != SCOPE_ECANCELED;
    CHECK_EQ_INT(completion->ok, stage->completed_ok);
    CHECK_EQ_INT(completion->failed, stage->completed_failed);
    bool acts = ++stage->completions == stage->verdict_at;
    if (acts && stage->extra)
        block_spawn(stage->program, &stage->program->blocks[stage->extra]);
    if (acts && stage->verdict > 0)
        stage_told(stage, stage->verdict);
    stage->inside = false;
    return acts ? stage->verdict : 0;
}

static uint64_t deadline_make(const struct stage *stage)
{
    switch (stage->deadline) {
    case FAR:
        return epoch + HOUR_NS + (uint64_t)(stage - stage->program->stages) % 3;
    case NEAR:
        return scope_now_ns() + NEAR_NS;
    case PAST:
        return epoch;
    default:
        return 0;
    }
}

static struct scope_options options_make(struct stage *stage)
{
    struct scope_options options = scope_options_init();
    stage->deadline_ns = deadline_make(stage);
    stage->locals = (struct scope_local){&keys[(stage->local + KEYS - 1) % KEYS], stage, NULL};
    options.name = stage->local ? "local" : NULL;
    options.policy = stage->policy;
    options.flags = stage->shield ? SCOPE_SHIELD : 0;
    options.limit = stage->limit;
    options.token = stage->token ? stage->program->token[stage->token - 1] : NULL;
    options.deadline_ns = stage->deadline_ns;
    options.locals = stage->local ? &stage->locals : NULL;
    options.pool = stage->second_pool ? fuzz_single : NULL;
    options.on_complete = stage->completes ? on_complete : NULL;
    options.on_complete_arg = stage;
    return options;
}

/* It is cancelled from the beginning. */
static bool stage_doomed(const struct stage *stage)
{
    const struct stage *parent = &stage->program->stages[stage->parent];
    return stage->deadline == PAST || (stage != parent && !stage->shield && scope_cancelled(parent->s)) ||
           (stage->token && scope_token_cancelled(stage->program->token[stage->token - 1]));
}

static int body_run(struct scope *s, void *arg)
{
    struct stage *stage = arg;
    struct block *block = &stage->program->blocks[stage->body];
    struct run run = {.p = stage->program, .block = block, .stage = stage, .s = s};
    bool doomed = stage->body_code;
    stage->s = s;
    CHECK(!doomed || scope_cancelled(s));
    reason_check(stage, scope_reason(s));
    atomic_fetch_add(&block->ran, 1);
    block_run(&run);
    stage->body_code = block_end(&run);
    atomic_fetch_add(&block->ended, 1);
    return stage->body_code;
}

static void told_check(struct stage *stage, const struct scope_errors *group)
{
    unsigned different = 0, listed = 0;
    for (int i = 0; i < CODES + STATUSES; i++)
        different += stage->count.told[i] != 0;
    for (int i = 0; i < SCOPE_CODES_KEPT && group->codes[i].count; i++) {
        int code = group->codes[i].code;
        CHECK_EQ_INT(group->codes[i].count, stage->count.told[code > 0 ? code : CODES + SCOPE_ERROR - code]);
        listed++;
    }
    CHECK_EQ_INT(listed, different < SCOPE_CODES_KEPT ? different : SCOPE_CODES_KEPT);
    CHECK_EQ_INT(group->total, stage->count.errors);
    for (uint64_t i = 0; i < group->kept; i++)
        CHECK((group->errors[i].code == SCOPE_ERROR) == (group->errors[i].nested != NULL));
}

/* What a scope with these counts returns. */
static int status_of(const struct stage *stage, enum scope_reason reason)
{
    if (reason == SCOPE_REASON_WON)
        return SCOPE_OK;
    if (stage->count.errors)
        return SCOPE_ERROR;
    if (reason == SCOPE_REASON_DEADLINE)
        return SCOPE_TIMEOUT;
    if (reason != SCOPE_REASON_NONE || stage->count.cancelled || stage->body_code == SCOPE_ECANCELED)
        return SCOPE_ECANCELED;
    return stage->policy == SCOPE_RACE ? SCOPE_ENOWINNER : SCOPE_OK;
}

/* The reasons that there were for certain. */
static bool must_be_cancelled(const struct stage *stage)
{
    const struct counts *count = &stage->count;
    bool body_failed = stage->body_code != 0 && stage->body_code != SCOPE_ECANCELED;
    return body_failed || atomic_load(&count->stopped) || (stage->policy == SCOPE_FAIL_FAST && count->errors) ||
           (stage->policy == SCOPE_RACE && count->ok) ||
           (stage->completes && stage->verdict && stage->completions >= stage->verdict_at);
}

static void report_compare(struct stage *stage, const struct scope_report *report)
{
    const struct counts *count = &stage->count;
    char text[200];
    check_report(report);
    CHECK_EQ_INT(report->spawned, count->accepted);
    CHECK_EQ_INT(report->ok, count->ok);
    CHECK_EQ_INT(report->failed, count->failed);
    CHECK_EQ_INT(report->cancelled, count->cancelled);
    if (!CHECK_EQ_INT(report->skipped, count->accepted - count->ran))
        fuzz_figures.lost += report->spawned - report->skipped > count->ran;
    CHECK_EQ_INT(report->status, status_of(stage, report->reason));
    CHECK(report->reason != SCOPE_REASON_NONE || count->refused + report->skipped == 0);
    CHECK(report->reason != SCOPE_REASON_NONE || !must_be_cancelled(stage));
    CHECK_EQ_INT(report->reason == SCOPE_REASON_EXPLICIT, count->firsts);
    CHECK(report->reason != SCOPE_REASON_WON || (report->cause.code == 0 && count->ok > 0));
    CHECK(report->reason != SCOPE_REASON_BODY || report->cause.code == stage->body_code);
    CHECK(report->reason != SCOPE_REASON_SIBLING || report->cause.code != 0);
    CHECK(report->quiet_ns == 0 || report->reason != SCOPE_REASON_NONE);
    reason_check(stage, report->reason);
    told_check(stage, &report->group);
    CHECK(scope_report_print(report, text, sizeof(text)) > 0);
}

/* Without a report. */
static void status_compare(struct stage *stage, int status)
{
    const struct counts *count = &stage->count;
    CHECK_EQ_INT(status == SCOPE_ERROR, count->errors > 0);
    CHECK(status != SCOPE_OK || (count->accepted == count->ran && count->refused == 0 && count->cancelled == 0));
    CHECK(status != SCOPE_OK || !must_be_cancelled(stage));
    CHECK(status != SCOPE_TIMEOUT || stage->reasons & REASON(DEADLINE));
    CHECK(status != SCOPE_ECANCELED || stage->reasons || count->cancelled || stage->body_code == SCOPE_ECANCELED);
}

static void stage_compare(struct stage *stage, int status, const struct scope_report *report)
{
    const struct counts *count = &stage->count;
    CHECK_EQ_INT(count->running, 0);
    CHECK_EQ_INT(stage->program->blocks[stage->body].ended, 1);
    CHECK(!stage->completes || stage->completions == count->ran);
    if (!CHECK(count->ran >= stage->least))
        fuzz_figures.lost += stage->least - count->ran;
    CHECK(count->ran <= stage->most && count->accepted + count->refused <= stage->most);
    if (report)
        report_compare(stage, report);
    else
        status_compare(stage, status);
}

static int stage_open(struct stage *stage, struct scope_report *report)
{
    struct scope_options options = options_make(stage);
    int status = SCOPE_OK;
    stage->body_code = stage_doomed(stage); /* for body_run to see */
    if (stage->opening == PLAIN)
        return scope_run(body_run, stage);
    if (stage->opening != AS_BLOCK)
        return scope_run_with(&options, stage->opening == WITH_REPORT ? report : NULL, body_run, stage);
    SCOPE(s, &options, &status)
    (void)body_run(s, stage);
    return status;
}

/* Runs the scope, and all that is in it. */
static int stage_run(struct stage *stage)
{
    struct scope_report report = scope_report_init();
    int status = stage_open(stage, &report);
    atomic_store(&stage->closed, true);
    stage_compare(stage, status, stage->opening == WITH_REPORT ? &report : NULL);
    scope_report_fini(&report);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------- Blocks */

static void step_run(struct run *run, const struct step *step)
{
    struct program *p = run->p;
    switch (step->kind) {
    case STEP_SPAWN:
        return block_spawn(p, &p->blocks[step->a]);
    case STEP_BURST:
        return burst(run, step);
    case STEP_SCOPE:
        run->status = stage_run(&p->stages[step->stage]);
        return;
    case STEP_FORK:
        return fork_run(run, step);
    case STEP_TYPED:
        return typed_run(run, step);
    case STEP_PERMIT:
        return permit_use(run, step);
    case STEP_CANCEL:
        return cancel(run, step);
    case STEP_FAIL:
        return fail(run, step);
    case STEP_TOKEN:
        return token_cancel(run, step);
    case STEP_DEADLINE:
        return deadline_move(run, step);
    case STEP_UNSHIELD:
        return unshield(run);
    case STEP_WAIT:
        return wait_for_deadline(run);
    case STEP_LOOK:
        return look(run, step);
    case STEP_MISUSE:
        return misuse(run, step);
    default:
        return algorithm(run, step);
    }
}

static void block_run(struct run *run)
{
    for (const struct step *step = step_at(run->p, run->block->first); step; step = step_at(run->p, step->next))
        step_run(run, step);
}

/* True if the scope records the code that the block returns, if it is an error. */
static bool block_counts(const struct run *run)
{
    bool task = run->block->kind == BLOCK_TASK;
    return task || (run->block->kind == BLOCK_BODY && run->stage->opening != AS_BLOCK);
}

/* What the block returns, and what of that the scope is told. */
static int block_end(struct run *run)
{
    const struct block *block = run->block;
    int code = block->ending == END_CODE     ? block->code
               : block->ending == END_STOP   ? SCOPE_ECANCELED
               : block->ending == END_STATUS ? run->status
               : block->ending == END_TOLD   ? run->told
                                             : 0;
    if (block->ending == END_POLITE && scope_cancelled(run->s))
        code = SCOPE_ECANCELED;
    if (block->ending == END_FAIL) {
        stage_told(run->stage, block->code);
        code = run->told = scope_fail(run->s, block->code, "the end");
    }
    if (block_counts(run) && code != 0 && code != SCOPE_ECANCELED && code != run->told)
        stage_told(run->stage, code);
    return block_counts(run) || block->kind == BLOCK_FORK ? code : 0;
}

/* ----------------------------------------------------------------------------------------------------------- Programs */

static void callback(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static void program_check(struct program *p)
{
    for (unsigned i = 1; i < p->block_count; i++) {
        struct block *block = &p->blocks[i];
        bool disposes = block->dispose && block->manner >= DESCRIBED && block->kind == BLOCK_TASK;
        CHECK_EQ_INT(block->ran, block->ended);
        CHECK_EQ_INT(block->disposed, disposes && block->attempted);
        CHECK(!block->accepted || !block->anyway || block->ran);
        fuzz_figures.tasks += block->ran;
    }
    for (unsigned i = 0; i < p->leaf_count; i++)
        fuzz_figures.tasks += p->leaves[i].ran;
}

static void program_run(struct program *p)
{
    atomic_uint called[TOKENS] = {0};
    for (unsigned i = 0; i < TOKENS; i++) {
        p->token[i] = scope_token_create();
        CHECK(scope_token_on_cancel(p->token[i], callback, &called[i]) != NULL);
        if (p->token_cancelled[i])
            (void)scope_token_cancel(p->token[i]);
    }
    (void)stage_run(&p->stages[0]);
    while (atomic_load(&p->abroad))
        sched_yield();
    for (unsigned i = 0; i < TOKENS; i++) {
        CHECK_EQ_INT(called[i], scope_token_cancelled(p->token[i]));
        scope_token_release(p->token[i]);
    }
    program_check(p);
}

static void fuzz_one(const uint8_t *bytes, size_t size)
{
    program_decode(&program, bytes, size);
    program_foresee(&program);
    program_count(&program);
    program_run(&program);
    if (atomic_load(&check_bad))
        stage_print(&program, 0, 1);
}

static void fuzz_begin(void)
{
    const struct scope_pool_options one = {.size = sizeof(one), .workers = 1};
    pthread_t thread;
    epoch = scope_now_ns();
    alone = scope_pool_workers(NULL) == 1;
    fuzz_seed = scope_pool_workers(NULL) + (TSAN ? 100 : 0) + (ASAN ? 200 : 0); /* other programs in each column */
    if (scope_pool_create(&fuzz_single, &one) != SCOPE_OK || pthread_create(&thread, NULL, courier_main, NULL) != 0)
        exit(1);
    pthread_detach(thread);
}

int main(int argc, char **argv)
{
    return fuzz_main(argc, argv, "programs_agree_with_oracle", TSAN ? 2000 : TIMES(20000, 4000));
}

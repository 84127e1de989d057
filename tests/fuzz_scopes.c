/* Fuzzing of the public calls: runs the programs of fuzz_program.h.  Blocks and stages count what happens to them; when a scope has
 * ended that must be what its report says, and what fuzz_oracle.h has found to be possible. */
#include "tests/fuzz_loops.h"
#include "tests/fuzz_tasks.h"

#include <fcntl.h>
#include <sched.h>

#define HOUR_NS ((uint64_t)3600 * 1000000000)
#define NEAR_NS 30000
#define PATIENCE_NS ((uint64_t)20 * 1000000000)

static struct program program;
static const int keys[KEYS] = {0};
static uint64_t epoch;
static int nowhere; /* /dev/null */

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
    if (step->how)
        CHECK_EQ_INT(scope_dump(nowhere), SCOPE_OK);
    reason_check(stage, scope_reason(stage->s));
}

/* ------------------------------------------------------------------------------------------------------- Forks, typed */

static int branch_run(struct scope *s, void *arg)
{
    struct block *block = arg;
    struct stage *stage = &block->program->stages[block->stage];
    struct run run = {.p = block->program, .block = block, .stage = stage, .s = s};
    CHECK(s == stage->s && !stage_closed(stage));
    CHECK_EQ_INT(count_up(&block->ran), 0);
    block_run(&run);
    int code = block_end(&run);
    count_up(&block->ended);
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

#define WIDE 4500 /* more forks than a deque has slots */

SCOPE_TASK(uint64_t, typed_tree, struct tree);

/* All forks at once, then all joins. */
static uint64_t typed_wide(struct scope_strand strand, struct block *block)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < WIDE; i++)
        typed_tree_fork(&strand, (struct tree){block, 0, i + 1});
    (void)branch_run(scope_of(strand), block);
    for (unsigned i = 0; i < WIDE; i++)
        sum += typed_tree_join(&strand);
    return sum + 1;
}

static uint64_t typed_tree(struct scope_strand strand, struct tree tree)
{
    struct tree near = {tree.block, tree.depth - 1, 2 * tree.index}, far = {tree.block, tree.depth - 1, near.index + 1};
    if (tree.depth == WIDE)
        return typed_wide(strand, tree.block);
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
    uint64_t leaves = step->how ? WIDE + 1 : (uint64_t)1 << step->n, all = leaves * (leaves + 1) / 2;
    struct tree tree = {&run->p->blocks[step->a], step->how ? WIDE : step->n, 0};
    uint64_t sum = typed_tree_call(run->s, tree);
    CHECK(sum == all || (sum < all && scope_cancelled(run->s)));
}

/* ------------------------------------------------------------------------------------------------- Cancelling, failing */

static void cancel(struct run *run, const struct step *step)
{
    struct stage *stage = &run->p->stages[step->stage];
    int first = scope_cancel(stage->s);
    CHECK(first == 0 || first == 1);
    CHECK(scope_cancelled(stage->s));
    if (first == 1)
        (void)count_up(&stage->count.firsts);
    atomic_store(&stage->count.stopped, true);
    if (first == 1)
        cancelled_check(run, stage);
}

static void fail(struct run *run, const struct step *step)
{
    struct stage *stage = &run->p->stages[step->stage];
    stage_told(stage, step->code);
    int block = (int)(run->block - run->p->blocks);
    CHECK_EQ_INT(scope_fail(stage->s, step->code, "block %d", block), step->code);
    CHECK(stage->policy != SCOPE_FAIL_FAST || scope_cancelled(stage->s));
    if (stage == run->stage)
        run->told = step->code;
}

static void callback(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
}

/* A callback of a moment, with a cancellation meanwhile or without: it is called, or taken back. */
static int token_watched(struct scope_token *token, bool cancels)
{
    atomic_uint called = 0;
    struct scope_callback *told = scope_token_on_cancel(scope_token_retain(token), callback, &called);
    int first = cancels ? scope_token_cancel(token) : 0;
    bool taken = scope_callback_forget(told);
    CHECK_EQ_INT(called, !taken);
    CHECK(first == 0 || !taken);
    scope_token_release(token);
    return first;
}

static void token_cancel(struct run *run, const struct step *step)
{
    (void)token_watched(run->p->token[step->n], false);
    int first = token_watched(run->p->token[step->n], true);
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
    count_up(&block->ran);
    block_run(&run);
    stage->body_code = block_end(&run);
    count_up(&block->ended);
    return stage->body_code;
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
        code = run->told = scope_fail(run->s, block->code, "block %d", (int)(block - run->p->blocks));
    }
    if (block_counts(run) && code != 0 && code != SCOPE_ECANCELED && code != run->told)
        stage_told(run->stage, code);
    return block_counts(run) || block->kind == BLOCK_FORK ? code : 0;
}

/* ----------------------------------------------------------------------------------------------------------- Programs */

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
}

static void program_make(struct program *p, const uint8_t *bytes, size_t size)
{
    program_decode(p, bytes, size);
    program_foresee(p);
    program_count(p);
}

/* Another thread, which runs a program of its own at the same time. */
static struct {
    pthread_barrier_t begin, end;
    struct program program;
} neighbour;

static void *neighbour_main(void *arg)
{
    for (;;) {
        pthread_barrier_wait(&neighbour.begin);
        program_run(&neighbour.program);
        pthread_barrier_wait(&neighbour.end);
    }
    return arg;
}

static void both_run(const uint8_t *bytes, size_t size)
{
    program_make(&program, bytes, size / 2);
    program_make(&neighbour.program, bytes + size / 2, size - size / 2);
    program.foreign = neighbour.program.foreign = true;
    pthread_barrier_wait(&neighbour.begin);
    program_run(&program);
    pthread_barrier_wait(&neighbour.end);
    program_check(&neighbour.program);
    if (atomic_load(&check_bad))
        stage_print(&neighbour.program, 0, 1);
}

/* The last byte of one input in 16 says that it is two programs. */
static void fuzz_one(const uint8_t *bytes, size_t size)
{
    if (size > 0 && bytes[size - 1] >= 240) {
        both_run(bytes, size);
    } else {
        program_make(&program, bytes, size);
        program_run(&program);
    }
    program_check(&program);
    if (atomic_load(&check_bad))
        stage_print(&program, 0, 1);
}

static void thread_start(void *(*main)(void *arg))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, main, NULL) != 0)
        exit(1);
    pthread_detach(thread);
}

static void fuzz_begin(void)
{
    const struct scope_pool_options one = {.size = sizeof(one), .workers = 1};
    epoch = scope_now_ns();
    alone = scope_pool_workers(NULL) == 1;
    nowhere = open("/dev/null", O_WRONLY);
    fuzz_seed = scope_pool_workers(NULL) + (TSAN ? 100 : 0) + (ASAN ? 200 : 0); /* other programs in each column */
    if (scope_pool_create(&fuzz_single, &one) != SCOPE_OK || nowhere < 0)
        exit(1);
    pthread_barrier_init(&neighbour.begin, NULL, 2);
    pthread_barrier_init(&neighbour.end, NULL, 2);
    thread_start(courier_main);
    thread_start(neighbour_main);
}

int main(int argc, char **argv)
{
    return fuzz_main(argc, argv, "programs_agree_with_oracle", TSAN ? 2000 : TIMES(20000, 4000));
}

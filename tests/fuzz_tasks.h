/* How the blocks of a program become tasks: by pointer, as copies, described, by permits, and many small ones. */
#ifndef TESTS_FUZZ_TASKS_H
#define TESTS_FUZZ_TASKS_H

#include "tests/fuzz_oracle.h"

#include <pthread.h>

static bool alone; /* the pool has one worker */

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

/* -------------------------------------------------------------------------------------------------------------- Tasks */

/* A task begins, and has ended. */
static void task_enter(struct stage *stage, const struct scope *s, bool anyway)
{
    struct counts *count = &stage->count;
    CHECK(s == stage->s && !stage_closed(stage));
    count_up(&count->ran);
    unsigned running = count_up(&count->running) + 1;
    CHECK(!stage->limit || running <= stage->limit);
    if (alone && !anyway && !stage->program->timed && !stage->program->foreign)
        CHECK(!scope_cancelled(s));
}

static void task_leave(struct stage *stage, int code)
{
    struct counts *count = &stage->count;
    CHECK(!stage_closed(stage));
    (void)count_up(code == 0 ? &count->ok : code == SCOPE_ECANCELED ? &count->cancelled : &count->failed);
    atomic_fetch_sub_explicit(&count->running, 1, memory_order_relaxed);
}

static int task_perform(struct scope *s, struct block *block)
{
    struct stage *stage = &block->program->stages[block->stage];
    struct run run = {.p = block->program, .block = block, .stage = stage, .s = s};
    if (!CHECK_EQ_INT(count_up(&block->ran), 0))
        fuzz_figures.doubled++;
    task_enter(stage, s, block->anyway);
    block_run(&run);
    int code = block_end(&run);
    count_up(&block->ended);
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
    CHECK_EQ_INT(count_up(&block->disposed), 0);
    CHECK_EQ_INT(atomic_load(&block->ran), atomic_load(&block->ended));
    CHECK(!stage_closed(&block->program->stages[block->stage]));
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
static void spawn_counts(struct stage *stage, int status, bool anyway, bool stopped)
{
    CHECK(status == SCOPE_OK || (status == SCOPE_ECANCELED && !anyway && scope_cancelled(stage->s)));
    CHECK(!stopped || anyway || status == SCOPE_ECANCELED);
    (void)count_up(status == SCOPE_OK ? &stage->count.accepted : &stage->count.refused);
}

static void block_spawn(struct program *p, struct block *block)
{
    struct stage *stage = &p->stages[block->stage];
    bool stopped = atomic_load(&stage->count.stopped);
    block->attempted = true;
    int status = spawn_call(stage->s, stage, block);
    block->accepted = status == SCOPE_OK;
    spawn_counts(stage, status, block->anyway, stopped);
}

static int leaf_run(struct scope *s, void *arg)
{
    struct leaf *leaf = arg;
    if (!CHECK_EQ_INT(count_up(&leaf->ran), 0))
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
        spawn_counts(stage, status, false, stopped);
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
    spawn_counts(stage, status, block->anyway, stopped);
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
        count_up(&p->abroad);
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
        if (scope_permit_cancel(permit) == 1)
            (void)count_up(&stage->count.firsts);
        CHECK(scope_permit_cancelled(permit));
        atomic_store(&stage->count.stopped, true);
    }
    if (step->how % 4 == 3 && courier_send(run->p, permit, block))
        return;
    permit_spawn(permit, block);
    scope_permit_release(permit);
}

#endif

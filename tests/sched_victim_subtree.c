/* A wait runs tasks of its own scope and of scopes inside it, never any other: so a lock held across a join cannot be asked
 * for again by the same thread (rayon #592, #1174), no unrelated long task delays a join (oneTBB #942, rayon #957), and no
 * thread's stack holds more tasks than scopes are nested (rayon #751, #854). */
#include "scope/scope.h"
#include "tests/check.h"

#include <errno.h>
#include <pthread.h>

static void work(unsigned amount)
{
    for (unsigned i = 0; i < amount; i++)
        fence_compiler();
}

/* ------------------------------------------------------------------------------------------- A lock across a join */

static pthread_mutex_t lock;
static unsigned guarded; /* under lock */
static atomic_uint leaves;

static int leaf(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    work(300);
    atomic_fetch_add(&leaves, 1);
    return 0;
}

static int eight_leaves(struct scope *s, void *arg)
{
    for (int i = 0; i < 8; i++)
        CHECK(scope_spawn(s, leaf, arg) == SCOPE_OK);
    return 0;
}

static int locks_across_a_join(struct scope *s, void *arg)
{
    (void)s;
    if (!CHECK(pthread_mutex_lock(&lock) == 0)) /* EDEADLK: this thread holds it, below us on the stack */
        return 0;
    guarded++;
    CHECK_EQ_INT(scope_run(eight_leaves, arg), SCOPE_OK);
    CHECK(pthread_mutex_unlock(&lock) == 0);
    return 0;
}

static int many_lockers(struct scope *s, void *arg)
{
    for (int i = 0; i < 50; i++)
        CHECK(scope_spawn(s, locks_across_a_join, arg) == SCOPE_OK);
    return 0;
}

static void lock_held_across_a_join_is_not_taken_twice(void)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&lock, &kind);
    guarded = 0;
    atomic_store(&leaves, 0);
    int n = (int)check_rounds(1600);
    for (int i = 0; i < n; i++)
        CHECK_EQ_INT(scope_run(many_lockers, NULL), SCOPE_OK);
    CHECK_EQ_INT(guarded, 50 * n);
    CHECK_EQ_INT(atomic_load(&leaves), 400 * n);
    pthread_mutex_destroy(&lock);
}

/* -------------------------------------------------------------------------------- What runs on top of what */

/* An open scope of this test; lives in the frame of the task that opened it. */
struct block {
    const struct block *parent;
    unsigned depth;
    uint64_t seed;
};

static _Thread_local const struct block *waiting; /* the innermost scope that this thread has open */
static _Thread_local unsigned running;            /* tasks on this thread's stack */
static atomic_uint ran, helped;

static bool within(const struct block *inner, const struct block *outer)
{
    while (inner && inner != outer)
        inner = inner->parent;
    return inner == outer;
}

static uint64_t mix(uint64_t seed, uint64_t salt)
{
    uint64_t z = seed + (salt + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct job {
    const struct block *block; /* the scope that the task was spawned into */
    uint64_t seed;
};

static int task(struct scope *s, void *arg);

static int block_body(struct scope *s, void *arg)
{
    const struct block *block = arg;
    for (uint64_t i = 0; i < 2 + block->seed % 3; i++) {
        struct job job = {.block = block, .seed = mix(block->seed, i)};
        CHECK(scope_spawn_copy(s, task, &job, sizeof(job)) == SCOPE_OK);
    }
    return 0;
}

static void open_block(const struct block *parent, unsigned depth, uint64_t seed)
{
    struct block block = {.parent = parent, .depth = depth, .seed = seed};
    const struct block *outer = waiting;
    waiting = &block;
    CHECK_EQ_INT(scope_run(block_body, &block), SCOPE_OK);
    CHECK(waiting == &block);
    waiting = outer;
}

static int task(struct scope *s, void *arg)
{
    const struct job job = *(struct job *)arg;
    (void)s;
    CHECK(!waiting || within(job.block, waiting));
    atomic_fetch_add(&ran, 1);
    if (waiting && waiting != job.block)
        atomic_fetch_add(&helped, 1);
    /* A task lies on top of the task that opened a scope around it, and that one on the next: each one scope deeper. */
    CHECK(++running <= job.block->depth);
    work(job.seed % 512);
    if (job.block->depth < 7 && job.seed >> 60 < 11)
        open_block(job.block, job.block->depth + 1, job.seed);
    running--;
    return 0;
}

static void wait_runs_its_own_subtree_only(void)
{
    atomic_store(&helped, 0);
    for (unsigned i = 0; i < check_rounds(6000); i++) {
        atomic_store(&ran, 0);
        open_block(NULL, 1, mix(1, i));
        CHECK(!waiting && running == 0);
        if (atomic_load(&check_bad)) {
            printf("# round %u, %u tasks\n", i, atomic_load(&ran));
            return;
        }
    }
    printf("# %u tasks were run by a wait further out\n", atomic_load(&helped));
}

/* Strangers lie around while a wait has nothing to do: an enclosing scope's tasks, and tasks of other runs.  The stolen
 * task keeps the wait waiting until it has seen that the strangers were left alone. */
static atomic_uint strangers, inside;

static int stranger(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    CHECK(waiting == NULL);
    atomic_fetch_add(&strangers, 1);
    work(200);
    return 0;
}

static int slow_leaf(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    work(3000);
    atomic_fetch_add(&inside, 1);
    return 0;
}

static int two_slow_leaves(struct scope *s, void *arg)
{
    for (int i = 0; i < 2; i++)
        CHECK(scope_spawn(s, slow_leaf, arg) == SCOPE_OK);
    return 0;
}

static int surrounded(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    static const struct block here;
    const struct block *outer = waiting;
    waiting = &here;
    CHECK_EQ_INT(scope_run(two_slow_leaves, NULL), SCOPE_OK);
    waiting = outer;
    return 0;
}

static int crowd(struct scope *s, void *arg)
{
    for (int i = 0; i < 60; i++) {
        CHECK(scope_spawn(s, stranger, arg) == SCOPE_OK);
        if (i % 10 == 0)
            CHECK(surrounded(s, arg) == 0);
        if (i % 10 == 5)
            CHECK(scope_spawn(s, surrounded, arg) == SCOPE_OK);
    }
    return 0;
}

static void wait_leaves_tasks_of_enclosing_scopes_alone(void)
{
    int n = (int)check_rounds(1600);
    atomic_store(&strangers, 0);
    atomic_store(&inside, 0);
    for (int i = 0; i < n; i++)
        CHECK_EQ_INT(scope_run(crowd, NULL), SCOPE_OK);
    CHECK_EQ_INT(atomic_load(&strangers), 60 * n);
    CHECK_EQ_INT(atomic_load(&inside), 24 * n);
}

int main(void)
{
    check_run("lock_held_across_a_join_is_not_taken_twice", lock_held_across_a_join_is_not_taken_twice);
    check_run("wait_runs_its_own_subtree_only", wait_runs_its_own_subtree_only);
    check_run("wait_leaves_tasks_of_enclosing_scopes_alone", wait_leaves_tasks_of_enclosing_scopes_alone);
    return check_done();
}

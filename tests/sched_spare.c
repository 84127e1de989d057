/* A worker that waits for a scope and finds nothing to do in it hands its core over to a deputy: a guest to the worker that was
 * stood down for it, a worker of the pool's own to a spare thread.  In pools of 2 workers nobody else is left to run the task
 * that everything waits for, so without deputies these tests would not get on. */
#include "scope/scope.h"
#include "tests/scope_check.h"

#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

#define PATIENCE_NS 20000000000u

static struct scope_pool *pool;
static unsigned threads_before; /* how many there are without the pool's */

static unsigned threads_now(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

static bool pool_create(unsigned workers)
{
    const struct scope_pool_options options = {.size = sizeof(options), .workers = workers};
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK);
    threads_before = threads_now() - workers;
    return CHECK_EQ_INT(scope_pool_workers(pool), workers);
}

static int run_in_pool(scope_fn *body, void *arg)
{
    struct scope_options options = scope_options_init();
    options.pool = pool;
    return scope_run_with(&options, NULL, body, arg);
}

static bool await(const atomic_uint *word, unsigned value)
{
    uint64_t end = scopei_now_ns() + PATIENCE_NS;
    while (atomic_load(word) < value && scopei_now_ns() < end)
        sched_yield();
    return CHECK(atomic_load(word) >= value);
}

/* With no guest inside, every worker and no spare may run tasks, and all are asleep. */
static void check_quiescent(void)
{
    const struct idle *idle = &pool->idle;
    uint64_t end = scopei_now_ns() + PATIENCE_NS;
    while ((load_acquire(&idle->sleeping) != pool->workers || load_acquire(&idle->searching)) && scopei_now_ns() < end)
        sched_yield();
    CHECK_EQ_INT(load_acquire(&idle->sleeping), pool->workers);
    CHECK_EQ_INT(load_acquire(&idle->searching), 0);
    CHECK_EQ_INT(load_acquire(&idle->helping), 0);
    CHECK_EQ_INT(load_acquire(&idle->waiting), 0);
    uint64_t slots = load_acquire(&pool->slots);
    for (unsigned i = 0; i < slots; i++) {
        const struct worker *w = pool->slot[i];
        bool spare = i >= pool->workers && w->threaded;
        CHECK_EQ_INT(load_acquire(&w->stood_down), spare);
        CHECK_EQ_INT(w->principals, spare);
        CHECK(!w->handed_over);
    }
}

/* No thread of the pool is left.  One that has been joined may still be listed for a moment (longer under qemu). */
static void pool_end(void)
{
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    uint64_t end = scopei_now_ns() + PATIENCE_NS;
    while (threads_now() != threads_before && scopei_now_ns() < end)
        sched_yield();
    CHECK_EQ_INT(threads_now(), threads_before);
}

/* ------------------------------------------------------------------------------ The task that everything waits for */

struct errand {
    struct scope *outer;
    scope_fn *middle; /* what is run in the inner scope, or forked */
    bool fork;
    atomic_uint started, done;
};

static int errand(struct scope *s, void *arg)
{
    (void)s;
    atomic_store(&((struct errand *)arg)->done, 1);
    return 0;
}

/* Runs on the other of the two workers, in the inner scope; the errand is none of that scope. */
static int sends_errand(struct scope *s, void *arg)
{
    (void)s;
    struct errand *e = arg;
    atomic_store(&e->started, 1);
    CHECK_EQ_INT(scope_spawn(e->outer, errand, e), SCOPE_OK);
    await(&e->done, 1);
    return 0;
}

static int until_started(struct scope *s, void *arg)
{
    (void)s;
    await(&((struct errand *)arg)->started, 1);
    return 0;
}

/* The body of the inner scope. */
static int spawns_sender(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_spawn(s, sends_errand, arg), SCOPE_OK);
    return until_started(s, arg);
}

static int waits_inside(struct scope *s, void *arg)
{
    struct errand *e = arg;
    int status = e->fork ? scope_fork2(s, sends_errand, e, until_started, e) : scope_run(spawns_sender, e);
    CHECK_EQ_INT(status, SCOPE_OK);
    return 0;
}

/* --------------------------------------------------------------------------------------------------------- A guest */

static int guest_waits(struct scope *s, void *arg)
{
    ((struct errand *)arg)->outer = s;
    return waits_inside(s, arg);
}

static void guest_hands_over_to_the_worker_it_stands_in_for(void)
{
    if (!pool_create(2))
        return;
    unsigned threads = threads_now();
    for (int i = 0; i < TIMES(200, 20) && !atomic_load(&check_bad); i++) {
        struct errand e = {.fork = i % 2};
        CHECK_EQ_INT(run_in_pool(guest_waits, &e), SCOPE_OK);
    }
    CHECK_EQ_INT(threads_now(), threads);
    check_quiescent();
    pool_end();
}

/* ------------------------------------------------------------------------------------------- A worker of the pool's own */

static int worker_waits(struct scope *s, void *arg)
{
    (void)s;
    return waits_inside(s, arg);
}

/* The guest leaves the first task to the other worker, and helps it by running the sender. */
static int guest_sends(struct scope *s, void *arg)
{
    struct errand *e = arg;
    e->outer = s;
    CHECK_EQ_INT(scope_spawn(s, worker_waits, e), SCOPE_OK);
    while (deque_private(&worker_self()->deque) || scopei_deque_stealable(&worker_self()->deque))
        sched_yield();
    return 0;
}

static void worker_hands_over_to_a_spare(void)
{
    if (!pool_create(2))
        return;
    unsigned threads = threads_now();
    for (int i = 0; i < TIMES(200, 20) && !atomic_load(&check_bad); i++) {
        struct errand e = {.fork = false};
        CHECK_EQ_INT(run_in_pool(guest_sends, &e), SCOPE_OK);
    }
    unsigned spares = threads_now() - threads;
    CHECK(spares >= 1 && spares <= 2);
    check_quiescent();
    pool_end();
}

/* -------------------------------------------------------------------------------------- Many waits, guests come and go */

struct tree {
    unsigned depth;
    atomic_uint *leaves;
};

static int tree(struct scope *s, void *arg);

static int subtree(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(scope_run(tree, arg), SCOPE_OK);
    return 0;
}

/* Leaves of different length, so that waits end at all times. */
static int tree(struct scope *s, void *arg)
{
    const struct tree *t = arg;
    if (t->depth == 0) {
        unsigned n = atomic_fetch_add(t->leaves, 1);
        if (n % 16 == 0)
            usleep(n % 7 * 50);
        return 0;
    }
    const struct tree child = {t->depth - 1, t->leaves};
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(scope_spawn_copy(s, i == 0 ? tree : subtree, &child, sizeof(child)), SCOPE_OK);
    return 0;
}

static void *forest(void *arg)
{
    (void)arg;
    for (int i = 0; i < TIMES(40, 8); i++) {
        atomic_uint leaves = 0;
        struct tree t = {5, &leaves};
        CHECK_EQ_INT(run_in_pool(tree, &t), SCOPE_OK);
        CHECK_EQ_INT(atomic_load(&leaves), 243);
    }
    return NULL;
}

static void nothing_is_lost_or_adrift(void)
{
    for (unsigned workers = 2; workers <= 8; workers *= 2) {
        if (!pool_create(workers))
            return;
        pthread_t thread[4];
        unsigned n = 0;
        while (n < 4 && pthread_create(&thread[n], NULL, forest, NULL) == 0)
            n++;
        CHECK_EQ_INT(n, 4);
        while (n > 0)
            pthread_join(thread[--n], NULL);
        check_quiescent();
        pool_end();
    }
}

/* ------------------------------------------------------------------- As many guests as workers: no worker runs besides */

static atomic_uint guest_waited, leave, stolen;

static int steals_me(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    atomic_fetch_add(&stolen, 1);
    return 0;
}

/* The second: enters while the first waits, and then has tasks that nobody is there for. */
static int keeps_its_tasks(struct scope *s, void *arg)
{
    CHECK(worker_self()->deputy != NULL);
    atomic_store(&((struct errand *)arg)->done, 1);
    await(&guest_waited, 1);
    usleep(2000); /* so that its own deputies end what they run */
    for (int i = 0; i < 60; i++)
        CHECK_EQ_INT(scope_spawn(s, steals_me, NULL), SCOPE_OK);
    usleep(5000);
    CHECK(atomic_load(&stolen) <= 1); /* one may have been about to */
    atomic_store(&leave, 1);
    return 0;
}

static int sender_without_errand(struct scope *s, void *arg)
{
    (void)s;
    struct errand *e = arg;
    atomic_store(&e->started, 1);
    await(&e->done, 1); /* the second guest is here */
    return 0;
}

static int spawns_sender_without_errand(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_spawn(s, sender_without_errand, arg), SCOPE_OK);
    return until_started(s, arg);
}

static int first_guest(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(scope_run(spawns_sender_without_errand, arg), SCOPE_OK);
    atomic_store(&guest_waited, 1);
    await(&leave, 1);
    return 0;
}

static void *first_guest_main(void *arg)
{
    CHECK_EQ_INT(run_in_pool(first_guest, arg), SCOPE_OK);
    return NULL;
}

static void guests_do_not_share_a_deputy(void)
{
    if (!pool_create(2))
        return;
    for (int i = 0; i < TIMES(20, 5) && !atomic_load(&check_bad); i++) {
        struct errand e = {.started = 0};
        pthread_t thread;
        atomic_store(&guest_waited, 0);
        atomic_store(&leave, 0);
        atomic_store(&stolen, 0);
        if (!CHECK(pthread_create(&thread, NULL, first_guest_main, &e) == 0))
            break;
        await(&e.started, 1);
        uint64_t end = scopei_now_ns() + PATIENCE_NS;
        while (load_acquire(&pool->idle.waiting) == 0 && scopei_now_ns() < end)
            sched_yield();
        usleep(200); /* it hands over */
        CHECK_EQ_INT(run_in_pool(keeps_its_tasks, &e), SCOPE_OK);
        pthread_join(thread, NULL);
    }
    check_quiescent();
    pool_end();
}

/* ------------------------------------------------------------------------------ Spawned before the workers have started */

static int two_at_once(struct scope *s, void *arg)
{
    struct errand *e = arg;
    CHECK_EQ_INT(scope_spawn(s, sender_without_errand, &e[0]), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn(s, sender_without_errand, &e[1]), SCOPE_OK);
    await(&e[0].started, 1); /* both, though this thread does not look at its deque again */
    await(&e[1].started, 1);
    atomic_store(&e[0].done, 1);
    atomic_store(&e[1].done, 1);
    return 0;
}

static void first_tasks_of_a_pool_are_all_stealable(void)
{
    for (int i = 0; i < TIMES(30, 10) && !atomic_load(&check_bad); i++) {
        struct errand e[2] = {{.started = 0}, {.started = 0}};
        if (!pool_create(3))
            return;
        CHECK_EQ_INT(run_in_pool(two_at_once, e), SCOPE_OK);
        pool_end();
    }
}

int main(void)
{
    check_run("first_tasks_of_a_pool_are_all_stealable", first_tasks_of_a_pool_are_all_stealable);
    check_run("guests_do_not_share_a_deputy", guests_do_not_share_a_deputy);
    check_run("guest_hands_over_to_the_worker_it_stands_in_for", guest_hands_over_to_the_worker_it_stands_in_for);
    check_run("worker_hands_over_to_a_spare", worker_hands_over_to_a_spare);
    check_run("nothing_is_lost_or_adrift", nothing_is_lost_or_adrift);
    return check_done();
}

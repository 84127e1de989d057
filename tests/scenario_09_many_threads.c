/* Scenario 9: many threads open scopes on one pool at once, and many tasks spawn into one scope: each task runs once, and no
 * scope_run returns early. */
#include "tests/scope_check.h"

#include <pthread.h>

#define THREADS 8
#define FIRST 16
#define SECOND 16

/* Task i, and then each of its children, spawned into the same scope. */
struct hits {
    struct tally tally;
    struct hit {
        struct hits *all;
        atomic_uint count;
    } of[FIRST * (SECOND + 1)];
};

static int second_task(struct scope *s, void *arg)
{
    (void)s;
    struct hit *hit = arg;
    atomic_fetch_add(&hit->count, 1);
    return tally_end(&hit->all->tally, 0);
}

static int first_task(struct scope *s, void *arg)
{
    struct hit *hit = arg;
    for (int i = 1; i <= SECOND; i++)
        (void)tally_spawn(&hit->all->tally, s, second_task, hit + i);
    return second_task(s, hit);
}

static int hits_body(struct scope *s, void *arg)
{
    struct hits *hits = arg;
    for (int i = 0; i < FIRST; i++)
        (void)tally_spawn(&hits->tally, s, first_task, &hits->of[i * (SECOND + 1)]);
    return 0;
}

static void run_hits(struct hits *hits)
{
    struct scope_report report;
    memset(hits, 0, sizeof(*hits));
    for (int i = 0; i < FIRST * (SECOND + 1); i++)
        hits->of[i].all = hits;
    CHECK_EQ_INT(run_checked(NULL, &report, hits_body, hits), SCOPE_OK);
    for (int i = 0; i < FIRST * (SECOND + 1); i++)
        CHECK_EQ_INT(hits->of[i].count, 1);
    check_tally(&report, &hits->tally);
    CHECK_EQ_INT(report.ok, FIRST * (SECOND + 1));
}

static void *hits_thread(void *arg)
{
    for (int round = 0; round < TIMES(300, 30); round++)
        run_hits(arg);
    return NULL;
}

static void one_thread_many_spawners(void)
{
    static struct hits hits;
    (void)hits_thread(&hits);
}

static void many_threads_many_spawners(void)
{
    static struct hits hits[THREADS];
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ_INT(pthread_create(&thread[i], NULL, hits_thread, &hits[i]), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ_INT(pthread_join(thread[i], NULL), 0);
}

int main(void)
{
    check_run("scenario_09_one_thread_each_task_once", one_thread_many_spawners);
    check_run("scenario_09_many_threads_each_task_once", many_threads_many_spawners);
    return check_done();
}

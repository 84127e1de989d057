/* Guests: many threads inside one pool at once, more than it has workers. */
#include "tests/scope_check.h"

#include <pthread.h>

#define GUESTS 16

struct fib {
    int n;
    long result;
};

static int fib_task(struct scope *s, void *arg);

static int fib_body(struct scope *s, void *arg)
{
    struct fib *pair = arg;
    CHECK_EQ_INT(scope_spawn(s, fib_task, &pair[0]), SCOPE_OK);
    return fib_task(s, &pair[1]);
}

static int fib_task(struct scope *s, void *arg)
{
    (void)s;
    struct fib *fib = arg;
    if (fib->n < 2) {
        fib->result = fib->n;
        return 0;
    }
    struct fib pair[2] = {{.n = fib->n - 1}, {.n = fib->n - 2}};
    int status = scope_run(fib_body, pair);
    fib->result = pair[0].result + pair[1].result;
    return status;
}

static int flat_body(struct scope *s, void *arg)
{
    for (int i = 0; i < 100; i++)
        (void)tally_spawn(arg, s, tally_nothing, arg);
    return 0;
}

static int failing_body(struct scope *s, void *arg)
{
    (void)flat_body(s, arg);
    return 5;
}

/* The way a thread of an embedding program would: this and that, with and without failures. */
static void *guest_thread(void *arg)
{
    (void)arg;
    for (int round = 0; round < TIMES(50, 10); round++) {
        struct tally flat = {0};
        struct tally failing = {0};
        struct fib fib = {.n = 12};
        struct scope_report report;
        CHECK_EQ_INT(scope_run(fib_task, &fib), SCOPE_OK);
        CHECK_EQ_INT(fib.result, 144);
        CHECK_EQ_INT(run_checked(NULL, &report, flat_body, &flat), SCOPE_OK);
        check_tally(&report, &flat);
        CHECK_EQ_INT(run_checked(NULL, &report, failing_body, &failing), SCOPE_ERROR);
        check_tally(&report, &failing);
        CHECK_EQ_INT(report.group.total, 1);
    }
    return NULL;
}

static void guests_at_once(void)
{
    pthread_t thread[GUESTS];
    for (int i = 0; i < GUESTS; i++)
        CHECK_EQ_INT(pthread_create(&thread[i], NULL, guest_thread, NULL), 0);
    for (int i = 0; i < GUESTS; i++)
        CHECK_EQ_INT(pthread_join(thread[i], NULL), 0);
}

/* The first ones come when there is no default pool yet. */
static void sixteen_make_the_default_pool_right(void)
{
    guests_at_once();
}

static void come_and_go_right(void)
{
    for (int round = 0; round < 5; round++)
        guests_at_once();
}

/* All inside at once, each in the body of its scope. */
struct meeting {
    pthread_barrier_t barrier;
    struct scope_pool *pool;
};

static int meet_body(struct scope *s, void *arg)
{
    struct meeting *meeting = arg;
    struct tally tally = {0};
    struct scope_report report;
    (void)s;
    pthread_barrier_wait(&meeting->barrier);
    CHECK_EQ_INT(run_checked(NULL, &report, flat_body, &tally), SCOPE_OK);
    check_tally(&report, &tally);
    pthread_barrier_wait(&meeting->barrier);
    return 0;
}

static void *meet_thread(void *arg)
{
    struct meeting *meeting = arg;
    struct scope_options options = options_of(meeting->pool);
    for (int round = 0; round < 20; round++)
        CHECK_EQ_INT(scope_run_with(&options, NULL, meet_body, meeting), SCOPE_OK);
    return NULL;
}

static void meet_in(struct scope_pool *pool)
{
    struct meeting meeting = {.pool = pool};
    pthread_t thread[GUESTS];
    CHECK_EQ_INT(pthread_barrier_init(&meeting.barrier, NULL, GUESTS), 0);
    for (int i = 0; i < GUESTS; i++)
        CHECK_EQ_INT(pthread_create(&thread[i], NULL, meet_thread, &meeting), 0);
    for (int i = 0; i < GUESTS; i++)
        CHECK_EQ_INT(pthread_join(thread[i], NULL), 0);
    CHECK_EQ_INT(pthread_barrier_destroy(&meeting.barrier), 0);
}

static void all_inside_at_once_right(void)
{
    meet_in(NULL);
}

static void all_inside_a_pool_of_one_right(void)
{
    struct scope_pool *pool = pool_of_one();
    meet_in(pool);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

int main(void)
{
    check_run("guests_sixteen_make_the_default_pool_right", sixteen_make_the_default_pool_right);
    check_run("guests_come_and_go_right", come_and_go_right);
    check_run("guests_all_inside_at_once_right", all_inside_at_once_right);
    check_run("guests_all_inside_a_pool_of_one_right", all_inside_a_pool_of_one_right);
    return check_done();
}

/* Every task runs exactly once, however it was started: many of them, STRESS_ROUNDS times as many as usual if that is
 * set. */
#include "tests/once_check.h"

static struct scope_pool *pool;

static void every_task_exactly_once(void)
{
    const char *rounds = getenv("STRESS_ROUNDS");
    for (long i = TIMES(3, 1) * (rounds ? atol(rounds) : 1); i > 0 && atomic_load(&check_bad) == 0; i--)
        once_round(pool, TIMES(ONCE_MAX, ONCE_MAX / 8));
}

/* The check itself: of four tasks one is lost and one runs twice. */
static void lost_and_doubled_tasks_are_seen(void)
{
    once_tasks = 4;
    once_run(0);
    once_run(2);
    once_run(2);
    once_run(3);
    struct once_count count = once_judge();
    CHECK_EQ_INT(count.executed, 4);
    CHECK_EQ_INT(count.lost, 1);
    CHECK_EQ_INT(count.doubled, 1);
}

int main(void)
{
    struct scope_pool_options options = {.size = sizeof(options)};
    CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK);
    check_run("lost_and_doubled_tasks_are_seen", lost_and_doubled_tasks_are_seen);
    check_run("every_task_exactly_once", every_task_exactly_once);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    return check_done();
}

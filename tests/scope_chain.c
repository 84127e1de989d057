/* A chain of tasks, each of which spawns the next, which is stolen: the proxies that such a chain holds are bounded.
 * Regression: they were as many as links, and after 4096 of them the scope's own worker could not take its tasks. */
#include "scope/scope.h"
#include "tests/check.h"

#include <sched.h>

#define HOPS_ALLOWED 65
#define PATIENCE 200 /* looks, until the next link is left to be run by whoever comes */

static atomic_uint begun;
static atomic_uint deepest;
static unsigned links;

static int link_task(struct scope *s, void *arg)
{
    (void)arg;
    unsigned hops = worker_self()->node->hops;
    unsigned mine = atomic_fetch_add(&begun, 1) + 1;
    if (hops > atomic_load(&deepest)) /* one link runs at a time */
        atomic_store(&deepest, hops);
    if (mine == links)
        return 0;
    int status = scope_spawn(s, link_task, NULL);
    unsigned patience = worker_self()->pool->workers > 1 ? PATIENCE : 0;
    for (unsigned look = 0; look < patience && atomic_load(&begun) == mine; look++)
        sched_yield();
    return status;
}

static void chain_of_stolen_tasks_proxies_bounded(void)
{
    struct scope_report report = scope_report_init();
    links = TIMES(6000, 2000);
    CHECK_EQ_INT(scope_run_with(NULL, &report, link_task, NULL), SCOPE_OK);
    CHECK_EQ_INT(atomic_load(&begun), links);
    CHECK_EQ_INT(report.spawned, links - 1);
    CHECK_EQ_INT(report.ok, links - 1);
    CHECK(atomic_load(&deepest) <= HOPS_ALLOWED);
    printf("# at most %u proxies in a row\n", atomic_load(&deepest));
}

int main(void)
{
    check_run("chain_of_stolen_tasks_proxies_bounded", chain_of_stolen_tasks_proxies_bounded);
    return check_done();
}

/* Scopes are opened inside a scope while the scope around it is cancelled: none is missed.  Regression: the canceller's barrier
 * came before its first round of visits only, but every round marks scopes that others may be opening scopes inside. */
#include "tests/scope_check.h"

static atomic_uint ready, done, missed;

/* Open while the enclosing scope is cancelled, and judged when the canceller has returned. */
static int innermost_body(struct scope *s, void *arg)
{
    struct scope *around = arg;
    for (int look = 0; look < 40 && !scope_cancelled(around); look++)
        ;
    if (scope_cancelled(around)) {
        spin_until(&done, 1);
        if (!scope_cancelled(s))
            atomic_fetch_add(&missed, 1);
    }
    return 0;
}

static int opening_body(struct scope *s, void *arg)
{
    (void)arg;
    atomic_store(&ready, 1);
    while (!scope_cancelled(s))
        (void)scope_run(innermost_body, s);
    return 0;
}

static int opening_task(struct scope *s, void *arg)
{
    (void)s;
    (void)scope_run(opening_body, arg);
    return 0;
}

static int cancelling_body(struct scope *s, void *arg)
{
    unsigned *delay = arg;
    CHECK_EQ_INT(scope_spawn(s, opening_task, NULL), SCOPE_OK);
    spin_until(&ready, 1);
    for (volatile unsigned i = 0; i < *delay; i++)
        ;
    CHECK_EQ_INT(scope_cancel(s), 1);
    atomic_store(&done, 1);
    return 0;
}

static void scope_opened_while_cancelled_is_reached(void)
{
    unsigned seed = 1;
    for (int round = 0; round < TIMES(3000, 1500); round++) {
        seed = seed * 1664525 + 1013904223;
        unsigned delay = seed >> 21;
        atomic_store(&ready, 0);
        atomic_store(&done, 0);
        CHECK_EQ_INT(scope_run(cancelling_body, &delay), SCOPE_ECANCELED);
    }
    CHECK_EQ_INT(atomic_load(&missed), 0);
}

int main(void)
{
    if (scope_pool_workers(NULL) > 1)
        check_run("scope_opened_while_cancelled_is_reached", scope_opened_while_cancelled_is_reached);
    else
        check_skip("scope_opened_while_cancelled_is_reached", "with one worker nobody opens a scope meanwhile");
    return check_done();
}

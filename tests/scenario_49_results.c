/* Scenarios 49 and 50: results that cannot be read before they are there; values that a scope sets for all that is inside it. */
#include "tests/scope_check.h"

#include <pthread.h>

/* ------------------------------------------------------------------------------------------------------- 49: results */

static atomic_uint release_results;

SCOPE_RESULT(long, square, long);
SCOPE_RESULT(long, held_square, long);

static int square(struct scope *s, long n, long *result)
{
    (void)s;
    if (n < 0)
        return (int)n;
    *result = n * n;
    return 0;
}

static int held_square(struct scope *s, long n, long *result)
{
    spin_until(&release_results, 1);
    return square(s, n, result);
}

#define RESULTS 200

static int starts_all(struct scope *s, void *arg)
{
    struct square_result *r = arg;
    long value = -1;
    for (long i = 0; i < RESULTS; i++) {
        CHECK_EQ_INT(square_get(&r[i], &value), SCOPE_EINVAL);
        CHECK_EQ_INT(square_start(s, &r[i], i), SCOPE_OK);
    }
    CHECK_EQ_INT(value, -1);
    return 0;
}

static void results_readable_when_done(void)
{
    struct square_result r[RESULTS] = {{0}};
    CHECK_EQ_INT(scope_run(starts_all, r), SCOPE_OK);
    for (long i = 0; i < RESULTS; i++) {
        long value = -1;
        CHECK_EQ_INT(square_get(&r[i], &value), SCOPE_OK);
        CHECK_EQ_INT(value, i * i);
    }
}

static int reads_early(struct scope *s, void *arg)
{
    struct held_square_result *r = arg;
    long value = -1;
    CHECK_EQ_INT(held_square_start(s, r, 5), SCOPE_OK);
    CHECK_EQ_INT(held_square_get(r, &value), SCOPE_EBUSY);
    CHECK_EQ_INT(value, -1);
    atomic_store(&release_results, 1);
    return 0;
}

static void early_read_refused(void)
{
    for (int i = 0; i < 50; i++) {
        struct held_square_result r = {0};
        long value = -1;
        atomic_store(&release_results, 0);
        CHECK_EQ_INT(scope_run(reads_early, &r), SCOPE_OK);
        CHECK_EQ_INT(held_square_get(&r, &value), SCOPE_OK);
        CHECK_EQ_INT(value, 25);
    }
}

static int starts_failing(struct scope *s, void *arg)
{
    struct square_result *r = arg;
    CHECK_EQ_INT(square_start(s, &r[0], -5), SCOPE_OK);
    return 0;
}

static int starts_and_cancels(struct scope *s, void *arg)
{
    struct square_result *r = arg;
    for (int i = 0; i < RESULTS / 2; i++)
        CHECK_EQ_INT(square_start(s, &r[i], i), SCOPE_OK);
    (void)scope_cancel(s);
    for (int i = RESULTS / 2; i < RESULTS; i++)
        CHECK_EQ_INT(square_start(s, &r[i], i), SCOPE_ECANCELED);
    return 0;
}

static void failed_and_skipped_results_absent(void)
{
    struct square_result failed = {0}, r[RESULTS] = {{0}};
    struct scope_report report;
    long value = -1;
    unsigned there = 0;
    CHECK_EQ_INT(run_checked(NULL, &report, starts_failing, &failed), SCOPE_ERROR);
    CHECK_EQ_STR(report.group.errors[0].name, "square");
    CHECK_EQ_STR(report.group.errors[0].file, __FILE__);
    CHECK(report.group.errors[0].line > 0 && report.cause.line == report.group.errors[0].line);
    CHECK_EQ_INT(square_get(&failed, &value), -5);
    CHECK_EQ_INT(value, -1);
    CHECK_EQ_INT(run_checked(NULL, &report, starts_and_cancels, r), SCOPE_ECANCELED);
    for (int i = 0; i < RESULTS; i++) {
        int status = square_get(&r[i], &value);
        CHECK(status == SCOPE_ECANCELED || (status == SCOPE_OK && i < RESULTS / 2 && value == (long)i * i));
        there += status == SCOPE_OK;
    }
    CHECK_EQ_INT(there, report.ok);
}

/* -------------------------------------------------------------------------------------------------------- 50: locals */

static const char key_user, key_depth, key_other;

static int sees_user(struct scope *s, void *arg)
{
    CHECK_EQ_STR((const char *)scope_local_value(s, &key_user), arg);
    CHECK(scope_local_value(s, &key_other) == NULL);
    return 0;
}

static int grandchild(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_spawn(s, sees_user, arg), SCOPE_OK);
    return sees_user(s, arg);
}

static int child(struct scope *s, void *arg)
{
    (void)sees_user(s, arg);
    return scope_run(grandchild, arg);
}

static int sets_and_spawns(struct scope *s, void *arg)
{
    static int depth = 3;
    static char inner_user[] = "inner";
    (void)arg;
    CHECK_EQ_INT(*(int *)scope_local_value(s, &key_depth), 3);
    for (int i = 0; i < 20; i++)
        CHECK_EQ_INT(scope_spawn(s, child, (void *)"outer"), SCOPE_OK);
    const struct scope_local rebound[] = {{&key_user, inner_user, &rebound[1]}, {&key_depth, &depth, NULL}};
    struct scope_options options = scope_options_init();
    options.locals = rebound;
    CHECK_EQ_INT(scope_run_with(&options, NULL, child, inner_user), SCOPE_OK);
    return sees_user(s, (void *)"outer"); /* rebinding inside is not seen outside */
}

static void locals_inherited_and_rebound(void)
{
    static int depth = 3;
    static char outer_user[] = "outer";
    const struct scope_local locals[] = {{&key_depth, &depth, &locals[1]}, {&key_user, outer_user, NULL}};
    struct scope_options options = scope_options_init();
    options.locals = locals;
    for (int i = 0; i < 20; i++)
        CHECK_EQ_INT(scope_run_with(&options, NULL, sets_and_spawns, NULL), SCOPE_OK);
    CHECK(scope_local_value(NULL, &key_user) == NULL);
}

/* ---------------------------------------------------------------------------------------- 47: permits, for outsiders */

struct outside {
    struct scope *s;
    struct scope_permit *permit;
    atomic_uint ran, tell;
};

static int counts(struct scope *s, void *arg)
{
    (void)s;
    atomic_fetch_add(&((struct outside *)arg)->ran, 1);
    return 0;
}

static const SCOPE_DESCRIBE(counting, .fn = counts);

static void *outsider(void *arg)
{
    struct outside *o = arg;
    CHECK_EQ_INT(scope_spawn(o->s, counts, o), SCOPE_EPERM);
    for (int i = 0; i < 100; i++)
        CHECK_EQ_INT(i % 2 ? scope_permit_spawn(o->permit, counts, o)
                           : scope_permit_spawn_task(o->permit, &counting, o),
                     SCOPE_OK);
    spin_until(&o->tell, 1);
    sched_yield(); /* the body has returned, perhaps */
    CHECK_EQ_INT(scope_permit_spawn(o->permit, counts, o), SCOPE_OK);
    CHECK(!scope_permit_cancelled(o->permit));
    scope_permit_release(o->permit);
    return NULL;
}

static pthread_t outsiders[4];

static int permits(struct scope *s, void *arg)
{
    struct outside *o = arg;
    for (int i = 0; i < 4; i++) {
        o[i].s = s;
        o[i].permit = scope_permit_create(s);
        CHECK(o[i].permit != NULL);
        CHECK_EQ_INT(pthread_create(&outsiders[i], NULL, outsider, &o[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        atomic_store(&o[i].tell, 1);
    return 0;
}

static void permit_holds_the_scope_open(void)
{
    for (int round = 0; round < TIMES(50, 10); round++) {
        struct outside o[4] = {{.s = NULL}};
        struct scope_report report;
        CHECK_EQ_INT(run_checked(NULL, &report, permits, o), SCOPE_OK);
        CHECK_EQ_INT(report.spawned, 404);
        for (int i = 0; i < 4; i++) {
            CHECK_EQ_INT(atomic_load(&o[i].ran), 101);
            pthread_join(outsiders[i], NULL);
        }
    }
}

static void *cancels_outside(void *arg)
{
    struct outside *o = arg;
    CHECK_EQ_INT(scope_permit_cancel(o->permit), 1);
    CHECK(scope_permit_cancelled(o->permit));
    CHECK_EQ_INT(scope_permit_spawn(o->permit, counts, o), SCOPE_ECANCELED);
    scope_permit_release(o->permit);
    return NULL;
}

static int permit_for_canceller(struct scope *s, void *arg)
{
    struct outside *o = arg;
    CHECK(scope_permit_create(NULL) == NULL);
    o->permit = scope_permit_create(s);
    CHECK_EQ_INT(pthread_create(&outsiders[0], NULL, cancels_outside, o), 0);
    spin_until_cancelled(s);
    CHECK(scope_permit_create(s) == NULL);
    return 0;
}

static void permit_cancels(void)
{
    struct outside o = {.s = NULL};
    CHECK_EQ_INT(scope_run(permit_for_canceller, &o), SCOPE_ECANCELED);
    pthread_join(outsiders[0], NULL);
    CHECK_EQ_INT(scope_permit_spawn(NULL, counts, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_permit_spawn_task(NULL, &counting, NULL), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_permit_cancel(NULL), SCOPE_EINVAL);
    scope_permit_release(NULL);
}

int main(void)
{
    check_run("scenario_49_results_readable_when_done", results_readable_when_done);
    check_run("scenario_49_early_read_refused", early_read_refused);
    check_run("scenario_49_failed_and_skipped_results_absent", failed_and_skipped_results_absent);
    check_run("scenario_50_locals_inherited_and_rebound", locals_inherited_and_rebound);
    check_run("scenario_47_permit_holds_the_scope_open", permit_holds_the_scope_open);
    check_run("scenario_47_permit_cancels", permit_cancels);
    return check_done();
}

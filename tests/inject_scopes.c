/* Calls fail under scopes with options: blocks, policies, deadlines, tokens, permits. */
#include "tests/inject_check.h"

#include <pthread.h>

/* -------------------------------------------------------------------------------------------------- Blocks and results */

SCOPE_RESULT(int, doubled, int);

static int doubled(struct scope *s, int a, int *result)
{
    (void)s;
    dawdle();
    *result = 2 * a;
    return 0;
}

static int holds_block(struct scope *outer, void *arg)
{
    struct doubled_result results[2] = {0};
    int status = SCOPE_EINVAL, value = 0;
    (void)arg;
    gather(outer);
    SCOPE(s, NULL, &status)
    {
        for (int i = 0; i < 2; i++)
            CHECK_EQ_INT(doubled_start(s, &results[i], i), SCOPE_OK);
    }
    bool opened = granted(status, SCOPE_ENOMEM);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ_INT(doubled_get(&results[i], &value), opened ? SCOPE_OK : SCOPE_EINVAL);
        CHECK_EQ_INT(value, opened ? 2 * i : 0);
    }
    return 0;
}

static void blocks_and_results(void)
{
    in_pool(holds_block, SCOPE_OK);
}

/* ------------------------------------------------------------------------------------------------------------ Policies */

static int cancels(struct scope *s, void *arg)
{
    (void)every_way(s, arg);
    CHECK(scope_cancel(s) == 1);
    return every_way(s, arg);
}

static int gives_outwards(struct scope *s, void *outer)
{
    (void)s;
    for (int i = 0; i < 4; i++)
        give(outer, WAY_DESCRIBED, NULL);
    return 0;
}

/* A place that was taken for a task is given back if there is no memory for its way to the outer scope. */
static int gives_from_inside(struct scope *s, void *arg)
{
    (void)arg;
    (void)granted(scope_run(gives_outwards, s), SCOPE_ENOMEM);
    give(s, WAY_DESCRIBED, NULL);
    return 0;
}

static int stops(struct scope *s, const struct scope_completion *completion, void *arg)
{
    (void)s, (void)arg;
    return completion->ok >= 3 ? SCOPE_ECANCELED : 0;
}

static int unshielded(struct scope *s, void *outer)
{
    CHECK_EQ_INT(scope_cancel(outer), 1);
    CHECK(!scope_cancelled(s));
    CHECK_EQ_INT(scope_unshield(s), SCOPE_OK);
    CHECK(scope_cancelled(s));
    return 0;
}

static int shields(struct scope *s, void *arg)
{
    struct scope_options options = {.size = sizeof(options), .flags = SCOPE_SHIELD};
    int status = scope_run_with(&options, arg, unshielded, s);
    CHECK(status == SCOPE_ECANCELED || (status == SCOPE_ENOMEM && !must));
    return 0;
}

static void policy_run(const struct scope_options *options, scope_fn *body, int expected)
{
    struct scope_report report;
    int status = ledger_run(options, &report, body, NULL);
    CHECK(status == expected || (status == SCOPE_ENOMEM && !must));
    scope_report_fini(&report);
}

static void policies(void)
{
    struct scope_options limited = options_of(pool), race = limited, told = limited;
    limited.limit = 2;
    race.policy = SCOPE_RACE;
    told.on_complete = stops;
    policy_run(&limited, every_way, SCOPE_OK);
    policy_run(&limited, cancels, SCOPE_ECANCELED);
    limited.limit = 1;
    policy_run(&limited, gives_from_inside, SCOPE_OK);
    policy_run(&race, every_way, SCOPE_OK);
    policy_run(&told, every_way, SCOPE_ECANCELED);
    in_pool(cancels, SCOPE_ECANCELED);
    struct scope_options plain = options_of(pool);
    struct scope_report report;
    int status = ledger_run(&plain, &report, shields, NULL);
    CHECK(status == SCOPE_ECANCELED || (!must && (status == SCOPE_ENOMEM || status == SCOPE_OK)));
}

/* ----------------------------------------------------------------------------------------------------------- Deadlines */

static int sets_deadline(struct scope *s, void *arg)
{
    (void)arg;
    give(s, WAY_DESCRIBED, NULL);
    uint64_t now = scope_now_ns();
    CHECK(now > 1 || !must);
    if (now > 1)
        (void)granted(scope_set_deadline(s, now + HOUR_NS), SCOPE_EAGAIN);
    return 0;
}

static int until_cancelled(struct scope *s)
{
    spin_until_cancelled(s);
    return SCOPE_ECANCELED;
}

static int waits_for_the_end(struct scope *s, void *arg)
{
    (void)arg;
    gather(s);
    give(s, WAY_PLAIN, until_cancelled);
    return 0;
}

static void deadline_run(uint64_t timeout_ns, scope_fn *body, int expected)
{
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.timeout_ns = timeout_ns;
    int status = ledger_run(&options, &report, body, NULL);
    CHECK(status == expected || (!must && (status == SCOPE_ENOMEM || status == SCOPE_EAGAIN)));
    scope_report_fini(&report);
}

static void deadlines(void)
{
    deadline_run(HOUR_NS, sets_deadline, SCOPE_OK);
    deadline_run(100000, waits_for_the_end, SCOPE_TIMEOUT);
}

/* -------------------------------------------------------------------------------------------------- Tokens and permits */

static atomic_uint called;

static void call(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static int holds_token(struct scope *s, void *token)
{
    gather(s);
    for (int i = 0; i < 3; i++)
        give(s, WAY_DESCRIBED, NULL);
    CHECK_EQ_INT(scope_token_cancel(token), 1);
    CHECK(scope_cancelled(s));
    give(s, WAY_DESCRIBED, NULL);
    return 0;
}

static void token_run(struct scope_token *token)
{
    struct scope_options options = options_of(pool);
    struct scope_report report;
    options.token = token;
    int status = ledger_run(&options, &report, holds_token, token);
    CHECK(status == SCOPE_ECANCELED || (status == SCOPE_ENOMEM && !must));
    if (status == SCOPE_ENOMEM)
        CHECK_EQ_INT(scope_token_cancel(token), 1);
    CHECK(scope_token_cancelled(token));
    scope_report_fini(&report);
}

static void *foreigner(void *permit)
{
    for (int i = 0; i < 3; i++) {
        struct piece *piece = piece_new(NULL);
        piece->disposes = true;
        piece->status = scope_permit_spawn_task(permit, &by_pointer, piece);
        (void)granted(piece->status, SCOPE_ENOMEM);
    }
    scope_permit_release(permit);
    return NULL;
}

static int permits(struct scope *s, void *arg)
{
    pthread_t thread;
    struct scope_permit *permit = scope_permit_create(s);
    if (!CHECK(permit || !must) || !permit || !CHECK_EQ_INT(pthread_create(&thread, NULL, foreigner, permit), 0))
        return 0;
    pthread_join(thread, arg);
    return 0;
}

static void tokens_and_permits(void)
{
    struct scope_token *token = scope_token_create();
    atomic_store(&called, 0);
    if (CHECK(token || !must) && token) {
        struct scope_callback *kept = scope_token_on_cancel(token, call, &called);
        struct scope_callback *forgotten = scope_token_on_cancel(token, call, &called);
        CHECK((kept && forgotten) || !must);
        CHECK_EQ_INT(scope_callback_forget(forgotten), forgotten != NULL);
        token_run(token);
        CHECK_EQ_INT(atomic_load(&called), kept != NULL);
        scope_token_release(token);
    }
    in_pool(permits, SCOPE_OK);
}

static const struct program programs[] = {
    {"blocks_and_results", blocks_and_results, INJECT_ALL, 2, false},
    {"policies", policies, INJECT_ALL, 2, false},
    {"deadlines", deadlines, INJECT_ALL, 2, false},
    {"tokens_and_permits", tokens_and_permits, INJECT_ALL, 2, false},
};

int main(int argc, char **argv)
{
    return every_program(programs, sizeof(programs) / sizeof(*programs), argc, argv);
}

/* Scenario 11: the memory of finished tasks is reused while the scope stays open, and memory is stable over many scopes.
 * Sanitizers keep freed memory for a while, so only the plain build looks at the size of the process. */
#include "tests/scope_check.h"

#define SCOPES TIMES(1000000, 20000)
#define SPAWNS TIMES(1000000, 50000)
#define AGAIN 20 /* when the scenario is repeated, each further time is so much shorter: the process is the same */
#define GROWTH_MAX (16L << 20)

static int one_body(struct scope *s, void *arg)
{
    return tally_spawn(arg, s, tally_nothing, arg);
}

static void open_close(long scopes)
{
    struct tally tally = {0};
    for (long i = 0; i < scopes; i++)
        CHECK_EQ_INT(scope_run(one_body, &tally), SCOPE_OK);
    CHECK_EQ_INT(tally.ok, scopes);
}

static void many_scopes_memory_stable(void)
{
    static bool again;
    open_close(1000);
    long before = peak_rss();
    open_close(again ? SCOPES / AGAIN : SCOPES);
    again = true;
    CHECK(TSAN || ASAN || peak_rss() - before < (1L << 20));
}

/* 256 bytes on the heap each: 256 MB if they were kept until the scope ends. */
struct fat {
    struct tally *tally;
    char rest[248];
};

static int fat_task(struct scope *s, void *arg)
{
    (void)s;
    struct fat *fat = arg;
    return tally_end(fat->tally, 0);
}

static long spawns;

static int fat_body(struct scope *s, void *arg)
{
    struct fat fat = {.tally = arg};
    for (long i = 0; i < spawns; i++)
        if (CHECK_EQ_INT(scope_spawn_copy(s, fat_task, &fat, sizeof(fat)), SCOPE_OK))
            atomic_fetch_add(&fat.tally->accepted, 1);
    return 0;
}

static void long_scope_reuses_memory(void)
{
    struct tally tally = {0};
    struct scope_report report;
    long before = peak_rss();
    spawns = spawns ? SPAWNS / AGAIN : SPAWNS;
    CHECK_EQ_INT(run_checked(NULL, &report, fat_body, &tally), SCOPE_OK);
    check_tally(&report, &tally);
    CHECK_EQ_INT(report.ok, spawns);
    long growth = peak_rss() - before;
    printf("# grew by %ld KiB\n", growth >> 10);
    CHECK(TSAN || ASAN || growth < GROWTH_MAX);
}

int main(void)
{
    check_run("scenario_11_long_scope_reuses_memory", long_scope_reuses_memory);
    check_run("scenario_11_many_scopes_memory_stable", many_scopes_memory_stable);
    return check_done();
}

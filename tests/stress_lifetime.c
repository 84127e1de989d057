/* Scopes are opened and closed at once, again and again in the same frame, while other workers finish stolen tasks of them:
 * nobody touches a scope after its last decrement (rayon #739, #768, #929, #1011; enkiTS #56), no task of one scope is
 * counted in the next, nothing leaks, and no counter is too narrow for 2^16 thefts in one scope (libfork). */
#include "scope/scope.h"
#include "tests/check.h"

#include <inttypes.h>
#include <sched.h>
#include <unistd.h>

static uint64_t size(uint64_t full)
{
    return TSAN ? full / 40 : TIMES(full, full / 10);
}

static uint64_t resident_kib(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%lu %lu", &pages, &resident) != 2)
            resident = 0;
        fclose(file);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* ------------------------------------------------------------------------------------------------- Frames used again */

/* In the frame of the function that opens the scope, and so in the same place each time. */
struct frame {
    uint64_t round;
    atomic_uint done;
    uint64_t plain[2]; /* each written by one task, and read after the join: a race if the join does not order them */
};

struct job {
    struct frame *frame;
    uint64_t round;
    uint64_t *result;
    const struct worker *spawner;
};

static atomic_ullong elsewhere; /* tasks that another worker ran */

static int job_run(struct scope *s, void *arg)
{
    (void)s;
    const struct job *job = arg;
    CHECK(job->frame->round == job->round); /* else it runs after its scope */
    *job->result = job->round;
    if (worker_self() != job->spawner)
        atomic_fetch_add(&elsewhere, 1);
    atomic_fetch_add(&job->frame->done, 1);
    return 0;
}

static int two_jobs(struct scope *s, void *arg)
{
    struct frame *frame = arg;
    for (int i = 0; i < 2; i++) {
        struct job job = {.frame = frame, .round = frame->round, .result = &frame->plain[i], .spawner = worker_self()};
        CHECK(scope_spawn_copy(s, job_run, &job, sizeof(job)) == SCOPE_OK);
    }
    if (frame->round % 4 == 0) /* time for a thief */
        for (unsigned i = 0; i < 100 && !atomic_load(&frame->done); i++)
            os_pause();
    return 0;
}

static void one_scope(uint64_t round)
{
    struct frame frame = {.round = round};
    CHECK(scope_run(two_jobs, &frame) == SCOPE_OK);
    check_totals(2, atomic_load(&frame.done), 0);
    CHECK(atomic_load(&frame.done) == 2);
    CHECK(frame.plain[0] == round && frame.plain[1] == round);
    frame.round = 0;
}

static int many_scopes(struct scope *s, void *arg)
{
    (void)s;
    const uint64_t *count = arg;
    for (uint64_t round = 1; round <= *count; round++)
        one_scope(round);
    return 0;
}

static void million_scopes_in_the_same_frame(void)
{
    uint64_t count = size(100000);
    atomic_store(&elsewhere, 0);
    CHECK_EQ_INT(scope_run(many_scopes, &count), SCOPE_OK); /* until memory has reached its size */
    uint64_t before = resident_kib();
    count = size(1000000);
    CHECK_EQ_INT(scope_run(many_scopes, &count), SCOPE_OK);
    uint64_t after = resident_kib();
    printf("# %" PRIu64 " scopes, %llu tasks ran on another worker; %" PRIu64 " KiB before, %" PRIu64 " after\n", count,
           atomic_load(&elsewhere), before, after);
    if (!TSAN && !ASAN) /* these grow by themselves */
        CHECK(after <= before + 1024);
}

/* A guest's stay a round: the scope's frame and the guest's slot are handed from thread to thread. */
static void outermost_scopes_in_the_same_frame(void)
{
    uint64_t count = size(100000);
    for (uint64_t round = 1; round <= count; round++)
        one_scope(round);
}

/* ----------------------------------------------------------------------------------------------- Many thefts, one scope */

struct crowd {
    atomic_ullong ran, stolen;
    uint64_t spawned;
    const struct worker *owner;
};

static int member(struct scope *s, void *arg)
{
    (void)s;
    struct crowd *crowd = arg;
    atomic_fetch_add(&crowd->ran, 1);
    if (worker_self() != crowd->owner)
        atomic_fetch_add(&crowd->stolen, 1);
    return 0;
}

static int crowd_body(struct scope *s, void *arg)
{
    struct crowd *crowd = arg;
    bool alone = worker_self()->pool->workers == 0;
    uint64_t target = alone ? 0 : 70000;
    crowd->owner = worker_self();
    while (crowd->spawned < 100000 || atomic_load(&crowd->stolen) < target) {
        CHECK(scope_spawn(s, member, crowd) == SCOPE_OK);
        if (++crowd->spawned % 64 == 0 && !alone)
            sched_yield();
    }
    return 0;
}

static void more_thefts_in_one_scope_than_two_to_the_16(void)
{
    struct crowd crowd = {.ran = 0};
    struct scope_report report = scope_report_init();
    CHECK_EQ_INT(scope_run_with(NULL, &report, crowd_body, &crowd), SCOPE_OK);
    check_totals(crowd.spawned, atomic_load(&crowd.ran), 0);
    CHECK_EQ_INT(report.spawned, crowd.spawned);
    CHECK_EQ_INT(report.ok, atomic_load(&crowd.ran));
    printf("# %llu tasks, %llu stolen\n", atomic_load(&crowd.ran), atomic_load(&crowd.stolen));
}

int main(void)
{
    check_run("million_scopes_in_the_same_frame", million_scopes_in_the_same_frame);
    check_run("outermost_scopes_in_the_same_frame", outermost_scopes_in_the_same_frame);
    check_run("more_thefts_in_one_scope_than_two_to_the_16", more_thefts_in_one_scope_than_two_to_the_16);
    return check_done();
}

/* The number of workers, where they go, how far they are apart, and what SCOPE_DISPLAY says of it. */
#include "sched/quota.h"
#include "sched/topology.h"
#include "tests/check.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT 512

static cpu_set_t inherited; /* by the test: too small for more than 1024 processors, as the library isn't */
static unsigned quota_cpus;
static bool half_used; /* the quota isn't a whole number */

/* The kernel, as the library sees it: it may be one for many processors, and it may refuse. */
static size_t kernel_set_size;
static int kernel_get_error, kernel_set_error;

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    if (kernel_get_error || size < kernel_set_size) {
        errno = kernel_get_error ? kernel_get_error : EINVAL;
        return -1;
    }
    memset(set, 0, size);
    return syscall(SYS_sched_getaffinity, pid, size, set) < 0 ? -1 : 0;
}

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
    errno = kernel_set_error;
    return kernel_set_error ? -1 : (int)syscall(SYS_sched_setaffinity, pid, size, set);
}

/* What a test begins with: nothing asked for, this machine, the inherited mask. */
static void begin(void)
{
    static const char *const names[] = {"SCOPE_NUM_WORKERS", "OMP_NUM_THREADS",  "HWLOC_SYNTHETIC",   "HWLOC_XMLFILE",
                                        "HWLOC_THISSYSTEM",  "HWLOC_COMPONENTS", "HWLOC_PLUGINS_PATH"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        (void)unsetenv(names[i]);
    kernel_set_size = 0;
    kernel_get_error = kernel_set_error = 0;
    (void)sched_setaffinity(0, sizeof(inherited), &inherited);
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The n-th processor of the inherited mask. */
static int cpu_nth(int n)
{
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, &inherited) && n-- == 0)
            return cpu;
    return -1;
}

static void bind_to(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static unsigned workers_of(unsigned requested, unsigned limit)
{
    struct topology *t = scopei_topology_create(requested, limit);
    if (!CHECK(t != NULL))
        return 0;
    unsigned workers = scopei_topology_workers(t);
    scopei_topology_destroy(t);
    return workers;
}

/* ---------------------------------------------------------------------------------------------------------- The number */

static void workers_default_cores_and_quota(void)
{
    unsigned workers = workers_of(0, LIMIT);
    CHECK(workers >= 1);
    CHECK(workers <= smaller((unsigned)CPU_COUNT(&inherited), quota_cpus));
    (void)setenv("HWLOC_SYNTHETIC", "pack:2 numa:2 core:4 pu:2", 1);
    CHECK_EQ_INT(workers_of(0, LIMIT), smaller(16, quota_cpus)); /* cores, not hardware threads */
    (void)setenv("HWLOC_SYNTHETIC", "core:3 pu:4", 1);
    CHECK_EQ_INT(workers_of(0, LIMIT), smaller(3, quota_cpus));
    (void)setenv("HWLOC_SYNTHETIC", "pu:5", 1);
    CHECK_EQ_INT(workers_of(0, LIMIT), smaller(5, quota_cpus));
}

static void workers_bound_to_one_cpu(void)
{
    bind_to(cpu_nth(CPU_COUNT(&inherited) - 1));
    CHECK_EQ_INT(workers_of(0, LIMIT), 1);
}

/* The binding is the calling thread's, whatever other threads may use. */
static void *bound_thread(void *arg)
{
    (void)arg;
    bind_to(cpu_nth(0));
    CHECK_EQ_INT(workers_of(0, LIMIT), 1);
    return NULL;
}

static void workers_binding_of_the_thread(void)
{
    pthread_t thread;
    if (CHECK(pthread_create(&thread, NULL, bound_thread, NULL) == 0))
        pthread_join(thread, NULL);
}

static void workers_environment_overrides(void)
{
    (void)setenv("OMP_NUM_THREADS", "5", 1);
    CHECK_EQ_INT(workers_of(0, LIMIT), 5);
    (void)setenv("OMP_NUM_THREADS", " 6 , 2,1", 1);
    CHECK_EQ_INT(workers_of(0, LIMIT), 6);
    (void)setenv("SCOPE_NUM_WORKERS", "3", 1);
    CHECK_EQ_INT(workers_of(0, LIMIT), 3);
    (void)setenv("SCOPE_NUM_WORKERS", " 4\t", 1);
    CHECK_EQ_INT(workers_of(0, LIMIT), 4);
    CHECK_EQ_INT(workers_of(7, LIMIT), 7);
}

static void workers_bad_environment_ignored(void)
{
    static const char *const bad[] = {"abc", "0",  "-3",  "",    " ",   "4x",   "x4",
                                      "+",   "0x", "4 4", "1.5", "4,2", "%n%s", "\xff"};
    unsigned expected = workers_of(0, LIMIT);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        (void)setenv("SCOPE_NUM_WORKERS", bad[i], 1);
        CHECK_EQ_INT(workers_of(0, LIMIT), expected);
        (void)setenv("OMP_NUM_THREADS", "7", 1); /* the next in line */
        CHECK_EQ_INT(workers_of(0, LIMIT), 7);
        (void)setenv("OMP_NUM_THREADS", bad[i], 1);
        CHECK_EQ_INT(workers_of(0, LIMIT), strcmp(bad[i], "4,2") == 0 ? 4 : expected);
        (void)unsetenv("OMP_NUM_THREADS");
    }
}

static void workers_limit_clamps(void)
{
    CHECK_EQ_INT(workers_of(4000000000u, LIMIT), LIMIT);
    CHECK_EQ_INT(workers_of(8, 3), 3);
    CHECK_EQ_INT(workers_of(8, 0), 1);
    static const char *const large[] = {"99999999999", "4294967296", "4294967297", "99999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof(large) / sizeof(*large); i++) {
        (void)setenv("SCOPE_NUM_WORKERS", large[i], 1);
        CHECK_EQ_INT(workers_of(0, LIMIT), LIMIT);
    }
    begin();
    (void)setenv("HWLOC_SYNTHETIC", "core:1000 pu:1", 1);
    CHECK_EQ_INT(workers_of(0, LIMIT), smaller(LIMIT, quota_cpus));
}

static bool is_oversubscribed(unsigned requested)
{
    struct topology *t = scopei_topology_create(requested, LIMIT);
    bool is = t && scopei_topology_oversubscribed(t);
    scopei_topology_destroy(t);
    return is;
}

static void oversubscribed_more_than_cores(void)
{
    CHECK_EQ_INT(is_oversubscribed(0), half_used);
    CHECK(is_oversubscribed((unsigned)CPU_COUNT(&inherited) + 1));
    bind_to(cpu_nth(0));
    CHECK_EQ_INT(is_oversubscribed(1), half_used && quota_cpus == 1);
    CHECK(is_oversubscribed(2));
    /* As many cores as we like; those of the machine count. */
    (void)setenv("HWLOC_SYNTHETIC", "core:64 pu:1", 1);
    CHECK(is_oversubscribed(64));
    (void)setenv("HWLOC_SYNTHETIC", "core:2 pu:1", 1);
    (void)sched_setaffinity(0, sizeof(inherited), &inherited);
    CHECK(is_oversubscribed(3));
}

/* ------------------------------------------------------------------------------------------------------------- Trouble */

static void hwloc_garbage_falls_back(void)
{
    static const char *const variables[][2] = {
        {"HWLOC_XMLFILE", "/dev/null"}, {"HWLOC_XMLFILE", "/nonexistent"}, {"HWLOC_XMLFILE", "/proc/self/exe"},
        {"HWLOC_SYNTHETIC", "rubbish"}, {"HWLOC_SYNTHETIC", "core:0"},     {"HWLOC_SYNTHETIC", "pack:-1 core:2"},
        {"HWLOC_COMPONENTS", "stop"}, /* a topology that can't be loaded */
    };
    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
        begin();
        (void)setenv(variables[i][0], variables[i][1], 1);
        unsigned workers = workers_of(0, LIMIT);
        CHECK(workers >= 1 && workers <= smaller((unsigned)CPU_COUNT(&inherited), quota_cpus));
        CHECK_EQ_INT(workers_of(3, LIMIT), 3);
        bind_to(cpu_nth(0));
        CHECK_EQ_INT(workers_of(0, LIMIT), 1);
    }
}

/* Of address space. */
static size_t pages_used(void)
{
    size_t used = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    int fields = statm ? fscanf(statm, "%zu", &used) : 0;
    if (statm)
        (void)fclose(statm);
    return fields == 1 ? used : 0;
}

/* hwloc crashes if it runs out of memory: any limit must give a topology or none.  In children, by their exit status. */
static void memory_short_no_crash(void)
{
    (void)setenv("HWLOC_SYNTHETIC", "pack:4 numa:4 core:32 pu:2", 1);
    size_t used = pages_used();
    for (size_t spare = 0; spare < 12u << 20; spare += 64u << 10) {
        pid_t child = fork();
        if (child == 0) {
            rlim_t bytes = used * (size_t)sysconf(_SC_PAGESIZE) + spare;
            (void)setrlimit(RLIMIT_AS, &(struct rlimit){.rlim_cur = bytes, .rlim_max = bytes});
            scopei_topology_destroy(scopei_topology_create(0, LIMIT));
            _exit(0);
        }
        int status = -1;
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        CHECK_EQ_INT(status, 0);
    }
}

/* A topology that claims to be this machine's, and has none of our processors in it. */
static void topology_without_the_binding_falls_back(void)
{
    int cpu = cpu_nth(CPU_COUNT(&inherited) - 1);
    if (cpu == 0)
        return;
    bind_to(cpu);
    (void)setenv("HWLOC_SYNTHETIC", "pu:1", 1);
    (void)setenv("HWLOC_THISSYSTEM", "1", 1);
    struct topology *t = scopei_topology_create(0, LIMIT);
    if (!CHECK(t != NULL))
        return;
    CHECK_EQ_INT(scopei_topology_workers(t), 1);
    CHECK_EQ_INT(scopei_topology_worker_at(t, cpu), 0);
    CHECK_EQ_INT(scopei_topology_pin(t, 0), 0);
    scopei_topology_destroy(t);
}

static void mask_larger_than_tried_first(void)
{
    bind_to(cpu_nth(0));
    kernel_set_size = 4096 / 8;
    struct topology *t = scopei_topology_create(0, LIMIT);
    if (!CHECK(t != NULL))
        return;
    CHECK_EQ_INT(scopei_topology_workers(t), 1);
    CHECK_EQ_INT(scopei_topology_worker_at(t, cpu_nth(0)), 0);
    CHECK_EQ_INT(scopei_topology_pin(t, 0), 0);
    scopei_topology_destroy(t);
}

/* Nobody knows then which processors we may use. */
static void mask_unreadable_nothing_pinned(void)
{
    static const int errors[] = {EPERM, ENOSYS, EINVAL};
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        kernel_get_error = errors[i];
        struct topology *t = scopei_topology_create(0, LIMIT);
        if (!CHECK(t != NULL))
            return;
        CHECK(scopei_topology_workers(t) >= 1);
        CHECK_EQ_INT(scopei_topology_pin(t, 0), ENOTSUP);
        scopei_topology_destroy(t);
    }
}

/* ------------------------------------------------------------------------------------------------------------ Distance */

static void distances_are(const char *synthetic, unsigned workers, const char *from_first)
{
    (void)setenv("HWLOC_SYNTHETIC", synthetic, 1);
    struct topology *t = scopei_topology_create(workers, LIMIT);
    if (!CHECK(t != NULL))
        return;
    char row[64] = "";
    for (unsigned i = 0; i < workers; i++) {
        row[i] = (char)('0' + scopei_topology_distance(t, 0, i));
        CHECK_EQ_INT(scopei_topology_distance(t, i, 0), scopei_topology_distance(t, 0, i));
        CHECK_EQ_INT(scopei_topology_distance(t, i, i), 0);
    }
    CHECK_EQ_STR(row, from_first);
    scopei_topology_destroy(t);
}

static void distance_by_shared_parts(void)
{
    distances_are("pack:2 numa:2 core:4 pu:2", 16, "0222333344444444");
    distances_are("pack:2 numa:2 l3:2 l2:2 core:1 pu:2", 16, "0122333344444444");
    distances_are("pack:2 [numa] l2:2 core:2 pu:1", 8, "01224444");
    distances_are("pack:2 core:2 pu:1", 4, "0244");                     /* one memory for both packages */
    distances_are("numa:2 core:2 pu:1", 4, "0233");                     /* no packages */
    distances_are("pack:1 [numa] die:2 [numa] core:2 pu:1", 4, "0233"); /* memory of the package and of each die */
    distances_are("l3:1 core:4 pu:1", 4, "0111");
    distances_are("l2:4 core:1 pu:1", 4, "0222"); /* a private cache is not a shared one */
    distances_are("pu:4", 4, "0222");
    distances_are("pack:2 core:2 pu:2", 10, "0244024402"); /* round robin */
}

static void distance_without_hwloc(void)
{
    (void)setenv("HWLOC_COMPONENTS", "stop", 1);
    struct topology *t = scopei_topology_create(3, LIMIT);
    if (!CHECK(t != NULL))
        return;
    unsigned cpus = (unsigned)CPU_COUNT(&inherited);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ_INT(scopei_topology_distance(t, 0, i), i % cpus == 0 ? 0 : 2);
    scopei_topology_destroy(t);
}

/* ------------------------------------------------------------------------------------------------------------- Pinning */

struct pinning {
    const struct topology *topology;
    unsigned worker;
    int error;
    cpu_set_t before, after;
};

static void *pin_thread(void *arg)
{
    struct pinning *p = arg;
    (void)sched_getaffinity(0, sizeof(p->before), &p->before);
    p->error = scopei_topology_pin(p->topology, p->worker);
    (void)sched_getaffinity(0, sizeof(p->after), &p->after);
    return NULL;
}

static struct pinning pin(const struct topology *t, unsigned worker)
{
    struct pinning p = {.topology = t, .worker = worker, .error = -1};
    pthread_t thread;
    if (CHECK(pthread_create(&thread, NULL, pin_thread, &p) == 0))
        pthread_join(thread, NULL);
    return p;
}

static bool within(const cpu_set_t *inner, const cpu_set_t *outer)
{
    cpu_set_t both;
    CPU_AND(&both, inner, outer);
    return CPU_EQUAL(&both, inner);
}

/* Pins as many workers as there are processors and twice more, in the mask that the calling thread has now. */
static void pins_stay_within_mask(void)
{
    cpu_set_t mask, used;
    CPU_ZERO(&used);
    (void)sched_getaffinity(0, sizeof(mask), &mask);
    unsigned workers = smaller(3 * (unsigned)CPU_COUNT(&mask), LIMIT);
    struct topology *t = scopei_topology_create(workers, LIMIT);
    for (unsigned i = 0; i < workers; i++) {
        struct pinning p = pin(t, i);
        CHECK_EQ_INT(p.error, 0);
        CHECK(within(&p.after, &mask));
        CHECK(CPU_COUNT(&p.after) >= 1);
        CPU_OR(&used, &used, &p.after);
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET((size_t)cpu, &p.after))
                CHECK_EQ_INT(scopei_topology_distance(t, scopei_topology_worker_at(t, cpu), i), 0);
    }
    CHECK(CPU_EQUAL(&used, &mask)); /* every core has its worker */
    scopei_topology_destroy(t);
}

static void pin_within_mask(void)
{
    pins_stay_within_mask();
    for (int i = 0; i < CPU_COUNT(&inherited) && i < 4; i++) {
        bind_to(cpu_nth(i));
        pins_stay_within_mask();
    }
}

static void pin_within_mask_without_hwloc(void)
{
    (void)setenv("HWLOC_COMPONENTS", "stop", 1);
    pin_within_mask();
}

/* Workers that don't fill the binding are put where their maker runs, so that processes end up apart. */
static void pin_few_near_caller(void)
{
    struct topology *t = NULL;
    for (int i = 0; i < CPU_COUNT(&inherited) && i < 4; i++) {
        bind_to(cpu_nth(
            i)); /* and, once there, widen the mask again: as a rule the kernel doesn't move a thread for that */
        (void)sched_setaffinity(0, sizeof(inherited), &inherited);
        int before = sched_getcpu();
        t = scopei_topology_create(1, LIMIT);
        if (sched_getcpu() == before)
            CHECK_EQ_INT(scopei_topology_worker_at(t, before), 0);
        int empty = 0;
        for (int j = 0; j < CPU_COUNT(&inherited); j++)
            empty += scopei_topology_worker_at(t, cpu_nth(j)) == 1;
        CHECK(workers_of(0, LIMIT) == 1 || empty > 0);
        scopei_topology_destroy(t);
    }
}

static void pin_other_machine_refused(void)
{
    (void)setenv("HWLOC_SYNTHETIC", "pack:2 numa:2 core:4 pu:2", 1);
    struct topology *t = scopei_topology_create(16, LIMIT);
    for (unsigned i = 0; i < 16; i++) {
        struct pinning p = pin(t, i);
        CHECK_EQ_INT(p.error, ENOTSUP);
        CHECK(CPU_EQUAL(&p.before, &p.after));
    }
    CHECK_EQ_INT(scopei_topology_worker_at(t, 0), 16);
    scopei_topology_destroy(t);
}

static void pin_refused_by_the_kernel(void)
{
    kernel_set_error = EPERM;
    struct topology *t = scopei_topology_create(1, LIMIT);
    struct pinning p = pin(t, 0);
    CHECK_EQ_INT(p.error, EPERM);
    CHECK(CPU_EQUAL(&p.before, &p.after));
    scopei_topology_destroy(t);
}

static void worker_at_nowhere(void)
{
    struct topology *t = scopei_topology_create(2, LIMIT);
    CHECK_EQ_INT(scopei_topology_worker_at(t, -1), 2);
    CHECK_EQ_INT(scopei_topology_worker_at(t, 1 << 20), 2);
    scopei_topology_destroy(t);
}

/* --------------------------------------------------------------------------------------------------------- The display */

/* What the display writes; fails unless that is exactly one write: a packet socket keeps them apart. */
static const char *displayed(const struct topology *t, unsigned started, const int *pin_errors)
{
    static char text[1 << 17];
    int pair[2], saved = dup(STDERR_FILENO);
    if (!t || saved < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
        return "";
    (void)dup2(pair[1], STDERR_FILENO);
    scopei_topology_display(t, started, pin_errors);
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    (void)close(pair[1]);
    ssize_t length = recv(pair[0], text, sizeof(text) - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    CHECK_EQ_INT(recv(pair[0], &(char){0}, 1, 0), 0);
    (void)close(pair[0]);
    return text;
}

static bool says(const char *text, const char *part)
{
    if (strstr(text, part))
        return true;
    printf("# no \"%s\" in:\n", part);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        printf("#   %.*s\n", (int)strcspn(line, "\n"), line);
    return false;
}

static void display_says_everything(void)
{
    bind_to(cpu_nth(0));
    struct topology *t = scopei_topology_create(0, LIMIT);
    int pinned = 0, refused = EPERM;
    char core[64];
    (void)snprintf(core, sizeof(core), "worker 0 on core 0 (CPU %d), pinned\n", cpu_nth(0));
    const char *text = displayed(t, 1, &pinned);
    CHECK(says(text, "taskscope: binding 0x"));
    CHECK(says(text, "1 CPU (") && says(text, "), 1 core\n"));
    CHECK(says(text, quota_cpus == UINT_MAX ? "no CPU quota\n" : "CPU quota "));
    CHECK(says(text, "1 worker: one a core"));
    CHECK(says(text, core));
    CHECK(says(displayed(t, 1, NULL), core));
    text = displayed(t, 1, &refused);
    CHECK(says(text, "not pinned: Operation not permitted\n"));
    CHECK(!strstr(text, ", pinned"));
    CHECK(says(displayed(t, 0, NULL), "only 0 could be started\n"));
    scopei_topology_destroy(t);
}

static void display_gives_reasons(void)
{
    (void)setenv("SCOPE_NUM_WORKERS", "abc", 1);
    (void)setenv("OMP_NUM_THREADS", "3,2", 1);
    struct topology *t = scopei_topology_create(0, LIMIT);
    const char *text = displayed(t, 3, NULL);
    CHECK(says(text, "SCOPE_NUM_WORKERS=abc is ignored: not a positive number\n"));
    CHECK(says(text, "3 workers: OMP_NUM_THREADS=3,2"));
    scopei_topology_destroy(t);

    (void)setenv("SCOPE_NUM_WORKERS", "99999999999", 1);
    t = scopei_topology_create(0, LIMIT);
    text = displayed(t, 1, NULL);
    CHECK(says(text, "512 workers: SCOPE_NUM_WORKERS=99999999999, but no more are possible\n"));
    CHECK(says(text, "idle workers don't spin: more workers than cores\n"));
    CHECK(says(text, "OMP_NUM_THREADS=3,2 is ignored: overridden\n"));
    CHECK(says(text, "only 1 could be started\n"));
    scopei_topology_destroy(t);

    t = scopei_topology_create(4, LIMIT);
    text = displayed(t, 4, NULL);
    CHECK(says(text, "SCOPE_NUM_WORKERS=99999999999 is ignored: overridden\n"));
    CHECK(says(text, "4 workers: the pool's option"));
    scopei_topology_destroy(t);
}

static void display_other_machine(void)
{
    (void)setenv("HWLOC_SYNTHETIC", "pack:2 numa:2 core:4 pu:2", 1);
    struct topology *t = scopei_topology_create(16, LIMIT);
    const char *text = displayed(t, 16, NULL);
    CHECK(says(text, "), 16 cores\n"));
    CHECK(says(text, "no worker is pinned: hwloc was told to describe another machine\n"));
    CHECK(says(text, "worker 15 on core 15 (CPU 30-31), not pinned: "));
    if (CPU_COUNT(&inherited) < 16)
        CHECK(says(text, "idle workers don't spin: more workers than CPUs\n"));
    CHECK(!strstr(text, ", pinned"));
    scopei_topology_destroy(t);
}

static void display_without_hwloc(void)
{
    (void)setenv("HWLOC_COMPONENTS", "stop", 1);
    struct topology *t = scopei_topology_create(0, LIMIT);
    CHECK(says(displayed(t, scopei_topology_workers(t), NULL),
               "each CPU counts as a core: hwloc can't load the topology\n"));
    scopei_topology_destroy(t);
}

/* ---------------------------------------------------------------------------------------------------------------- Main */

static void run(const char *name, void (*fn)(void))
{
    begin();
    check_run(name, fn);
}

int main(void)
{
    struct quota quota;
    scopei_quota_read("", &quota);
    quota_cpus = scopei_quota_cpus(&quota);
    half_used = quota.period_us && quota.run_us % quota.period_us != 0;
    if (sched_getaffinity(0, sizeof(inherited), &inherited) != 0) {
        check_skip("topology", "more than 1024 processors");
        return check_done();
    }
    /* First, since what other tests have freed would be spare memory too. */
    if (pages_used() < (size_t)1 << 30)
        run("memory_short_no_crash", memory_short_no_crash);
    else
        check_skip("memory_short_no_crash", "a sanitizer needs more address space than can be limited");
    run("workers_default_cores_and_quota", workers_default_cores_and_quota);
    run("workers_bound_to_one_cpu", workers_bound_to_one_cpu);
    run("workers_binding_of_the_thread", workers_binding_of_the_thread);
    run("workers_environment_overrides", workers_environment_overrides);
    run("workers_bad_environment_ignored", workers_bad_environment_ignored);
    run("workers_limit_clamps", workers_limit_clamps);
    run("oversubscribed_more_than_cores", oversubscribed_more_than_cores);
    run("hwloc_garbage_falls_back", hwloc_garbage_falls_back);
    run("topology_without_the_binding_falls_back", topology_without_the_binding_falls_back);
    run("mask_larger_than_tried_first", mask_larger_than_tried_first);
    run("mask_unreadable_nothing_pinned", mask_unreadable_nothing_pinned);
    run("distance_by_shared_parts", distance_by_shared_parts);
    run("distance_without_hwloc", distance_without_hwloc);
    run("pin_within_mask", pin_within_mask);
    run("pin_within_mask_without_hwloc", pin_within_mask_without_hwloc);
    run("pin_few_near_caller", pin_few_near_caller);
    run("pin_other_machine_refused", pin_other_machine_refused);
    run("pin_refused_by_the_kernel", pin_refused_by_the_kernel);
    run("worker_at_nowhere", worker_at_nowhere);
    run("display_says_everything", display_says_everything);
    run("display_gives_reasons", display_gives_reasons);
    run("display_other_machine", display_other_machine);
    run("display_without_hwloc", display_without_hwloc);
    return check_done();
}

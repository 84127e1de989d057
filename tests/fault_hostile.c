/* A hostile machine: processes that are stopped and go on, workers that freeze, forks everywhere, stacks that end, limits on memory,
 * threads and processors, descriptions of the machine that are garbage, affinity that changes.  Every task still runs once, and
 * what cannot be done is refused; a stack that ends is the end of the process.
 *
 * Most run in children, which tell by their exit status; an alarm ends one that hangs. */
#include "tests/child_check.h"
#include "tests/scope_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define HOUR_NS 3600000000000u

/* ------------------------------------------------------------------------------------------------ What must still work */

#define SCOPES 24
#define LEAVES 6

struct use {
    atomic_uint ran, disposed;
    unsigned work; /* of a leaf: about so many ns */
};

static int leaf(struct scope *s, void *arg)
{
    struct use *use = arg;
    (void)s;
    for (volatile unsigned i = 0; i < use->work; i++)
        ;
    atomic_fetch_add(&use->ran, 1);
    return 0;
}

static void dispose(void *arg)
{
    atomic_fetch_add(&((struct use *)arg)->disposed, 1);
}

static int inner(struct scope *s, void *arg)
{
    static const SCOPE_DESCRIBE(described, .fn = leaf, .dispose = dispose);
    int status = SCOPE_OK;
    for (int i = 0; status == SCOPE_OK && i < LEAVES; i++)
        status = scope_spawn_task(s, &described, arg);
    return status; /* SCOPE_ECANCELED: another scope was refused */
}

static int opens_inner(struct scope *s, void *arg)
{
    (void)s;
    return scope_run(inner, arg);
}

static int outer(struct scope *s, void *arg)
{
    int status = SCOPE_OK;
    for (int i = 0; status == SCOPE_OK && i < SCOPES; i++)
        status = scope_spawn(s, opens_inner, arg);
    return status;
}

/* What a call may say that was refused memory or threads; inner scopes that were are errors of the outer one. */
static bool was_refused(int status, const struct scope_report *report)
{
    bool inside = status == SCOPE_ERROR && report->group.codes[0].code == SCOPE_ENOMEM && !report->group.codes[1].count;
    return status == SCOPE_ENOMEM || status == SCOPE_EAGAIN || inside;
}

#define REFUSED 2

/* 0, REFUSED, or where it went wrong.  Without CHECK, for children. */
static int use_with(const struct scope_options *options, unsigned work)
{
    struct use use = {.work = work};
    struct scope_report report = scope_report_init();
    int status = scope_run_with(options, &report, outer, &use);
    if (status != SCOPE_OK)
        return was_refused(status, &report) ? REFUSED : 1;
    if (report.ok != SCOPES || report.spawned != SCOPES)
        return 3;
    return atomic_load(&use.ran) == SCOPES * LEAVES && atomic_load(&use.disposed) == SCOPES * LEAVES ? 0 : 4;
}

/* The same in a pool of its own. */
static int use_new_pool(unsigned workers)
{
    struct scope_pool *pool = NULL;
    struct scope_pool_options asked = {.size = sizeof(asked), .workers = workers};
    int status = scope_pool_create(&pool, &asked);
    if (status != SCOPE_OK)
        return status == SCOPE_ENOMEM ? REFUSED : 1;
    struct scope_options options = options_of(pool);
    options.timeout_ns = HOUR_NS;
    int wrong = use_with(&options, 100);
    return scope_pool_destroy(pool) == SCOPE_OK ? wrong : 5;
}

static void signals_let_in(void)
{
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static pid_t child_start(int (*fn)(void))
{
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        signals_let_in(); /* a worker's are blocked */
        (void)alarm(50);
        _exit(fn());
    }
    CHECK(child > 0);
    return child;
}

/* Its exit status; 1000 and its signal if it was killed. */
static int child_end(pid_t child)
{
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int in_child(int (*fn)(void))
{
    return child_end(child_start(fn));
}

/* ------------------------------------------------------------------------------------------------- Stopped, and going on */

static int use_for_long(void)
{
    struct scope_options options = options_of(NULL);
    options.timeout_ns = HOUR_NS;
    int wrong = 0;
    for (int i = 0; i < TIMES(300, 60) && wrong == 0; i++)
        wrong = use_with(&options, 1000);
    return wrong;
}

static void stopped_process_goes_on(void)
{
    pid_t child = child_start(use_for_long);
    siginfo_t info = {.si_pid = 0};
    unsigned stops = 0;
    while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) {
        CHECK(kill(child, SIGSTOP) == 0);
        usleep(1000);
        CHECK(kill(child, SIGCONT) == 0);
        usleep(1000 + stops % 7 * 500);
        stops++;
    }
    CHECK_EQ_INT(child_end(child), 0);
    printf("# stopped %u times\n", stops);
}

/* ------------------------------------------------------------------------------------------------------ Frozen workers */

static int ice[2]; /* a pipe: who freezes waits for a byte */
static atomic_uint frozen;

/* What a debugger, a page that is slow to come, or a hypervisor does to a thread. */
static void freeze(int number)
{
    int before = errno;
    char byte;
    (void)number;
    atomic_fetch_add(&frozen, 1);
    while (read(ice[0], &byte, 1) < 0 && errno == EINTR)
        ;
    errno = before;
}

static void thaw(void)
{
    CHECK(write(ice[1], "", 1) == 1);
}

static void ice_begin(void)
{
    struct sigaction action = {.sa_handler = freeze};
    CHECK_EQ_INT(pipe(ice), 0);
    CHECK_EQ_INT(sigaction(SIGUSR2, &action, NULL), 0);
    atomic_store(&frozen, 0);
}

static void ice_end(void)
{
    (void)signal(SIGUSR2, SIG_IGN);
    close(ice[0]);
    close(ice[1]);
}

struct ward {
    struct scope_pool *pool;
    struct use use;
    struct tally tally;
};

static int freezes(struct scope *s, void *arg)
{
    struct ward *ward = arg;
    for (int i = 0; i < LEAVES; i++)
        CHECK_EQ_INT(scope_spawn(s, leaf, &ward->use), SCOPE_OK);
    signals_let_in();
    raise(SIGUSR2);
    return tally_end(&ward->tally, 0);
}

/* While one worker is frozen in a task, everybody else's scopes begin and end. */
static int goes_on(struct scope *s, void *arg)
{
    struct ward *ward = arg;
    CHECK_EQ_INT(tally_spawn(&ward->tally, s, freezes, ward), SCOPE_OK);
    beckon(&ward->tally, s, &frozen, 1);
    for (int i = 0; i < 20; i++)
        CHECK_EQ_INT(use_with(NULL, 100), 0);
    CHECK_EQ_INT(use_new_pool(2), 0);
    thaw();
    return 0;
}

static void frozen_worker_others_go_on(void)
{
    struct ward ward = {.pool = pool_at_least(3)};
    struct scope_options options = options_of(ward.pool);
    struct scope_report report;
    ice_begin();
    CHECK_EQ_INT(run_checked(&options, &report, goes_on, &ward), SCOPE_OK);
    CHECK_EQ_INT(atomic_load(&ward.use.ran), LEAVES);
    CHECK_EQ_INT(report.ok, ward.tally.ok + LEAVES);
    CHECK_EQ_INT(scope_pool_destroy(ward.pool), SCOPE_OK);
    ice_end();
}

/* Workers that may freeze. */
#define WARDS_MAX 4
static atomic_uint warded;
static pthread_t wards[WARDS_MAX];

static int joins_wards(struct scope *s, void *arg)
{
    unsigned i = atomic_load(&warded);
    (void)s, (void)arg;
    signals_let_in();
    wards[i] = pthread_self();
    atomic_store(&warded, i + 1);
    return 0;
}

static void *torments(void *stop)
{
    for (unsigned i = 0; !atomic_load((atomic_bool *)stop); i++) {
        unsigned before = atomic_load(&frozen);
        CHECK_EQ_INT(pthread_kill(wards[0], SIGUSR2), 0);
        for (int wait = 0; atomic_load(&frozen) == before && wait < 1000; wait++) /* TSan delivers it late */
            usleep(100);
        usleep(i % 8 * 100);
        thaw();
        usleep(i % 5 * 200);
    }
    return NULL;
}

static int attracts(struct scope *s, void *arg)
{
    CHECK_EQ_INT(scope_spawn(s, joins_wards, NULL), SCOPE_OK);
    beckon(arg, s, &warded, 1);
    return 0;
}

/* Anywhere: in a task, in the library's own code, with one of its locks, asleep. */
static void frozen_anywhere_nothing_is_lost(void)
{
    pthread_t thread;
    struct tally tally = {0};
    atomic_bool stop = false;
    struct scope_pool *pool = pool_at_least(2);
    struct scope_options options = options_of(pool);
    ice_begin();
    atomic_store(&warded, 0);
    CHECK_EQ_INT(scope_run_with(&options, NULL, attracts, &tally), SCOPE_OK);
    CHECK_EQ_INT(pthread_create(&thread, NULL, torments, &stop), 0);
    for (int i = 0; i < TIMES(100, 30) || atomic_load(&frozen) < 20; i++)
        CHECK_EQ_INT(use_with(&options, 500), 0);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    printf("# frozen %u times\n", atomic_load(&frozen));
    ice_end();
}

/* -------------------------------------------------------------------------------------------------------- Forks at once */

static int until_cancelled(struct scope *s, void *arg)
{
    (void)arg;
    spin_until_cancelled(s);
    return SCOPE_ECANCELED;
}

/* A deadline comes. */
static int use_deadline(void)
{
    struct scope_options options = options_of(NULL);
    options.timeout_ns = 100000;
    int status = scope_run_with(&options, NULL, until_cancelled, NULL);
    return status == SCOPE_TIMEOUT ? 0 : status == SCOPE_ENOMEM || status == SCOPE_EAGAIN ? REFUSED : 6;
}

static int use_all(void)
{
    int wrong = use_new_pool(2);
    wrong = wrong ? wrong : use_with(NULL, 100);
    return wrong ? wrong : use_deadline();
}

static int forks(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(in_child(use_all), 0);
    atomic_fetch_add((atomic_uint *)arg, 1);
    return 0;
}

static int forks_all(struct scope *s, void *arg)
{
    for (int i = 0; i < TIMES(16, 8); i++)
        CHECK_EQ_INT(scope_spawn(s, forks, arg), SCOPE_OK);
    return 0;
}

static int nothing(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    return 0;
}

static void *uses_pools(void *stop)
{
    struct scope_options options = options_of(NULL);
    options.timeout_ns = HOUR_NS;
    while (!atomic_load((atomic_bool *)stop)) {
        CHECK_EQ_INT(use_new_pool(2), 0);
        for (int i = 0; i < 5000; i++)
            CHECK_EQ_INT(scope_run_with(&options, NULL, nothing, NULL), SCOPE_OK);
    }
    return NULL;
}

/* While tasks fork on all workers, another thread makes and destroys pools, and arms deadlines. */
static void fork_storm_in_tasks_children_work(void)
{
    pthread_t thread;
    atomic_bool stop = false;
    atomic_uint forked = 0;
    struct scope_pool *pool = pool_at_least(4);
    struct scope_options options = options_of(pool);
    CHECK_EQ_INT(pthread_create(&thread, NULL, uses_pools, &stop), 0);
    CHECK_EQ_INT(scope_run_with(&options, NULL, forks_all, &forked), SCOPE_OK);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    CHECK_EQ_INT(atomic_load(&forked), TIMES(16, 8));
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

/* --------------------------------------------------------------------------------------------------- A stack that ends */

static pthread_t first_thread;
static atomic_uint overflowing;
static char *stack_low;

/* On a stack of its own, as the other is full. */
static void on_overflow(int number, siginfo_t *info, void *context)
{
    const char *at = info->si_addr;
    (void)number, (void)context;
    _exit(at > stack_low - 65536 && at < stack_low + 65536 ? 42 : 43);
}

static void stack_watch(void)
{
    static char memory[65536];
    const stack_t own = {.ss_sp = memory, .ss_size = sizeof(memory)};
    struct sigaction action = {.sa_sigaction = on_overflow, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    pthread_attr_t attributes;
    size_t size;
    void *low = NULL;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0)
        (void)pthread_attr_getstack(&attributes, &low, &size);
    stack_low = low;
    (void)sigaltstack(&own, NULL);
    (void)sigaction(SIGSEGV, &action, NULL);
}

static volatile unsigned bottomless = 1;

static unsigned recurse(unsigned n) // NOLINT
{
    volatile char frame[512];
    frame[n % sizeof(frame)] = (char)n;
    unsigned deeper = bottomless ? recurse(n + 1) : 0;
    return deeper + (unsigned)frame[n % sizeof(frame)];
}

static int overflows(struct scope *s, void *watched)
{
    (void)s;
    if (pthread_equal(pthread_self(), first_thread) || atomic_fetch_add(&overflowing, 1))
        return 0;
    if (*(bool *)watched)
        stack_watch();
    return (int)recurse(0);
}

static int waits_for_overflow(struct scope *s, void *watched)
{
    while (bottomless) {
        (void)scope_spawn(s, overflows, watched);
        sched_yield();
    }
    return 0;
}

static int overflow_in(bool watched)
{
    struct scope_pool_options options = {.size = sizeof(options), .workers = 2};
    struct scope_options in_pool = options_of(NULL);
    const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    first_thread = pthread_self();
    if (scope_pool_create(&in_pool.pool, &options) == SCOPE_OK)
        (void)scope_run_with(&in_pool, NULL, waits_for_overflow, &watched);
    return 1;
}

static int overflow(void)
{
    return overflow_in(false);
}

static int overflow_watched(void)
{
    return overflow_in(true);
}

static void stack_overflow_in_task_ends_at_the_guard(void)
{
    CHECK_EQ_INT(in_child(overflow), 1000 + SIGSEGV);
    CHECK_EQ_INT(in_child(overflow_watched), 42);
}

/* -------------------------------------------------------------------------------------------------------------- Limits */

static size_t address_space_used(void)
{
    size_t pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm && fscanf(statm, "%zu", &pages) != 1)
        pages = 0;
    if (statm)
        (void)fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t spare_bytes;

static int use_little_memory(void)
{
    rlim_t bytes = address_space_used() + spare_bytes;
    (void)setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes});
    int wrong = use_all();
    return wrong == REFUSED ? 0 : wrong;
}

/* Whatever address space there is: a pool works, or is refused. */
static void address_space_ends_refused_or_works(void)
{
    for (spare_bytes = 0; spare_bytes < 128u << 20; spare_bytes += 1u << 20 | spare_bytes >> 3)
        if (!CHECK_EQ_INT(in_child(use_little_memory), 0))
            printf("# with %zu bytes\n", spare_bytes);
}

/* Puts the calling process into a new group of a cgroup hierarchy and writes the limit.  False: not possible here. */
static bool group_enter(const char *controller, const char *file, const char *limit, char *folder, size_t size)
{
    const char *const roots[] = {"/sys/fs/cgroup/", "/sys/fs/cgroup"};
    for (int i = 0; i < 2; i++) {
        char path[300], process[20];
        (void)snprintf(folder, size, "%s%s/taskscope-hostile-%d", roots[i], i ? "" : controller, (int)getpid());
        (void)snprintf(path, sizeof(path), "%s/%s", folder, file);
        if (mkdir(folder, 0755) != 0)
            continue;
        int to = open(path, O_WRONLY);
        bool limited = to >= 0 && write(to, limit, strlen(limit)) > 0;
        (void)close(to);
        (void)snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
        (void)snprintf(process, sizeof(process), "%d", (int)getpid());
        to = limited ? open(path, O_WRONLY) : -1;
        bool entered = to >= 0 && write(to, process, strlen(process)) > 0;
        (void)close(to);
        if (entered)
            return true;
        (void)rmdir(folder);
    }
    return false;
}

#define NOT_HERE 77

static int few_threads(void)
{
    struct scope_pool *pool = NULL;
    struct scope_pool_options asked = {.size = sizeof(asked), .workers = 16};
    if (scope_pool_create(&pool, &asked) != SCOPE_OK)
        return 10;
    if (scope_pool_workers(pool) >= 16)
        return 11;
    struct scope_options options = options_of(pool);
    int wrong = use_with(&options, 100);
    return scope_pool_destroy(pool) == SCOPE_OK ? wrong : 12;
}

static int few_processes(void)
{
    char folder[200];
    return group_enter("pids", "pids.max", "5", folder, sizeof(folder)) ? few_threads() : NOT_HERE;
}

/* 48 MiB: the stacks and deques of a pool take address space, and no memory until they are used. */
static int little_memory(void)
{
    char folder[200];
    bool limited = group_enter("memory", "memory.limit_in_bytes", "50331648", folder, sizeof(folder)) ||
                   group_enter("memory", "memory.max", "50331648", folder, sizeof(folder));
    return limited ? use_new_pool(16) : NOT_HERE;
}

/* The groups that children have left behind. */
static void groups_remove(pid_t child)
{
    static const char *const folders[] = {"/sys/fs/cgroup/pids/", "/sys/fs/cgroup/memory/", "/sys/fs/cgroup/"};
    for (int i = 0; i < 3; i++) {
        char folder[200];
        (void)snprintf(folder, sizeof(folder), "%staskscope-hostile-%d", folders[i], (int)child);
        for (int tries = 0; tries < 100 && rmdir(folder) != 0 && errno == EBUSY; tries++)
            usleep(1000);
    }
}

static void limited(const char *name, int (*fn)(void), void (*subtest)(void), pid_t *child, int *result)
{
    *child = child_start(fn);
    *result = child_end(*child);
    groups_remove(*child);
    if (*result == NOT_HERE)
        check_skip(name, "no such cgroup can be made here");
    else
        check_run(name, subtest);
}

static pid_t limited_child;
static int limited_result;

static void limited_works(void)
{
    CHECK_EQ_INT(limited_result, 0);
}

/* ---------------------------------------------------------------------------------------------------------- Processors */

static int use_one_processor(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof(one), &one) != 0)
        return 9;
    int wrong = use_new_pool(4);
    return wrong ? wrong : use_all();
}

static void one_processor_works(void)
{
    CHECK_EQ_INT(in_child(use_one_processor), 0);
}

static void sixteen_workers_a_processor_work(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned workers = processors < SCOPE_WORKERS_MAX / 16 ? 16 * (unsigned)processors : SCOPE_WORKERS_MAX;
    CHECK_EQ_INT(use_new_pool(workers), 0);
}

static void mask_random(const cpu_set_t *all, unsigned seed, cpu_set_t *mask)
{
    do {
        CPU_ZERO(mask);
        for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            seed = seed * 1103515245u + 12345u;
            if (CPU_ISSET(cpu, all) && seed >> 16 & 1)
                CPU_SET(cpu, mask);
        }
    } while (CPU_COUNT(mask) == 0);
}

/* What `taskset -ap` does, again and again. */
static void *reassigns(void *stop)
{
    cpu_set_t all, mask;
    CHECK_EQ_INT(sched_getaffinity(0, sizeof(all), &all), 0);
    for (unsigned i = 0; !atomic_load((atomic_bool *)stop); i++) {
        DIR *threads = opendir("/proc/self/task");
        for (const struct dirent *entry; threads && (entry = readdir(threads));) {
            pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
            mask_random(&all, i * 31 + (unsigned)thread, &mask);
            if (thread > 0)
                (void)sched_setaffinity(thread, sizeof(mask), &mask);
        }
        if (threads)
            (void)closedir(threads);
        usleep(200);
    }
    return NULL;
}

static int use_while_reassigned(void)
{
    pthread_t thread;
    atomic_bool stop = false;
    int wrong = 0;
    if (pthread_create(&thread, NULL, reassigns, &stop) != 0)
        return 9;
    for (int i = 0; i < TIMES(10, 5) && wrong == 0; i++) {
        wrong = use_new_pool(3);
        for (int j = 0; j < TIMES(20, 5) && wrong == 0; j++)
            wrong = use_with(NULL, 500);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    return wrong;
}

static void affinity_changes_while_running_works(void)
{
    CHECK_EQ_INT(in_child(use_while_reassigned), 0);
}

/* ----------------------------------------------------------------------------------------- Garbage about the machine */

static const char *garbage[2];

static int use_with_garbage(void)
{
    (void)unsetenv("HWLOC_PLUGINS_PATH"); /* one of them reads XML */
    (void)setenv(garbage[0], garbage[1], 1);
    return use_new_pool(0);
}

static void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void garbage_about_the_machine_works(void)
{
    static const char *const synthetic[] = {"", "rubbish", "core:0", "pu:-3", "core:2(", "core:2 pu:0", "\xff\xfe"};
    static const char *const files[] = {
        "", "rubbish", "<?xml version=\"1.0\"?>\n<topology version=\"2.0\">\n  <object type=\"Machine\" cpu",
        "<?xml version=\"1.0\"?>\n<topology version=\"2.0\">\n</topology>\n",
        "<?xml version=\"1.0\"?>\n<topology version=\"2.0\">\n<object type=\"Machine\" cpuset=\"0x0\"/></topology>\n"};
    char path[] = "/tmp/fault_hostile.XXXXXX";
    int file = mkstemp(path);
    CHECK(file >= 0);
    (void)close(file);
    garbage[0] = "HWLOC_SYNTHETIC";
    for (size_t i = 0; i < sizeof(synthetic) / sizeof(*synthetic); i++) {
        garbage[1] = synthetic[i];
        CHECK_EQ_INT(in_child(use_with_garbage), 0);
    }
    garbage[0] = "HWLOC_XMLFILE";
    garbage[1] = path;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        file_write(path, files[i]);
        CHECK_EQ_INT(in_child(use_with_garbage), 0);
    }
    (void)unlink(path); /* and missing */
    CHECK_EQ_INT(in_child(use_with_garbage), 0);
    garbage[1] = "/proc/self/exe";
    CHECK_EQ_INT(in_child(use_with_garbage), 0);
}

int main(void)
{
    /* In children, while this process has one thread. */
    check_run("stopped_process_goes_on", stopped_process_goes_on);
    if (TSAN || ASAN) {
        check_skip("stack_overflow_in_task_ends_at_the_guard", "sanitizers see to stacks themselves");
        check_skip("address_space_ends_refused_or_works", "sanitizers take all address space");
        check_skip("few_processes_allowed_smaller_pool", "sanitizers have threads of their own");
        check_skip("little_memory_allowed_works", "sanitizers take more");
    } else {
        check_run("stack_overflow_in_task_ends_at_the_guard", stack_overflow_in_task_ends_at_the_guard);
        check_run("address_space_ends_refused_or_works", address_space_ends_refused_or_works);
        limited("few_processes_allowed_smaller_pool", few_processes, limited_works, &limited_child, &limited_result);
        limited("little_memory_allowed_works", little_memory, limited_works, &limited_child, &limited_result);
    }
    check_run("one_processor_works", one_processor_works);
    check_run("affinity_changes_while_running_works", affinity_changes_while_running_works);
    check_run("garbage_about_the_machine_works", garbage_about_the_machine_works);
    check_run("sixteen_workers_a_processor_work", sixteen_workers_a_processor_work);
    check_run("frozen_worker_others_go_on", frozen_worker_others_go_on);
    check_run("frozen_anywhere_nothing_is_lost", frozen_anywhere_nothing_is_lost);
    if (TSAN)
        check_skip("fork_storm_in_tasks_children_work",
                   "ThreadSanitizer can't start threads after a process with threads has forked");
    else
        check_run("fork_storm_in_tasks_children_work", fork_storm_in_tasks_children_work);
    return check_done();
}

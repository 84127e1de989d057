/* Fuzzing of what parses text: the environment variables that say how many workers there are and whether that is displayed, and the
 * files that tell the CPU quota.  The first byte of an input says which, the others make up the text: some stand for words that mean
 * something there. */
#include "sched/quota.h"
#include "sched/topology.h"
#include "tests/fuzz_driver.h"
#include "tests/scope_check.h"

#include <fcntl.h>
#include <sys/stat.h>

#define TEXT_MAX 4096
#define NUMBER_MAX 32
#define LEVELS 4
#define LIMIT SCOPE_WORKERS_MAX

static char root[64]; /* of a made-up machine */
static int root_fd, errors_fd;
static unsigned usual; /* workers, if nothing is said */

struct reader {
    const uint8_t *at, *end;
};

static unsigned byte_next(struct reader *r)
{
    return r->at < r->end ? *r->at++ : 0;
}

/* The n-th of the words, between which there is a |; behind the last comes the first. */
static const char *word_pick(const char *words, unsigned n, size_t *length)
{
    const char *word = words;
    for (; n > 0; n--) {
        word += strcspn(word, "|");
        word = *word ? word + 1 : words;
    }
    *length = strcspn(word, "|");
    return word;
}

/* Text up to a zero byte; half of the bytes are words. */
static void text_decode(struct reader *r, char *text, size_t most, const char *words)
{
    size_t length = 0;
    for (unsigned byte = byte_next(r); byte && most > 0; byte = byte_next(r), most--) {
        const char letter = (char)byte, *next = &letter;
        size_t more = 1;
        if (byte >= 128)
            next = word_pick(words, byte - 128, &more);
        if (length + more >= TEXT_MAX)
            break;
        (void)memcpy(text + length, next, more);
        length += more;
    }
    text[length] = '\0';
}

/* -------------------------------------------------------------------------------------------------------- Environment */

/* What the documentation says of "N", or "N,...": 0 if it is not a positive number. */
static unsigned number_of(const char *text, bool list)
{
    uint64_t number = 0;
    while (*text == ' ' || *text == '\t')
        text++;
    const char *digits = text;
    for (; *text >= '0' && *text <= '9'; text++)
        number = number < UINT32_MAX ? number * 10 + (uint64_t)(*text - '0') : number;
    bool any = text > digits;
    while (*text == ' ' || *text == '\t')
        text++;
    bool ends = *text == '\0' || (list && *text == ',');
    return !any || !ends ? 0 : number < LIMIT ? (unsigned)number : LIMIT;
}

/* From here on stderr is a file.  Returns what it was. */
static int errors_begin(void)
{
    int was = dup(STDERR_FILENO);
    CHECK(was >= 0 && ftruncate(errors_fd, 0) == 0 && dup2(errors_fd, STDERR_FILENO) >= 0);
    return was;
}

/* True if anything has been written to it. */
static bool errors_end(int was)
{
    off_t size = lseek(errors_fd, 0, SEEK_END);
    CHECK(dup2(was, STDERR_FILENO) >= 0);
    (void)close(was);
    return size > 0;
}

static void workers_check(const char *wanted, const char *openmp)
{
    unsigned first = number_of(wanted, false), second = number_of(openmp, true);
    (void)setenv("SCOPE_NUM_WORKERS", wanted, 1);
    (void)setenv("OMP_NUM_THREADS", openmp, 1);
    struct topology *t = scopei_topology_create(0, LIMIT);
    if (!CHECK(t != NULL))
        return;
    unsigned workers = scopei_topology_workers(t);
    CHECK_EQ_INT(workers, first ? first : second ? second : usual);
    int was = errors_begin();
    scopei_topology_display(t, workers, NULL);
    CHECK(errors_end(was));
    scopei_topology_destroy(t);
    (void)unsetenv("SCOPE_NUM_WORKERS");
    (void)unsetenv("OMP_NUM_THREADS");
}

static void display_check(const char *wanted)
{
    const struct scope_pool_options one = {.size = sizeof(one), .workers = 1};
    struct scope_pool *pool = NULL;
    (void)setenv("SCOPE_DISPLAY", wanted, 1);
    int was = errors_begin();
    CHECK_EQ_INT(scope_pool_create(&pool, &one), SCOPE_OK);
    CHECK_EQ_INT(errors_end(was), *wanted != '\0' && *wanted != '0');
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    (void)unsetenv("SCOPE_DISPLAY");
}

static void environment_check(struct reader *r)
{
    static const char words[] =
        "0|1|2|35|512|513|4294967295|4294967296|4294967301|18446744073709551615|18446744073709551617| |\t|,|-|+|x";
    char wanted[TEXT_MAX], openmp[TEXT_MAX];
    text_decode(r, wanted, byte_next(r) % 4, words);
    text_decode(r, openmp, byte_next(r) % 64, words);
    workers_check(wanted, openmp);
    workers_check(openmp, wanted);
    display_check(openmp);
}

/* --------------------------------------------------------------------------------------------------------------- Quota */

/* Names are relative to the made-up machine's root.  A file that is cut to length 0 and written again goes to the disk at once. */
static void file_write(const char *name, const char *text)
{
    (void)unlinkat(root_fd, name, 0);
    int fd = openat(root_fd, name, O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
}

/* Groups inside each other; the first is the hierarchy's root. */
static const char *const levels[LEVELS] = {"", "/a", "/a/b", "/a/b/c d"};

struct name {
    char text[64];
};

/* A file of a group, if the mount shows the hierarchy from level `shown` on. */
static struct name limit_name(size_t shown, size_t level, const char *file)
{
    struct name name;
    (void)snprintf(name.text, sizeof(name.text), "m%s/%s", levels[level] + strlen(levels[shown]), file);
    return name;
}

static void limits_remove(void)
{
    static const char *const files[] = {"cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"};
    for (size_t at = 0; at < LEVELS * LEVELS * 3; at++)
        if (at % LEVELS <= at / LEVELS % LEVELS)
            (void)unlinkat(root_fd, limit_name(at % LEVELS, at / LEVELS % LEVELS, files[at / LEVELS / LEVELS]).text, 0);
}

static void cpus_check(const struct quota *quota)
{
    unsigned cpus = scopei_quota_cpus(quota);
    if (!quota->period_us) {
        CHECK(cpus == UINT_MAX && quota->file[0] == '\0');
        return;
    }
    uint64_t wanted = quota->run_us ? (quota->run_us - 1) / quota->period_us + 1 : 1;
    CHECK_EQ_INT(cpus, wanted < UINT_MAX ? wanted : UINT_MAX);
    CHECK(strncmp(quota->file, root, strlen(root)) == 0 && strlen(quota->file) < sizeof(quota->file));
}

static const char quota_words[] =
    "0::/|a/b|cpu|4:cpu:/a|\n| |/|..|1 2 0:3 /a| /m rw| - cgroup2 x rw\n| - cgroup x rw,cpu\n|\\040|\\777|:|,|"
    "max|100000|18446744073709551616|-|+|0|4294967296|\t|4|1 2 0:3 /a /m rw - cgroup2 x rw\n";

/* Any text in any of the files: nothing happens but that a quota is found, in a file that is there, or none. */
static void quota_text_check(struct reader *r)
{
    static const char *const files[] = {"proc/self/cgroup", "proc/self/mountinfo", "m/cpu.max",
                                        "m/a/cpu.max",      "m/cpu.cfs_quota_us",  "m/cpu.cfs_period_us"};
    char text[TEXT_MAX];
    struct quota quota;
    limits_remove();
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        text_decode(r, text, TEXT_MAX, quota_words);
        file_write(files[i], text);
    }
    scopei_quota_read(root, &quota);
    cpus_check(&quota);
    CHECK(!quota.period_us || access(quota.file, R_OK) == 0);
}

/* One level's limit. */
struct limit {
    uint64_t run_us, period_us; /* 0: none */
};

/* A limit, and how it is written. */
static struct limit limit_decode(struct reader *r, char *run, char *period)
{
    struct limit limit = {.run_us = 1 + (uint64_t)1000 * byte_next(r)};
    limit.period_us = 1000 + (uint64_t)1000 * byte_next(r);
    unsigned how = byte_next(r) % 16;
    (void)snprintf(run, NUMBER_MAX, "%" PRIu64 "%s", limit.run_us, how == 8 || how == 9 ? "x" : "");
    (void)snprintf(period, NUMBER_MAX, "%" PRIu64, limit.period_us);
    if (how < 6)
        return limit;
    if (how < 8)
        (void)snprintf(run, NUMBER_MAX, "%s", how == 6 ? "max" : "-1");
    else if (how >= 10)
        (void)snprintf(period, NUMBER_MAX, "%s", how < 13 ? "0" : "");
    return (struct limit){0, 0};
}

/* Where we are. */
struct machine {
    bool unified;
    size_t ours, shown; /* our group; the root of the mount */
    const char *point;  /* where it is mounted, escaped */
};

static void limit_write(const struct machine *m, size_t level, const char *run, const char *period)
{
    char text[100];
    (void)snprintf(text, sizeof(text), "%s%s%s\n", run, m->unified ? " " : "", m->unified ? period : "");
    file_write(limit_name(m->shown, level, m->unified ? "cpu.max" : "cpu.cfs_quota_us").text, text);
    if (!m->unified && *period)
        file_write(limit_name(m->shown, level, "cpu.cfs_period_us").text, period);
}

static void machine_write(const struct machine *m)
{
    char text[300];
    (void)snprintf(text, sizeof(text), m->unified ? "1:name=x:/z\n0::%s\n" : "7:cpuset:/z\n3:cpuacct,cpu:%s\n0::/z\n",
                   m->ours ? levels[m->ours] : "/");
    file_write("proc/self/cgroup", text);
    (void)snprintf(
        text, sizeof(text),
        "9 8 0:7 / /z rw - tmpfs x rw\n9 8 0:7 /a/b/c /z rw - %s x rw,cpu\n9 8 0:7 %s %s rw shared:1 - %s x rw%s\n",
        m->unified ? "cgroup2" : "cgroup",
        m->shown == 0   ? "/"
        : m->shown == 3 ? "/a/b/c\\040d"
                        : levels[m->shown],
        m->point, m->unified ? "cgroup2" : "cgroup", m->unified ? "" : ",cpuacct,cpu");
    file_write("proc/self/mountinfo", text);
    limits_remove();
}

static bool tighter(struct limit a, struct limit b)
{
    return a.period_us && (!b.period_us || a.run_us * b.period_us < b.run_us * a.period_us);
}

/* A machine with limits in some of the groups: the tightest of those that can be seen from ours is found. */
static void quota_tree_check(struct reader *r)
{
    static const char *const points[] = {"/m", "/w\\040x\\134y", "/q\\9z"};
    unsigned how = byte_next(r);
    struct machine m = {how % 2, how / 2 % LEVELS, how / 8 % LEVELS, points[how / 32 % 3]};
    struct limit least = {0, 0};
    struct quota quota;
    char run[NUMBER_MAX], period[NUMBER_MAX];
    if (m.ours < m.shown) /* it cannot be seen; the mount's root stands for it, unless another mount does */
        m.shown = m.ours;
    machine_write(&m);
    for (size_t level = m.shown; level < LEVELS; level++) {
        struct limit limit = limit_decode(r, run, period);
        limit_write(&m, level, run, period);
        if (level <= m.ours && (tighter(limit, least) || (limit.period_us && !tighter(least, limit))))
            least = limit;
    }
    scopei_quota_read(root, &quota);
    cpus_check(&quota);
    if (!CHECK(quota.period_us == least.period_us && (!least.period_us || quota.run_us == least.run_us)))
        printf("# %s, group %zu, mounted from %zu: %" PRIu64 "/%" PRIu64 ", %" PRIu64 "/%" PRIu64 "\n",
               m.unified ? "v2" : "v1", m.ours, m.shown, quota.run_us, quota.period_us, least.run_us, least.period_us);
}

/* ----------------------------------------------------------------------------------------------------------------- All */

static void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct reader r = {bytes, bytes + size};
    unsigned which = byte_next(&r) % 8;
    if (which < 2)
        environment_check(&r);
    else if (which < 4)
        quota_text_check(&r);
    else
        quota_tree_check(&r);
}

static void folders_make(void)
{
    static const char *const folders[] = {"proc",      "proc/self", "m",       "m/a",  "m/a/b",
                                          "m/a/b/c d", "m/b",       "m/b/c d", "m/c d"};
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* in memory, if possible */
    (void)snprintf(root, sizeof(root), "%s/fuzz_parsers.XXXXXX", folder);
    root_fd = mkdtemp(root) ? open(root, O_RDONLY | O_DIRECTORY) : -1;
    errors_fd = openat(root_fd, "errors", O_RDWR | O_CREAT | O_APPEND, 0600);
    if (errors_fd < 0)
        exit(1);
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        (void)mkdirat(root_fd, folders[i], 0700);
    (void)symlinkat("m", root_fd, "w x\\y");
    (void)symlinkat("m", root_fd, "q\\9z");
}

static void folders_remove(void)
{
    char command[100];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    if (system(command) != 0)
        perror(root);
}

static void fuzz_begin(void)
{
    const char *workers = getenv("SCOPE_NUM_WORKERS");
    fuzz_seed = workers ? strtoul(workers, NULL, 10) : 1; /* other texts in each column */
    folders_make();
    (void)atexit(folders_remove);
    (void)unsetenv("SCOPE_NUM_WORKERS");
    (void)unsetenv("OMP_NUM_THREADS");
    (void)unsetenv("SCOPE_DISPLAY");
    (void)setenv("HWLOC_SYNTHETIC", "core:3 pu:1", 1); /* quickly made */
    struct topology *t = scopei_topology_create(0, LIMIT);
    usual = t ? scopei_topology_workers(t) : 0;
    scopei_topology_destroy(t);
}

int main(int argc, char **argv)
{
    return fuzz_main(argc, argv, "parsers_agree_with_oracle", TIMES(500, 300));
}

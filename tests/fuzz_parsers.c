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
#define LEVELS 4
#define LIMIT SCOPE_WORKERS_MAX

static char root[64]; /* of a made-up machine */
static int root_fd, errors_fd;

struct reader {
    const uint8_t *at, *end;
};

static unsigned byte_next(struct reader *r)
{
    return r->at < r->end ? *r->at++ : 0;
}

/* Text up to a zero byte; one byte in two is a word. */
static void text_decode(struct reader *r, char *text)
{
    static const char *const words[] = {"0::/",
                                        "a/b",
                                        "cpu",
                                        "4:cpu,cpuacct:/a",
                                        "\n",
                                        " ",
                                        "/",
                                        "..",
                                        "1 2 0:3 / ",
                                        "1 2 0:3 /a ",
                                        "/m",
                                        "/n",
                                        " rw - cgroup2 x rw\n",
                                        " rw - cgroup x rw,cpu\n",
                                        "\\040",
                                        "\\134",
                                        "\\777",
                                        ":",
                                        ",",
                                        "max",
                                        "100000",
                                        "18446744073709551616",
                                        "-",
                                        "+",
                                        "0",
                                        "4294967296",
                                        "\t",
                                        "4",
                                        "shared:3",
                                        "1 2 0:3 /a /m rw - cgroup2 x rw\n"};
    size_t length = 0;
    for (unsigned byte = byte_next(r); byte && length < TEXT_MAX - 64; byte = byte_next(r)) {
        if (byte < 128)
            text[length++] = (char)byte;
        else
            length += (size_t)sprintf(text + length, "%s", words[byte % (sizeof(words) / sizeof(*words))]);
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
    unsigned usual = 3, first = number_of(wanted, false), second = number_of(openmp, true);
    (void)setenv("SCOPE_NUM_WORKERS", wanted, 1);
    (void)setenv("OMP_NUM_THREADS", openmp, 1);
    struct topology *t = scopei_topology_create(0, LIMIT);
    if (!CHECK(t != NULL))
        return;
    unsigned workers = scopei_topology_workers(t);
    if (first || second)
        CHECK_EQ_INT(workers, first ? first : second);
    else
        CHECK(workers >= 1 && workers <= usual);
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
    char wanted[TEXT_MAX], openmp[TEXT_MAX];
    text_decode(r, wanted);
    text_decode(r, openmp);
    workers_check(wanted, openmp);
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

/* The group of each level, as a folder below /m; the hierarchy's root is level 0. */
static const char *const levels[LEVELS] = {"", "/a", "/a/b", "/a/b/c d"};

struct name {
    char text[64];
};

static struct name limit_name(size_t level, const char *file)
{
    struct name name;
    (void)snprintf(name.text, sizeof(name.text), "m%s/%s", levels[level], file);
    return name;
}

static void limits_remove(void)
{
    static const char *const files[] = {"cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"};
    for (size_t level = 0; level < LEVELS; level++)
        for (size_t i = 0; i < 3; i++)
            (void)unlinkat(root_fd, limit_name(level, files[i]).text, 0);
}

static void cpus_check(const struct quota *quota)
{
    unsigned cpus = scopei_quota_cpus(quota);
    if (!quota->period_us) {
        CHECK(cpus == UINT_MAX && quota->file[0] == '\0');
        return;
    }
    CHECK(cpus >= 1 && (cpus == UINT_MAX || (double)cpus * (double)quota->period_us >= (double)quota->run_us));
    CHECK(cpus == 1 || (double)(cpus - 1) * (double)quota->period_us < (double)quota->run_us);
    CHECK(strncmp(quota->file, root, strlen(root)) == 0 && strlen(quota->file) < sizeof(quota->file));
}

/* Any text in any of the files: nothing happens but that a quota is found, in a file that is there, or none. */
static void quota_text_check(struct reader *r)
{
    static const char *const files[] = {"proc/self/cgroup", "proc/self/mountinfo", "m/cpu.max",
                                        "m/a/cpu.max",      "m/cpu.cfs_quota_us",  "m/cpu.cfs_period_us"};
    char text[TEXT_MAX];
    struct quota quota;
    limits_remove();
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        text_decode(r, text);
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
    struct limit limit = {1 + 1000 * byte_next(r), 1000 * (1 + byte_next(r))};
    unsigned how = byte_next(r) % 16;
    (void)sprintf(run, "%" PRIu64, limit.run_us);
    (void)sprintf(period, "%" PRIu64, limit.period_us);
    if (how < 6)
        return limit;
    if (how < 9)
        (void)strcpy(run, how == 6 ? "max" : "-1");
    else if (how < 11)
        (void)strcat(run, "x");
    else if (how < 13)
        (void)strcpy(period, "0");
    else
        *period = '\0';
    return (struct limit){0, 0};
}

static void limit_write(size_t level, bool unified, const char *run, const char *period)
{
    char text[100];
    (void)snprintf(text, sizeof(text), "%s%s%s\n", run, unified ? " " : "", unified ? period : "");
    file_write(limit_name(level, unified ? "cpu.max" : "cpu.cfs_quota_us").text, text);
    if (!unified && *period)
        file_write(limit_name(level, "cpu.cfs_period_us").text, period);
}

static bool tighter(struct limit a, struct limit b)
{
    return a.period_us && (!b.period_us || a.run_us * b.period_us < b.run_us * a.period_us);
}

/* A machine with limits in some of the groups: the tightest of those that can be seen from ours is found. */
static void quota_tree_check(struct reader *r)
{
    unsigned how = byte_next(r);
    bool unified = how % 2;
    size_t ours = how / 2 % LEVELS, shown = how / 8 % LEVELS; /* our group; the root of the mount */
    struct limit least = {0, 0};
    struct quota quota;
    char text[200], run[32], period[32];
    (void)snprintf(text, sizeof(text), unified ? "1:name=x:/z\n0::%s\n" : "7:cpuset:/z\n3:cpuacct,cpu:%s\n0::/z\n",
                   ours ? levels[ours] : "/");
    file_write("proc/self/cgroup", text);
    (void)snprintf(text, sizeof(text), "9 8 0:7 / /z rw - tmpfs x rw\n9 8 0:7 %s /m rw shared:1 - %s x rw%s\n",
                   shown == 0   ? "/"
                   : shown == 3 ? "/a/b/c\\040d"
                                : levels[shown],
                   unified ? "cgroup2" : "cgroup", unified ? "" : ",cpuacct,cpu");
    file_write("proc/self/mountinfo", text);
    limits_remove();
    /* If the mount does not show the hierarchy's root, none of our folders is a group below it. */
    for (size_t level = 0; level < LEVELS; level++) {
        struct limit limit = limit_decode(r, run, period);
        limit_write(level, unified, run, period);
        bool ours_or_above = shown == 0 ? level <= ours : level == 0;
        if (ours_or_above && (tighter(limit, least) || (limit.period_us && !tighter(least, limit))))
            least = limit;
    }
    scopei_quota_read(root, &quota);
    cpus_check(&quota);
    if (!CHECK(quota.period_us == least.period_us && (!least.period_us || quota.run_us == least.run_us)))
        printf("# %s, group %zu, mounted from %zu: %" PRIu64 "/%" PRIu64 ", %" PRIu64 "/%" PRIu64 "\n",
               unified ? "v2" : "v1", ours, shown, quota.run_us, quota.period_us, least.run_us, least.period_us);
}

/* ----------------------------------------------------------------------------------------------------------------- All */

static void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct reader r = {bytes, bytes + size};
    unsigned which = byte_next(&r) % 8;
    if (which == 0)
        environment_check(&r);
    else if (which < 4)
        quota_text_check(&r);
    else
        quota_tree_check(&r);
}

static void folders_make(void)
{
    static const char *const folders[] = {"proc", "proc/self", "m", "m/a", "m/a/b", "m/a/b/c d"};
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* in memory, if possible */
    (void)snprintf(root, sizeof(root), "%s/fuzz_parsers.XXXXXX", folder);
    root_fd = mkdtemp(root) ? open(root, O_RDONLY | O_DIRECTORY) : -1;
    errors_fd = openat(root_fd, "errors", O_RDWR | O_CREAT | O_APPEND, 0600);
    if (errors_fd < 0)
        exit(1);
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        (void)mkdirat(root_fd, folders[i], 0700);
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
    folders_make();
    (void)atexit(folders_remove);
    (void)unsetenv("SCOPE_NUM_WORKERS");
    (void)unsetenv("SCOPE_DISPLAY");
    (void)setenv("HWLOC_SYNTHETIC", "core:3 pu:1", 1); /* quickly made */
}

int main(int argc, char **argv)
{
    return fuzz_main(argc, argv, "parsers_agree_with_oracle", TIMES(1000, 300));
}

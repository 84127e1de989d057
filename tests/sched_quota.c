/* The CPU quota, read from made-up /proc and /sys/fs/cgroup trees. */
#include "sched/quota.h"
#include "tests/check.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void tree_remove(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlink(path) != 0)
            tree_remove(path);
    }
    if (dir)
        (void)closedir(dir);
    (void)rmdir(folder);
}

/* Begins an empty tree. */
static void tree_begin(void)
{
    if (*root)
        tree_remove(root);
    (void)snprintf(root, sizeof(root), "/tmp/sched_quota.XXXXXX");
    if (!mkdtemp(root)) {
        perror(root);
        exit(1);
    }
}

/* Adds a file, and the folders above it. */
static void file_add(const char *name, const char *text)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s%s", root, name);
    for (char *slash = path + strlen(root); (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

#define V1_MOUNT "33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
#define V1_OTHERS                                                \
    "32 31 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" \
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
#define V2_MOUNT "41 31 0:38 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate\n"

static void quota_is(uint64_t run_us, uint64_t period_us, const char *file)
{
    struct quota quota;
    scopei_quota_read(root, &quota);
    CHECK_EQ_INT(quota.period_us, period_us);
    if (period_us)
        CHECK_EQ_INT(quota.run_us, run_us);
    size_t length = strlen(root);
    CHECK_EQ_STR(strncmp(quota.file, root, length) == 0 ? quota.file + length : quota.file, file);
}

static void no_quota(void)
{
    quota_is(0, 0, "");
}

/* ------------------------------------------------------------------------------------------------------------------ v2 */

static void machine_begin(const char *cgroup, const char *mountinfo)
{
    tree_begin();
    file_add("/proc/self/cgroup", cgroup);
    file_add("/proc/self/mountinfo", mountinfo);
}

static void v2_group_quota(void)
{
    machine_begin("1:name=systemd:/s\n0::/user.slice\n", V1_OTHERS V2_MOUNT);
    file_add("/sys/fs/cgroup/user.slice/cpu.max", "150000 100000\n");
    quota_is(150000, 100000, "/sys/fs/cgroup/user.slice/cpu.max");
}

static void v2_max_no_quota(void)
{
    machine_begin("0::/user.slice\n", V2_MOUNT);
    file_add("/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
    no_quota();
}

static void v2_parent_lower_wins(void)
{
    machine_begin("0::/a/b/c\n", V2_MOUNT);
    file_add("/sys/fs/cgroup/a/cpu.max", "200000 100000\n");
    file_add("/sys/fs/cgroup/a/b/cpu.max", "30000 20000\n"); /* 1.5 */
    file_add("/sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
    quota_is(30000, 20000, "/sys/fs/cgroup/a/b/cpu.max");
}

static void v2_child_lower_wins(void)
{
    machine_begin("0::/a/b\n", V2_MOUNT);
    file_add("/sys/fs/cgroup/a/cpu.max", "200000 100000\n");
    file_add("/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
    quota_is(50000, 100000, "/sys/fs/cgroup/a/b/cpu.max");
}

static void v2_child_max_parent_wins(void)
{
    machine_begin("0::/a/b\n", V2_MOUNT);
    file_add("/sys/fs/cgroup/a/cpu.max", "100000 100000\n");
    file_add("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    quota_is(100000, 100000, "/sys/fs/cgroup/a/cpu.max");
}

/* The groups of a tree with the cpu controller switched off below a point have no cpu.max. */
static void v2_child_without_controller(void)
{
    machine_begin("0::/a/b/c\n", V2_MOUNT);
    file_add("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    quota_is(300000, 100000, "/sys/fs/cgroup/a/cpu.max");
}

/* In a container with a cgroup namespace the group is /, and its limit is at the top of the mount. */
static void v2_namespace_root_counts(void)
{
    machine_begin("0::/\n", V2_MOUNT);
    file_add("/sys/fs/cgroup/cpu.max", "250000 100000\n");
    quota_is(250000, 100000, "/sys/fs/cgroup/cpu.max");
}

static void v2_path_outside_mount(void)
{
    machine_begin("0::/system.slice/docker-1.scope\n", "41 31 0:38 /docker /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    file_add("/sys/fs/cgroup/cpu.max", "60000 50000\n");
    quota_is(60000, 50000, "/sys/fs/cgroup/cpu.max");
    machine_begin("0::/../other\n", V2_MOUNT);
    file_add("/sys/fs/cgroup/cpu.max", "60000 50000\n");
    file_add("/sys/fs/other/cpu.max", "10000 50000\n");
    quota_is(60000, 50000, "/sys/fs/cgroup/cpu.max");
}

/* A group whose name begins like the mount's root is not below it. */
static void v2_mount_root_whole_names(void)
{
    machine_begin("0::/ab/c\n", "41 31 0:38 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    file_add("/sys/fs/cgroupb/c/cpu.max", "10000 100000\n");
    file_add("/sys/fs/cgroup/cpu.max", "90000 100000\n");
    quota_is(90000, 100000, "/sys/fs/cgroup/cpu.max");
}

/* Mounted thrice: another container's part, our own part, all of it. */
static void v2_best_mount_chosen(void)
{
    machine_begin("0::/a/b\n", "40 31 0:38 /x /other rw - cgroup2 cgroup2 rw\n"
                               "41 31 0:38 /a /own rw - cgroup2 cgroup2 rw\n"
                               "42 31 0:38 / /all rw - cgroup2 cgroup2 rw\n"
                               "43 31 0:38 /a/b /leaf rw - cgroup2 cgroup2 rw\n");
    file_add("/other/cpu.max", "10000 100000\n");
    file_add("/own/cpu.max", "20000 100000\n");
    file_add("/all/a/cpu.max", "70000 100000\n");
    file_add("/leaf/cpu.max", "30000 100000\n");
    quota_is(70000, 100000, "/all/a/cpu.max");
}

static void v2_peculiar_names(void)
{
    machine_begin("0::/a b/c:d\n", "41 31 0:38 / /sys/fs/c\\040g rw - cgroup2 cgroup2 rw\n");
    file_add("/sys/fs/c g/a b/c:d/cpu.max", "80000 100000\n");
    quota_is(80000, 100000, "/sys/fs/c g/a b/c:d/cpu.max");
}

/* Backslashes that escape nothing, since no octal number follows. */
static void v2_backslashes_stay(void)
{
    static const char *const point[] = {"/sys/\\", "/sys/\\x40", "/sys/\\-40", "/sys/\\440", "/sys/\\09", "/sys/\\0"};
    for (size_t i = 0; i < sizeof(point) / sizeof(*point); i++) {
        char line[100], file[100];
        (void)snprintf(line, sizeof(line), "41 31 0:38 / %s rw - cgroup2 cgroup2 rw\n", point[i]);
        (void)snprintf(file, sizeof(file), "%s/cpu.max", point[i]);
        machine_begin("0::/\n", line);
        file_add(file, "90000 100000\n");
        quota_is(90000, 100000, file);
    }
}

/* Names that only look like those of groups outside of the namespace. */
static void v2_dots_in_names(void)
{
    machine_begin("0::/..a\n", V2_MOUNT);
    file_add("/sys/fs/cgroup/..a/cpu.max", "60000 50000\n");
    quota_is(60000, 50000, "/sys/fs/cgroup/..a/cpu.max");
    machine_begin("0::/..\n", V2_MOUNT);
    file_add("/sys/fs/cgroup/cpu.max", "70000 50000\n");
    quota_is(70000, 50000, "/sys/fs/cgroup/cpu.max");
}

/* ------------------------------------------------------------------------------------------------------------------ v1 */

static void v1_group_quota(void)
{
    machine_begin("5:cpuset:/set\n4:cpuacct,cpu:/job/7\n1:name=systemd:/s\n", V1_OTHERS V1_MOUNT);
    file_add("/sys/fs/cgroup/cpu/job/7/cpu.cfs_quota_us", "350000\n");
    file_add("/sys/fs/cgroup/cpu/job/7/cpu.cfs_period_us", "100000\n");
    quota_is(350000, 100000, "/sys/fs/cgroup/cpu/job/7/cpu.cfs_quota_us");
}

static void v1_unlimited_no_quota(void)
{
    machine_begin("4:cpu:/job\n", V1_MOUNT);
    file_add("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
    file_add("/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
    no_quota();
}

static void v1_parent_lower_wins(void)
{
    machine_begin("4:cpu:/job/7\n", V1_MOUNT);
    file_add("/sys/fs/cgroup/cpu/job/7/cpu.cfs_quota_us", "350000\n");
    file_add("/sys/fs/cgroup/cpu/job/7/cpu.cfs_period_us", "100000\n");
    file_add("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "50000\n");
    file_add("/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "50000\n");
    quota_is(50000, 50000, "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us");
}

/* A container without a cgroup namespace: /proc has the host's path, which is the mount's root. */
static void v1_container_root_stripped(void)
{
    machine_begin("4:cpu:/docker/1f/in\n", "33 31 0:30 /docker/1f /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n");
    file_add("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "120000\n");
    file_add("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    file_add("/sys/fs/cgroup/cpu/in/cpu.cfs_quota_us", "110000\n");
    file_add("/sys/fs/cgroup/cpu/in/cpu.cfs_period_us", "100000\n");
    quota_is(110000, 100000, "/sys/fs/cgroup/cpu/in/cpu.cfs_quota_us");
}

/* cpuset is not cpu. */
static void v1_other_controller_ignored(void)
{
    machine_begin("5:cpuset:/job\n", V1_OTHERS V1_MOUNT);
    file_add("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "50000\n");
    file_add("/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "50000\n");
    no_quota();
    machine_begin("5:cpu:/job\n", V1_OTHERS);
    file_add("/sys/fs/cgroup/cpuset/job/cpu.cfs_quota_us", "50000\n");
    file_add("/sys/fs/cgroup/cpuset/job/cpu.cfs_period_us", "50000\n");
    no_quota();
}

/* -------------------------------------------------------------------------------------------------------------- Hybrid */

static void hybrid_begin(const char *v1_quota, const char *v2_max)
{
    machine_begin("0::/user\n4:cpu,cpuacct:/job\n",
                  V1_OTHERS V1_MOUNT "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    file_add("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", v1_quota);
    file_add("/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
    file_add("/sys/fs/cgroup/unified/user/cpu.max", v2_max);
    file_add("/sys/fs/cgroup/unified/job/cpu.max", "10000 100000\n"); /* not ours, nor is this: */
    file_add("/sys/fs/cgroup/cpu/user/cpu.cfs_quota_us", "10000\n");
    file_add("/sys/fs/cgroup/cpu/user/cpu.cfs_period_us", "100000\n");
}

static void hybrid_either_wins(void)
{
    hybrid_begin("150000\n", "max 100000\n");
    quota_is(150000, 100000, "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us");
    hybrid_begin("-1\n", "250000 100000\n");
    quota_is(250000, 100000, "/sys/fs/cgroup/unified/user/cpu.max");
    hybrid_begin("150000\n", "140000 100000\n");
    quota_is(140000, 100000, "/sys/fs/cgroup/unified/user/cpu.max");
}

/* ------------------------------------------------------------------------------------------------------------- Trouble */

static void files_missing_no_quota(void)
{
    tree_begin();
    no_quota();
    file_add("/proc/self/cgroup", "0::/a\n4:cpu:/a\n");
    no_quota();
    file_add("/proc/self/mountinfo", V1_MOUNT V2_MOUNT);
    no_quota();
    file_add("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "50000\n"); /* and no period */
    no_quota();
}

static void files_garbage_no_quota(void)
{
    static const char *const limits[] = {"",          "\n",         "abc",     "100000",    "100000 ",
                                         "100000 x",  "10x 100",    "100 10x", "-5 100000", "100000 0",
                                         "100000 -1", "1e5 100000", "max",     "\xff\xfe"};
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        machine_begin("0::/a\n", V2_MOUNT);
        file_add("/sys/fs/cgroup/a/cpu.max", limits[i]);
        no_quota();
    }
    static const char *const lines[] = {"",     ":",    "::",      "0:",    "0::",   "0::a",
                                        "\n\n", "0:/a", ":::::/a", "4:cpu", "4:cpu:"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        machine_begin(lines[i], V1_MOUNT V2_MOUNT);
        file_add("/sys/fs/cgroup/cpu.max", "100000 100000\n");
        no_quota();
    }
    static const char *const mounts[] = {"",
                                         " - ",
                                         "41 31 0:38 / - cgroup2 cgroup2 rw\n",
                                         "41 31 0:38 / /x rw",
                                         " - cgroup2",
                                         "41 31 0:38 / /x - cgroup2",
                                         "\\",
                                         " - \n - \n"};
    for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
        machine_begin("0::/\n", mounts[i]);
        file_add("/x/cpu.max", "100000 100000\n");
        no_quota();
    }
}

static void paths_too_long_no_crash(void)
{
    static char text[3 * PATH_MAX];
    (void)strcpy(text, "0::/");
    memset(text + 4, 'a', sizeof(text) - 5);
    machine_begin(text, V2_MOUNT);
    file_add("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    no_quota();
    text[PATH_MAX] = '\0'; /* the group fits, its folder doesn't */
    machine_begin(text, V2_MOUNT);
    file_add("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    no_quota();
}

static void cpus_rounded_up(void)
{
    static const struct {
        uint64_t run_us, period_us;
        unsigned cpus;
    } cases[] = {
        {0, 0, UINT_MAX},
        {0, 100000, 1},
        {1000, 100000, 1},
        {100000, 100000, 1},
        {100001, 100000, 2},
        {150000, 100000, 2},
        {200000, 100000, 2},
        {6400000, 100000, 64},
        {UINT64_MAX, 1, UINT_MAX},
        {1ull << 32, 1, UINT_MAX},
        {UINT64_MAX, UINT64_MAX, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct quota quota = {.run_us = cases[i].run_us, .period_us = cases[i].period_us};
        CHECK_EQ_INT(scopei_quota_cpus(&quota), cases[i].cpus);
    }
}

/* The real tree: whatever it says, it says without trouble. */
static void machine_quota_read(void)
{
    struct quota quota;
    scopei_quota_read("", &quota);
    CHECK(scopei_quota_cpus(&quota) >= 1);
    CHECK((quota.period_us != 0) == (access(quota.file, R_OK) == 0));
}

int main(void)
{
    check_run("v2_group_quota", v2_group_quota);
    check_run("v2_max_no_quota", v2_max_no_quota);
    check_run("v2_parent_lower_wins", v2_parent_lower_wins);
    check_run("v2_child_lower_wins", v2_child_lower_wins);
    check_run("v2_child_max_parent_wins", v2_child_max_parent_wins);
    check_run("v2_child_without_controller", v2_child_without_controller);
    check_run("v2_namespace_root_counts", v2_namespace_root_counts);
    check_run("v2_path_outside_mount", v2_path_outside_mount);
    check_run("v2_mount_root_whole_names", v2_mount_root_whole_names);
    check_run("v2_best_mount_chosen", v2_best_mount_chosen);
    check_run("v2_peculiar_names", v2_peculiar_names);
    check_run("v2_backslashes_stay", v2_backslashes_stay);
    check_run("v2_dots_in_names", v2_dots_in_names);
    check_run("v1_group_quota", v1_group_quota);
    check_run("v1_unlimited_no_quota", v1_unlimited_no_quota);
    check_run("v1_parent_lower_wins", v1_parent_lower_wins);
    check_run("v1_container_root_stripped", v1_container_root_stripped);
    check_run("v1_other_controller_ignored", v1_other_controller_ignored);
    check_run("hybrid_either_wins", hybrid_either_wins);
    check_run("files_missing_no_quota", files_missing_no_quota);
    check_run("files_garbage_no_quota", files_garbage_no_quota);
    check_run("paths_too_long_no_crash", paths_too_long_no_crash);
    check_run("cpus_rounded_up", cpus_rounded_up);
    check_run("machine_quota_read", machine_quota_read);
    tree_remove(root);
    return check_done();
}

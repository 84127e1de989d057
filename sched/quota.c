/* The kernel tells in three steps which quota a process is under, and each step has a peculiarity:
 *
 *   /proc/self/cgroup       the process's group in each hierarchy, seen from the root of the hierarchy (or of the process's
 *                           cgroup namespace).  v1 has a hierarchy per controller and we want that of cpu, v2 has only one;
 *                           a hybrid system has both.
 *   /proc/self/mountinfo    where the hierarchy is mounted, and which of its groups is the root of that mount: in a
 *                           container often not the hierarchy's root.  Groups above it can't be seen.
 *   cpu.max, cpu.cfs_*_us   a group's own limit.  It bounds its descendants too, whatever they say, so all groups from the
 *                           process's up to the root of the mount count.
 *
 * A group may be missing from the mount (a container with the host's path in /proc): what exists of its ancestors counts. */
#include "sched/quota.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One hierarchy, on its way through the three steps. */
struct hierarchy {
    bool unified;          /* v2 */
    char group[PATH_MAX];  /* the process's, as in /proc/self/cgroup; it begins with / */
    char folder[PATH_MAX]; /* the same as a folder */
    size_t mount;          /* folder[0..mount) is where the hierarchy is mounted */
};

static FILE *proc_open(const char *root, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/proc/self/%s", root, name);
    return length > 0 && (size_t)length < sizeof(path) ? fopen(path, "re") : NULL;
}

/* True if word is an element of list, which is separated by commas. */
static bool list_has(const char *list, const char *word)
{
    size_t wanted = strlen(word);
    for (;;) {
        size_t length = strcspn(list, ",");
        if (length == wanted && strncmp(list, word, length) == 0)
            return true;
        if (!list[length])
            return false;
        list += length + 1;
    }
}

/* --------------------------------------------------------------------------------------------------------- The group */

/* Reads a line `ID:CONTROLLERS:PATH`, cutting it up.  True if it is the hierarchy's. */
static bool group_parse(struct hierarchy *h, char *line)
{
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path || path[1] != '/')
        return false;
    *controllers++ = '\0';
    *path++ = '\0';
    if (h->unified ? strcmp(line, "0") != 0 : !list_has(controllers, "cpu"))
        return false;
    int length = snprintf(h->group, sizeof(h->group), "%s", path);
    return length > 0 && (size_t)length < sizeof(h->group);
}

static bool group_find(struct hierarchy *h, const char *root)
{
    FILE *file = proc_open(root, "cgroup");
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (file && !found && getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        found = group_parse(h, line);
    }
    free(line);
    if (file)
        (void)fclose(file);
    return found;
}

/* --------------------------------------------------------------------------------------------------------- The mount */

struct mount {
    char *root;  /* the group at the mount's top */
    char *point; /* where it is mounted */
};

/* Decodes \ooo, which stands for blanks and backslashes, in place. */
static void mount_unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        bool escaped = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && strspn(from + 1, "01234567") >= 3;
        *to = *from;
        if (escaped)
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
        from += escaped ? 4 : 1;
    }
    *to = '\0';
}

/* Reads a line `ID PARENT DEVICE ROOT POINT OPTIONS [FIELD...] - TYPE SOURCE OPTIONS`, cutting it up.  True if it is a mount of
 * the hierarchy. */
static bool mount_parse(const struct hierarchy *h, char *line, struct mount *mount)
{
    char *tail = strstr(line, " - ");
    if (!tail)
        return false;
    *tail = '\0';
    char *save = NULL, *field[5], *about[3];
    for (int i = 0; i < 5; i++)
        if (!(field[i] = strtok_r(i ? NULL : line, " ", &save)))
            return false;
    for (int i = 0; i < 3; i++)
        if (!(about[i] = strtok_r(i ? NULL : tail + 3, " \n", &save)))
            return false;
    if (h->unified ? strcmp(about[0], "cgroup2") != 0 : strcmp(about[0], "cgroup") != 0 || !list_has(about[2], "cpu"))
        return false;
    mount_unescape(mount->root = field[3]);
    mount_unescape(mount->point = field[4]);
    return true;
}

/* The part of the group's path below the mount's root; NULL: the group isn't below it. */
static const char *path_below(const char *group, const char *root)
{
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    bool below = strncmp(group, root, length) == 0 && (group[length] == '/' || group[length] == '\0');
    /* A group outside of the process's cgroup namespace is written /../GROUP. */
    bool outside = strncmp(group, "/..", 3) == 0 && (group[3] == '/' || group[3] == '\0');
    return below && !outside ? group + length : NULL;
}

/* Makes the folder of the group in a mount.  below: see path_below. */
static bool folder_set(struct hierarchy *h, const char *root, const struct mount *mount, const char *below)
{
    int length =
        snprintf(h->folder, sizeof(h->folder), "%s%s%s", root, mount->point, strcmp(below, "/") == 0 ? "" : below);
    h->mount = strlen(root) + strlen(mount->point);
    return length > 0 && (size_t)length < sizeof(h->folder);
}

/* A hierarchy may be mounted several times: the mount that shows most of the group's ancestors is taken.  If none shows the
 * group, it is the first one: its root then stands for a group at or above ours, as far as a container can tell. */
static bool folder_find(struct hierarchy *h, const char *root)
{
    FILE *file = proc_open(root, "mountinfo");
    char *line = NULL;
    size_t size = 0, longest = 0;
    bool found = false;
    while (file && getline(&line, &size, file) > 0) {
        struct mount mount;
        if (!mount_parse(h, line, &mount))
            continue;
        const char *below = path_below(h->group, mount.root);
        size_t shown = below ? 1 + strlen(below) : 0;
        if (!found || shown > longest) {
            found = folder_set(h, root, &mount, below ? below : "");
            longest = shown;
        }
    }
    free(line);
    if (file)
        (void)fclose(file);
    return found;
}

/* --------------------------------------------------------------------------------------------------------- The limits */

/* Reads up to count numbers from a file in the group's folder; returns how many there are before anything else. */
static int numbers_read(const struct hierarchy *h, const char *name, uint64_t *number, int count)
{
    char path[PATH_MAX], text[64];
    int length = snprintf(path, sizeof(path), "%s/%s", h->folder, name);
    FILE *file = length > 0 && (size_t)length < sizeof(path) ? fopen(path, "re") : NULL;
    size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        (void)fclose(file);
    text[size] = '\0';
    char *at = text;
    for (int i = 0; i < count; i++) {
        at += strspn(at, " \n");
        if (*at < '0' || *at > '9') /* "max", "-1", garbage */
            return i;
        number[i] = strtoull(at, &at, 10);
        if (*at && !strchr(" \n", *at))
            return i;
    }
    return count;
}

/* Puts the group's own limit into quota if it is tighter. */
static void quota_tighten(const struct hierarchy *h, struct quota *quota)
{
    const char *name = h->unified ? "cpu.max" : "cpu.cfs_quota_us";
    uint64_t is[2];
    bool known = h->unified
                     ? numbers_read(h, name, is, 2) == 2
                     : numbers_read(h, name, &is[0], 1) == 1 && numbers_read(h, "cpu.cfs_period_us", &is[1], 1) == 1;
    if (!known || is[1] == 0)
        return;
    if (quota->period_us && (double)is[0] / (double)is[1] >= (double)quota->run_us / (double)quota->period_us)
        return;
    quota->run_us = is[0];
    quota->period_us = is[1];
    size_t length = strlen(h->folder); /* It fits: the file has been read under this name. */
    (void)memcpy(quota->file, h->folder, length);
    (void)snprintf(quota->file + length, sizeof(quota->file) - length, "/%s", name);
}

/* From the process's group up to the root of the mount. */
static void groups_visit(struct hierarchy *h, struct quota *quota)
{
    for (;;) {
        quota_tighten(h, quota);
        size_t length = strlen(h->folder);
        if (length <= h->mount)
            return;
        while (length > h->mount && h->folder[length - 1] != '/')
            length--;
        while (length > h->mount && h->folder[length - 1] == '/')
            length--;
        h->folder[length] = '\0';
    }
}

void scopei_quota_read(const char *root, struct quota *quota)
{
    quota->period_us = 0;
    quota->file[0] = '\0';
    struct hierarchy *h = malloc(sizeof(*h));
    for (int version = 1; h && version <= 2; version++) {
        h->unified = version == 2;
        if (group_find(h, root) && folder_find(h, root))
            groups_visit(h, quota);
    }
    free(h);
}

unsigned scopei_quota_cpus(const struct quota *quota)
{
    if (!quota->period_us)
        return UINT_MAX;
    uint64_t cpus = quota->run_us / quota->period_us + (quota->run_us % quota->period_us != 0);
    return cpus == 0 ? 1 : cpus < UINT_MAX ? (unsigned)cpus : UINT_MAX;
}

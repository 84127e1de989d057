/* Finds everything below a directory, in an order that depends on the tree alone: each directory's names are sorted, and
 * a directory comes before what is in it.
 *
 * Names that don't fit the budget are read and sorted in runs, so that memory stays bounded in a directory of any size.
 * Symbolic links are found and never followed, so a loop of them does no harm. */
#include "treepack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What malloc adds to a name, at most. */
#define MALLOC_BYTES ((size_t)32)

/* A directory that is being walked. */
struct level {
    DIR *dir; /* NULL: every name was read */
    char **names;
    size_t count, next;
    size_t path_length;
};

static size_t name_bytes(const char *name)
{
    return strlen(name) + 1 + sizeof(name) + MALLOC_BYTES;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct walk *walk, struct level *level, const char *name)
{
    if ((level->count & (level->count - 1)) == 0) {
        size_t capacity = level->count ? 2 * level->count : 1;
        char **names = realloc(level->names, capacity * sizeof(*names));
        if (!names)
            return ENOMEM;
        level->names = names;
    }
    char *copy = strdup(name);
    if (!copy)
        return ENOMEM;
    level->names[level->count++] = copy;
    walk->bytes += name_bytes(name);
    return 0;
}

static void drop_names(struct walk *walk, struct level *level)
{
    for (size_t i = 0; i < level->count; i++) {
        walk->bytes -= name_bytes(level->names[i]);
        free(level->names[i]);
    }
    level->count = level->next = 0;
}

/* Reads and sorts the next run of names: all that are left, if they fit the budget. */
static int read_run(struct walk *walk, struct level *level)
{
    int error = 0;
    drop_names(walk, level);
    while (level->dir && !error && (level->count == 0 || walk->bytes < walk->budget)) {
        errno = 0;
        struct dirent *d = readdir(level->dir);
        if (!d) {
            error = errno;
            closedir(level->dir);
            level->dir = NULL;
        } else if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0) {
            error = add_name(walk, level, d->d_name);
        }
    }
    if (level->count)
        qsort(level->names, level->count, sizeof(*level->names), compare_names);
    return error;
}

/* Goes into the directory that was found last. */
static int push_level(struct walk *walk)
{
    if (walk->depth == walk->capacity) {
        size_t capacity = walk->capacity ? 2 * walk->capacity : 16;
        struct level *levels = realloc(walk->levels, capacity * sizeof(*levels));
        if (!levels)
            return ENOMEM;
        walk->levels = levels;
        walk->capacity = capacity;
    }
    int fd = openat(walk->root, walk->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return ENOMEM;
    }
    walk->levels[walk->depth++] = (struct level){.dir = dir, .path_length = strlen(walk->path)};
    return 0;
}

static void pop_level(struct walk *walk)
{
    struct level *level = &walk->levels[--walk->depth];
    drop_names(walk, level);
    free(level->names);
    if (level->dir)
        closedir(level->dir);
}

void walk_init(struct walk *walk, int root, size_t budget)
{
    *walk = (struct walk){.root = root, .budget = budget, .path = "."};
}

void walk_fini(struct walk *walk)
{
    while (walk->depth)
        pop_level(walk);
    free(walk->levels);
}

int walk_next(struct walk *walk)
{
    if (!walk->begun) {
        walk->begun = walk->descend = true;
        return fstat(walk->root, &walk->st) == 0 ? 1 : -errno;
    }
    if (walk->descend) {
        walk->descend = false;
        int error = push_level(walk);
        if (error)
            return -error;
    }
    while (walk->depth) {
        struct level *level = &walk->levels[walk->depth - 1];
        walk->path[level->path_length] = '\0';
        if (level->next < level->count) {
            char *name = level->names[level->next++];
            size_t length = strlen(name);
            if (level->path_length + 1 + length >= sizeof(walk->path))
                return -ENAMETOOLONG;
            walk->path[level->path_length] = '/';
            memcpy(walk->path + level->path_length + 1, name, length + 1);
            if (fstatat(walk->root, walk->path, &walk->st, AT_SYMLINK_NOFOLLOW) != 0)
                return -errno;
            walk->descend = S_ISDIR(walk->st.st_mode);
            return 1;
        }
        if (level->dir) {
            int error = read_run(walk, level);
            if (error)
                return -error;
        } else {
            pop_level(walk);
        }
    }
    return 0;
}

uint64_t walk_measure(int root, size_t budget, struct scope_token *token)
{
    struct walk walk;
    uint64_t bytes = 0;
    walk_init(&walk, root, budget);
    for (int found; (found = walk_next(&walk)) != 0 && !scope_token_cancelled(token);) {
        if (found > 0 && S_ISREG(walk.st.st_mode))
            bytes += (uint64_t)walk.st.st_size;
    }
    walk_fini(&walk);
    return bytes;
}

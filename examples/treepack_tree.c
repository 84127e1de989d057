/* The tree as one tar stream, laid out block by block.
 *
 * Headers are made by libarchive, in GNU tar's format: names are bytes there, of any length and in no character set. */
#include "treepack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Smaller files are read while they are laid out and closed at once, or a block could hold 512 descriptors.  Larger
 * ones are read by the tasks. */
#define SMALL_BYTES (64u << 10)
/* What malloc adds to a block of memory, at most. */
#define MALLOC_BYTES ((size_t)32)
/* Two names of PATH_MAX with their own headers, and the member's. */
#define HEADER_BYTES (2 * (PATH_MAX + 2 * TAR_RECORD) + TAR_RECORD)
#define TRAILER_BYTES ((size_t)2 * TAR_RECORD)

/* ------------------------------------------------------------------------------------------------------------ Files */

struct link {
    dev_t device;
    ino_t inode;
    struct file *file;
};

struct tree {
    struct walk walk;
    const struct outputs *outputs;
    struct scope_token *token;
    struct tally *tally;
    struct archive *names; /* user and group names, cached */
    struct archive_entry *entry;
    struct file *files; /* that live */
    void *links;        /* tsearch: a struct link for every file with several links */
    size_t links_left;  /* bytes that they may still take */
    bool output_told, trailer_laid;

    const unsigned char *pending; /* comes next in the stream: the header, padding or the trailer */
    size_t pending_left;
    struct file *file; /* then this file from offset on */
    uint64_t offset;
    bool header_made;
    size_t header_length;
    unsigned char header[HEADER_BYTES];
};

static const unsigned char zeros[TRAILER_BYTES];

static struct file *file_create(struct tree *tree, const char *path, const struct stat *st, int fd)
{
    size_t length = strlen(path) + 1;
    struct file *file = calloc(1, sizeof(*file) + length);
    if (!file)
        return NULL;
    file->fd = fd;
    file->size = (uint64_t)st->st_size;
    file->mtime = st->st_mtim;
    sha256_init(&file->sha);
    memcpy(file->path, path, length);
    file->next = tree->files;
    if (file->next)
        file->next->previous = file;
    tree->files = file;
    return file;
}

static void file_destroy(struct tree *tree, struct file *file)
{
    if (file->previous)
        file->previous->next = file->next;
    else
        tree->files = file->next;
    if (file->next)
        file->next->previous = file->previous;
    if (file->fd >= 0)
        close(file->fd);
    free(file);
}

void tree_retire(struct tree *tree, struct file *file)
{
    if (!file->linked)
        file_destroy(tree, file);
}

void file_close(struct file *file)
{
    struct stat st;
    char more;
    if (file->fd < 0)
        return;
    /* Files in /proc say that they are empty. */
    bool same = fstat(file->fd, &st) == 0 && (uint64_t)st.st_size == file->size &&
                st.st_mtim.tv_sec == file->mtime.tv_sec && st.st_mtim.tv_nsec == file->mtime.tv_nsec &&
                pread(file->fd, &more, 1, (off_t)file->size) <= 0;
    if (!same && file->trouble == TROUBLE_NONE)
        file->trouble = TROUBLE_CHANGED;
    close(file->fd);
    file->fd = -1;
}

void file_read(struct file *file, uint64_t offset, unsigned char *to, size_t length)
{
    while (length > 0) {
        ssize_t got = pread(file->fd, to, length, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            file->trouble = got < 0 ? errno : TROUBLE_SHRANK;
            memset(to, 0, length);
            return;
        }
        to += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
}

static int compare_links(const void *a, const void *b)
{
    const struct link *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static const struct file *find_link(const struct tree *tree, const struct stat *st)
{
    struct link key = {st->st_dev, st->st_ino, NULL};
    struct link *const *found = st->st_nlink > 1 ? tfind(&key, &tree->links, compare_links) : NULL;
    return found ? (*found)->file : NULL;
}

/* Later links to the file will name it.  If there is no memory left for that, they will be packed as files. */
static void remember_link(struct tree *tree, const struct stat *st, struct file *file)
{
    size_t bytes = sizeof(*file) + strlen(file->path) + sizeof(struct link) + 4 * sizeof(void *) + 3 * MALLOC_BYTES;
    if (st->st_nlink < 2 || bytes > tree->links_left)
        return;
    struct link *link = malloc(sizeof(*link));
    if (!link)
        return;
    *link = (struct link){st->st_dev, st->st_ino, file};
    if (!tsearch(link, &tree->links, compare_links)) {
        free(link);
        return;
    }
    tree->links_left -= bytes;
    file->linked = true;
}

/* ---------------------------------------------------------------------------------------------------------- Headers */

/* Called by libarchive.  It would fill up the file's contents with zeros when the archive is freed; an error stops it. */
static la_ssize_t keep_header(struct archive *archive, void *arg, const void *bytes, size_t length)
{
    struct tree *tree = arg;
    if (tree->header_made || length > sizeof(tree->header) - tree->header_length) {
        archive_set_error(archive, ENAMETOOLONG, "header too long");
        return -1;
    }
    memcpy(tree->header + tree->header_length, bytes, length);
    tree->header_length += length;
    return (la_ssize_t)length;
}

/* Makes the header of tree->entry pending.  An archive of its own for each costs 1 us. */
static int make_header(struct tree *tree)
{
    struct archive *archive = archive_write_new();
    if (!archive)
        return ENOMEM;
    tree->header_made = false;
    tree->header_length = 0;
    bool made = archive_write_set_format_gnutar(archive) == ARCHIVE_OK &&
                archive_write_set_bytes_per_block(archive, 0) == ARCHIVE_OK &&
                archive_write_open(archive, tree, NULL, keep_header, NULL) == ARCHIVE_OK &&
                archive_write_header(archive, tree->entry) == ARCHIVE_OK;
    tree->header_made = true;
    archive_write_free(archive);
    tree->pending = tree->header;
    tree->pending_left = made ? tree->header_length : 0;
    return made ? 0 : TROUBLE_FORMAT;
}

/* Fills tree->entry from st and the walk's path. */
static int describe(struct tree *tree, const struct stat *st, const struct file *same_as)
{
    struct archive_entry *entry = tree->entry;
    archive_entry_clear(entry);
    archive_entry_copy_stat(entry, st);
    archive_entry_copy_pathname(entry, tree->walk.path);
    archive_entry_copy_uname(entry, archive_read_disk_uname(tree->names, st->st_uid));
    archive_entry_copy_gname(entry, archive_read_disk_gname(tree->names, st->st_gid));
    if (same_as)
        archive_entry_copy_hardlink(entry, same_as->path);
    if (S_ISLNK(st->st_mode)) {
        char target[PATH_MAX];
        ssize_t length = readlinkat(tree->walk.root, tree->walk.path, target, sizeof(target) - 1);
        if (length < 0)
            return errno;
        target[length] = '\0';
        archive_entry_copy_symlink(entry, target);
    }
    return make_header(tree);
}

/* Opens the regular file at the walk's path and lays out its header.  What is opened counts, not what was found. */
static int add_file(struct tree *tree)
{
    struct stat st;
    int fd = openat(tree->walk.root, tree->walk.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int trouble = fstat(fd, &st) != 0 ? errno : !S_ISREG(st.st_mode) ? TROUBLE_CHANGED : describe(tree, &st, NULL);
    struct file *file = trouble ? NULL : file_create(tree, tree->walk.path, &st, fd);
    if (!file) {
        close(fd);
        tree->pending_left = 0;
        return trouble ? trouble : ENOMEM;
    }
    remember_link(tree, &st, file);
    tree->file = file;
    tree->offset = 0;
    return 0;
}

static int add_link(struct tree *tree, const struct file *same_as)
{
    int trouble = describe(tree, &tree->walk.st, same_as);
    if (trouble)
        return trouble;
    struct stat empty = {.st_size = 0};
    tree->file = file_create(tree, tree->walk.path, &empty, -1);
    if (!tree->file)
        return ENOMEM;
    tree->file->same_as = same_as;
    tree->offset = 0;
    return 0;
}

static bool is_output(const struct tree *tree, const struct stat *st)
{
    for (unsigned i = 0; i < tree->outputs->count; i++) {
        if (st->st_dev == tree->outputs->id[i].device && st->st_ino == tree->outputs->id[i].inode)
            return true;
    }
    return false;
}

static int add_entry(struct tree *tree)
{
    const struct stat *st = &tree->walk.st;
    if (is_output(tree, st)) {
        bool told = tree->output_told;
        tree->output_told = true;
        return told ? 0 : TROUBLE_OUTPUT;
    }
    if (S_ISSOCK(st->st_mode))
        return 0; /* no tar format has them: they mean nothing without the process that listens */
    if (!S_ISREG(st->st_mode))
        return describe(tree, st, NULL);
    const struct file *same_as = find_link(tree, st);
    return same_as ? add_link(tree, same_as) : add_file(tree);
}

/* ----------------------------------------------------------------------------------------------------------- Stream */

/* Goes on to the next member of the archive, then to the trailer.  Returns what tree_fill does. */
static int next_member(struct tree *tree)
{
    while (!tree->pending_left) {
        if (tree->trailer_laid)
            return 0;
        if (scope_token_cancelled(tree->token))
            return SCOPE_ECANCELED;
        int found = walk_next(&tree->walk);
        if (found == 0) {
            tree->pending = zeros;
            tree->pending_left = TRAILER_BYTES;
            tree->trailer_laid = true;
            break;
        }
        int trouble = found < 0 ? -found : add_entry(tree);
        if (trouble == ENOMEM)
            return SCOPE_ENOMEM;
        if (trouble)
            tally_fail(tree->tally, tree->walk.path, trouble);
        if (trouble && tree->tally->strict)
            return PACK_ERROR;
    }
    return 1;
}

static void lay_pending(struct tree *tree, struct layout *layout)
{
    size_t room = BLOCK_BYTES - layout->length;
    size_t length = tree->pending_left < room ? tree->pending_left : room;
    memcpy(layout->data + layout->length, tree->pending, length);
    layout->length += (uint32_t)length;
    tree->pending += length;
    tree->pending_left -= length;
}

static void lay_piece(struct tree *tree, struct layout *layout)
{
    struct file *file = tree->file;
    uint64_t left = file->size - tree->offset;
    uint32_t room = BLOCK_BYTES - layout->length;
    uint32_t length = left < room ? (uint32_t)left : room;
    struct piece *piece = &layout->piece[layout->pieces++];
    *piece = (struct piece){file, tree->offset, layout->length, length, file->size <= SMALL_BYTES, length == left};
    if (piece->loaded) {
        file_read(file, piece->offset, layout->data + piece->at, length);
        if (piece->last)
            file_close(file);
    } else {
        /* The disk reads ahead in the stream's order; the tasks come in any. */
        posix_fadvise(file->fd, (off_t)piece->offset, (off_t)length, POSIX_FADV_WILLNEED);
    }
    layout->length += length;
    tree->offset += length;
    if (piece->last) {
        tree->file = NULL;
        tree->pending = zeros;
        tree->pending_left = (TAR_RECORD - file->size % TAR_RECORD) % TAR_RECORD;
    }
}

int tree_fill(struct tree *tree, struct layout *layout)
{
    layout->length = layout->pieces = 0;
    while (layout->length < BLOCK_BYTES) {
        if (tree->pending_left) {
            lay_pending(tree, layout);
        } else if (tree->file) {
            lay_piece(tree, layout);
        } else {
            int more = next_member(tree);
            if (more < 0)
                return more;
            if (more == 0)
                break;
        }
    }
    layout->continues = tree->file && tree->offset > 0;
    return layout->length > 0;
}

struct tree *tree_open(int root, size_t budget, const struct outputs *outputs, struct scope_token *token,
                       struct tally *tally)
{
    struct tree *tree = calloc(1, sizeof(*tree));
    if (!tree)
        return NULL;
    walk_init(&tree->walk, root, budget / 2);
    tree->links_left = budget / 2;
    tree->outputs = outputs;
    tree->token = token;
    tree->tally = tally;
    tree->entry = archive_entry_new();
    tree->names = archive_read_disk_new();
    if (!tree->entry || !tree->names || archive_read_disk_set_standard_lookup(tree->names) != ARCHIVE_OK) {
        tree_close(tree);
        return NULL;
    }
    return tree;
}

void tree_close(struct tree *tree)
{
    if (!tree)
        return;
    walk_fini(&tree->walk);
    tdestroy(tree->links, free);
    for (struct file *file = tree->files, *next; file; file = next) {
        next = file->next;
        file_destroy(tree, file);
    }
    archive_entry_free(tree->entry);
    archive_read_free(tree->names);
    free(tree);
}

/* What the files of treepack share.
 *
 *   treepack.c       the command line, signals, messages, and the output files under temporary names
 *   treepack_walk.c  finds what is below a directory, in a fixed order
 *   treepack_tree.c  lays out the tree as one tar stream, block by block
 *   treepack_pack.c  the scopes: blocks are loaded, hashed and compressed in parallel and written in order
 *
 * A block is BLOCK_BYTES of the tar stream (the last one is shorter), so where it begins depends on the tree alone.  It
 * becomes one gzip member.  The stream's serial work (lay out, write, report) is passed from task to task, one at a
 * time; what only that role may touch is marked S below. */
#ifndef TREEPACK_H
#define TREEPACK_H

#include <limits.h>
#include <nettle/sha2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <taskscope.h>
#include <time.h>

#define TAR_RECORD 512u
/* Members share no dictionary: 128 KiB blocks make /usr/include 1.5 % larger, 512 KiB ones 0.8 % smaller but take twice
 * the memory; the time is the same. */
#define BLOCK_BYTES (256u << 10)

/* Why a file is not, or not faithfully, in the archive; a positive number is an errno value. */
enum trouble { TROUBLE_NONE = 0, TROUBLE_SHRANK = -1, TROUBLE_CHANGED = -2, TROUBLE_OUTPUT = -3, TROUBLE_FORMAT = -4 };

/* S: what is told to the person at the terminal. */
struct tally {
    const char *root, *output; /* the directory and the archive, as the person wrote them */
    bool strict;
    bool stopped;         /* tally_stop was called */
    bool terminal;        /* stderr is one: show the progress bar */
    uint64_t total_bytes; /* of the tree's files, for the time left; only if terminal */
    uint64_t files;       /* packed, whole or with trouble */
    uint64_t bytes;       /* of their contents */
    uint64_t packed;      /* bytes written to the archive */
    uint64_t failed;      /* messages given; not 0: the exit status tells */
    struct timespec start;
    struct timespec shown; /* when the bar was drawn last */
};

/* Tells of an entry of the tree ("./...") that is not, or not faithfully, packed. */
void tally_fail(struct tally *tally, const char *path, int trouble);
/* Tells why nothing can be packed. */
void tally_stop(struct tally *tally, const char *what, const char *why, const char *remedy);
#define OUTPUT_REMEDY "make room there, or choose another place with -o"
/* Draws the progress bar, if there is one and it is time. */
void tally_show(struct tally *tally);
double tally_seconds(const struct tally *tally);

/* S */
struct walk {
    int root;
    size_t bytes, budget; /* held by names */
    struct level *levels; /* the directories that lead to path */
    size_t depth, capacity;
    bool begun, descend;
    struct stat st; /* of the entry that was found last */
    char path[PATH_MAX + NAME_MAX + 2];
};

/* root stays the caller's and open. */
void walk_init(struct walk *walk, int root, size_t budget);
void walk_fini(struct walk *walk);
/* Finds the next entry: path ("." or "./...") and st.  Returns 1; 0 at the end; a negative errno value if path can't be
 * looked at, which ends only what lies below it. */
int walk_next(struct walk *walk);
/* The bytes of all regular files below root, roughly: links and failures are not looked at. */
uint64_t walk_measure(int root, size_t budget, struct scope_token *token);

/* A regular file on its way into the archive; lives until its last byte is written. */
struct file {
    struct file *previous, *next; /* S: all files that live */
    const struct file *same_as;   /* a hard link: the file that holds the contents; else NULL */
    uint64_t size;                /* as declared in the header */
    struct timespec mtime;
    int fd;
    bool linked;           /* may be named by same_as of others: lives as long as the tree */
    atomic_int trouble;    /* any task that reads it */
    struct sha256_ctx sha; /* whoever hashes its next piece: the gates in treepack_pack.c order them */
    uint8_t digest[SHA256_DIGEST_SIZE];
    char path[]; /* "./..." */
};

/* Ends the reading of a file: notices whether it changed meanwhile, and closes it. */
void file_close(struct file *file);
/* Reads length bytes at offset, zeros where there are none (trouble tells). */
void file_read(struct file *file, uint64_t offset, unsigned char *to, size_t length);

/* The part of a file that lies in a block; an empty file has one of length 0. */
struct piece {
    struct file *file;
    uint64_t offset;
    uint32_t at; /* in the block's data */
    uint32_t length;
    bool loaded; /* the data are there already */
    bool last;   /* the file ends here */
};

/* What tree_fill lays out. */
struct layout {
    unsigned char *data; /* BLOCK_BYTES, the caller's */
    uint32_t length;
    uint32_t pieces;
    bool continues; /* the next block begins within the file of the last piece */
    /* A header takes a record, and every piece but the first follows one. */
    struct piece piece[BLOCK_BYTES / TAR_RECORD + 1];
};

/* Files that must not be packed: the output. */
struct outputs {
    unsigned count;
    struct {
        dev_t device;
        ino_t inode;
    } id[4];
};

struct tree; /* S */

/* root stays the caller's and open.  budget: bytes for names and for hard links.  NULL: out of memory. */
struct tree *tree_open(int root, size_t budget, const struct outputs *outputs, struct scope_token *token,
                       struct tally *tally);
/* Lays out the next block.  Returns 1; 0 at the end; SCOPE_ECANCELED, SCOPE_ENOMEM; PACK_ERROR: tally->strict, and
 * something failed. */
int tree_fill(struct tree *tree, struct layout *layout);
/* The file's last byte is written: nobody will look at it again, unless it is linked. */
void tree_retire(struct tree *tree, struct file *file);
void tree_close(struct tree *tree);

struct pack_options {
    struct scope_token *token;
    unsigned workers;
    int level;
    size_t memory; /* bytes */
    int archive;   /* file descriptor */
    FILE *sums;
    const char *archive_path, *sums_path; /* for messages */
    struct outputs outputs;
};

#define PACK_MEMORY_MIN ((size_t)16 << 20)

/* What a task returns after a message was given. */
#define PACK_ERROR (-1)

/* Packs the tree at root.  Returns SCOPE_OK, SCOPE_ECANCELED (the token), or SCOPE_ERROR after a message. */
int pack(const struct pack_options *options, int root, struct tally *tally);

#endif

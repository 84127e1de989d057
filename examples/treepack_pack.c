/* The scopes: blocks are loaded, hashed and compressed in parallel, and written in order.
 *
 *   the scope of pack()    one task a block, then tasks for the hashes and writes that had to wait
 *     the scope of a block    loads; then hashes and compresses side by side
 *
 * No task ever waits for another but at the end of its block's scope.  What must come in an order has a gate: a count of
 * what is still missing.  Whoever brings it to zero carries on:
 *
 *   hash of block n     when it is loaded; and, if it begins within a file, block n-1 is hashed
 *   write of block n    when it is compressed, is hashed, and block n-1 is written
 *
 * Blocks live in a ring of slots.  When one is written, the same task lays out the next block of the stream in its slot
 * and spawns that block's task.  So only one task at a time lays out and writes (the role marked S in treepack.h), and
 * reading can't run away from writing: memory is bounded by the number of slots.  Block n-1 may be hashed before block n
 * is laid out: gates are in a ring of their own, one longer, and are set up a block ahead. */
#include "treepack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

/* Of the memory limit: the program, its libraries and the pool. */
#define BASE_BYTES ((size_t)10 << 20)
/* A block's larger files stay open until they are written: at most 4 of more than 64 KiB, and one at either end. */
#define BLOCK_FILES 6
#define OTHER_FILES 64
/* More would only be idle: 512 workers with 4 blocks each. */
#define SLOTS_MAX 2048
/* Written data are sent to the disk from time to time, so that the fsync at the end has little left to wait for. */
#define FLUSH_BYTES ((uint64_t)8 << 20)

#define MEMORY_REMEDY "free some memory, or give less to treepack with -m"

struct pack;

struct slot {
    struct pack *pack;
    uint64_t number; /* of its block */
    z_stream deflate;
    unsigned char *packed;
    size_t packed_length;
    struct layout layout;
};

struct gate {
    atomic_int hash, write; /* what is missing */
};

struct pack {
    const struct pack_options *options;
    struct tally *tally;
    struct tree *tree;
    struct scope *scope;
    struct slot **slots; /* block n is in slots[n % count] */
    struct gate *gates;  /* and its gate is gates[n % (count + 1)] */
    size_t count, packed_capacity;
    uint64_t next;    /* S: block to lay out */
    uint64_t flushed; /* S */
};

static struct slot *slot_of(const struct pack *pack, uint64_t number)
{
    return pack->slots[number % pack->count];
}

static struct gate *gate_of(const struct pack *pack, uint64_t number)
{
    return &pack->gates[number % (pack->count + 1)];
}

static void gate_init(struct gate *gate, bool within_file)
{
    atomic_init(&gate->hash, within_file ? 2 : 1);
    atomic_init(&gate->write, 3);
}

/* True to the one that came last; it sees what the others did before they came. */
static bool arrive(atomic_int *missing)
{
    return atomic_fetch_sub_explicit(missing, 1, memory_order_acq_rel) == 1;
}

/* ------------------------------------------------------------------------------------------------------------ Tasks */

static scope_fn block_task, write_task;

/* S: gives up. */
static int stop(const struct pack *pack, struct scope *s, const char *what, int error)
{
    tally_stop(pack->tally, what, strerror(error), error == ENOMEM ? MEMORY_REMEDY : OUTPUT_REMEDY);
    return scope_fail(s, PACK_ERROR, "%s: %s", what, strerror(error));
}

/* Lays out the next block and spawns its task.  Returns 1; 0 at the end of the stream; an error. */
static int feed(struct scope *s, struct pack *pack)
{
    struct slot *slot = slot_of(pack, pack->next);
    int laid = tree_fill(pack->tree, &slot->layout);
    if (laid == SCOPE_ENOMEM)
        return stop(pack, s, "the next block", ENOMEM);
    if (laid <= 0)
        return laid;
    slot->number = pack->next++;
    gate_init(gate_of(pack, slot->number + 1), slot->layout.continues);
    int status = scope_spawn(s, block_task, slot);
    return status == SCOPE_OK ? 1 : status;
}

static int write_sum(struct pack *pack, const struct file *file)
{
    const uint8_t *digest = file->same_as ? file->same_as->digest : file->digest;
    FILE *sums = pack->options->sums;
    /* A name with such a character is escaped, and its line starts with a backslash, as sha256sum has it. */
    bool escape = strpbrk(file->path, "\\\n\r") != NULL;
    if (escape)
        putc('\\', sums);
    for (unsigned i = 0; i < SHA256_DIGEST_SIZE; i++)
        fprintf(sums, "%02x", digest[i]);
    fputs("  ", sums);
    for (const char *c = file->path; *c; c++) {
        const char *escaped = *c == '\\' ? "\\\\" : *c == '\n' ? "\\n" : *c == '\r' ? "\\r" : NULL;
        if (escaped)
            fputs(escaped, sums);
        else
            putc(*c, sums);
    }
    putc('\n', sums);
    return ferror(sums) ? errno : 0;
}

static int finish_file(struct pack *pack, struct file *file)
{
    file_close(file);
    pack->tally->files++;
    int trouble = file->same_as ? file->same_as->trouble : file->trouble;
    int error = 0;
    if (trouble)
        tally_fail(pack->tally, file->path, trouble);
    else
        error = write_sum(pack, file);
    tree_retire(pack->tree, file);
    return error;
}

static int write_all(int fd, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(fd, bytes, length);
        if (wrote < 0 && errno != EINTR)
            return errno;
        if (wrote > 0) {
            bytes += wrote;
            length -= (size_t)wrote;
        }
    }
    return 0;
}

static int write_block(struct scope *s, struct pack *pack, struct slot *slot)
{
    const struct pack_options *options = pack->options;
    struct tally *tally = pack->tally;
    int error = write_all(options->archive, slot->packed, slot->packed_length);
    if (error)
        return stop(pack, s, options->archive_path, error);
    tally->packed += slot->packed_length;
    if (tally->packed - pack->flushed >= FLUSH_BYTES) {
        sync_file_range(options->archive, (off_t)pack->flushed, 0, SYNC_FILE_RANGE_WRITE);
        pack->flushed = tally->packed;
    }
    for (unsigned i = 0; i < slot->layout.pieces; i++) {
        const struct piece *piece = &slot->layout.piece[i];
        tally->bytes += piece->length;
        if (piece->last && (error = finish_file(pack, piece->file)) != 0)
            return stop(pack, s, options->sums_path, error);
    }
    slot->layout.pieces = 0;
    tally_show(tally);
    return tally->strict && tally->failed ? PACK_ERROR : 0;
}

/* Writes this block and those after it that are ready, and lays out a new one for each. */
static int write_task(struct scope *s, void *arg)
{
    struct slot *slot = arg;
    struct pack *pack = slot->pack;
    uint64_t number = slot->number;
    do {
        if (scope_cancelled(s))
            return SCOPE_ECANCELED;
        int status = write_block(s, pack, slot_of(pack, number));
        if (status)
            return status;
        status = feed(s, pack);
        if (status < 0)
            return status;
        number++;
    } while (arrive(&gate_of(pack, number)->write));
    return 0;
}

/* Hashes the parts of files in a block. */
static int hash_task(struct scope *s, void *arg)
{
    (void)s;
    struct slot *slot = arg;
    struct pack *pack = slot->pack;
    struct layout *layout = &slot->layout;
    uint64_t number = slot->number;
    for (unsigned i = 0; i < layout->pieces; i++) {
        struct file *file = layout->piece[i].file;
        sha256_update(&file->sha, layout->piece[i].length, layout->data + layout->piece[i].at);
        if (layout->piece[i].last)
            sha256_digest(&file->sha, sizeof(file->digest), file->digest);
    }
    /* The block's own gate comes last: once it opens, the slot may be another block's. */
    int status = 0;
    if (layout->continues && arrive(&gate_of(pack, number + 1)->hash))
        status = scope_spawn(pack->scope, hash_task, slot_of(pack, number + 1));
    if (status == 0 && arrive(&gate_of(pack, number)->write))
        status = scope_spawn(pack->scope, write_task, slot);
    return status;
}

static void load(struct layout *layout)
{
    for (unsigned i = 0; i < layout->pieces; i++) {
        struct piece *piece = &layout->piece[i];
        if (!piece->loaded)
            file_read(piece->file, piece->offset, layout->data + piece->at, piece->length);
    }
}

static int compress_block(struct slot *slot)
{
    z_stream *z = &slot->deflate;
    deflateReset(z);
    z->next_in = slot->layout.data;
    z->avail_in = slot->layout.length;
    z->next_out = slot->packed;
    z->avail_out = (uInt)slot->pack->packed_capacity;
    int status = deflate(z, Z_FINISH);
    slot->packed_length = slot->pack->packed_capacity - z->avail_out;
    return status == Z_STREAM_END ? 0 : status;
}

static int block_body(struct scope *s, void *arg)
{
    struct slot *slot = arg;
    load(&slot->layout);
    if (scope_cancelled(s))
        return SCOPE_ECANCELED;
    if (arrive(&gate_of(slot->pack, slot->number)->hash)) {
        int status = scope_spawn(s, hash_task, slot);
        if (status)
            return status;
    }
    return compress_block(slot);
}

static int block_task(struct scope *s, void *arg)
{
    struct slot *slot = arg;
    int status = scope_run(block_body, slot);
    if (status)
        return status;
    return arrive(&gate_of(slot->pack, slot->number)->write) ? write_task(s, slot) : 0;
}

/* Fills the slots, then hands the serial role to the first block's writer. */
static int pack_body(struct scope *s, void *arg)
{
    struct pack *pack = arg;
    pack->scope = s;
    gate_init(gate_of(pack, 0), false);
    int laid = 1;
    while (laid > 0 && pack->next < pack->count)
        laid = feed(s, pack);
    if (laid < 0)
        return laid;
    return arrive(&gate_of(pack, 0)->write) ? write_task(s, slot_of(pack, 0)) : 0;
}

/* ------------------------------------------------------------------------------------------------------------ Slots */

static struct slot *slot_create(struct pack *pack)
{
    struct slot *slot = calloc(1, sizeof(*slot));
    if (!slot)
        return NULL;
    slot->pack = pack;
    slot->layout.data = malloc(BLOCK_BYTES);
    if (slot->layout.data &&
        deflateInit2(&slot->deflate, pack->options->level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK) {
        pack->packed_capacity = deflateBound(&slot->deflate, BLOCK_BYTES);
        slot->packed = malloc(pack->packed_capacity);
        if (slot->packed)
            return slot;
        deflateEnd(&slot->deflate);
    }
    free(slot->layout.data);
    free(slot);
    return NULL;
}

static void slot_destroy(struct slot *slot)
{
    deflateEnd(&slot->deflate);
    free(slot->packed);
    free(slot->layout.data);
    free(slot);
}

/* A slot's block with its compressed form, deflate's state (zconf.h: 256 KiB), and what the records of its files may
 * take: no more than their headers in the stream. */
static size_t slot_bytes(void)
{
    return 3 * BLOCK_BYTES + (BLOCK_BYTES >> 6) + sizeof(struct slot) + ((size_t)272 << 10);
}

/* As many slots as the memory and the descriptors allow. */
static size_t count_slots(size_t memory)
{
    struct rlimit files;
    size_t count = memory / slot_bytes();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
        size_t most = files.rlim_cur > OTHER_FILES ? (files.rlim_cur - OTHER_FILES) / BLOCK_FILES : 0;
        count = count < most ? count : most;
    }
    return count < SLOTS_MAX ? count > 0 ? count : 1 : SLOTS_MAX;
}

static void close_slots(struct pack *pack)
{
    while (pack->slots && pack->count > 0)
        slot_destroy(pack->slots[--pack->count]);
    free(pack->slots);
    free(pack->gates);
}

static bool open_slots(struct pack *pack, size_t count)
{
    pack->slots = calloc(count, sizeof(struct slot *));
    pack->gates = calloc(count + 1, sizeof(struct gate));
    while (pack->slots && pack->gates && pack->count < count) {
        struct slot *slot = slot_create(pack);
        if (!slot)
            break;
        pack->slots[pack->count++] = slot;
    }
    return pack->count == count;
}

/* Tells what made the scopes fail, unless it was told already. */
static void tell(struct tally *tally, const struct scope_report *report)
{
    char text[1024];
    if (tally->stopped || tally->failed)
        return;
    scope_report_print(report, text, sizeof(text));
    tally_stop(tally, "packing", text, "this should not happen: please report it");
}

static int run(struct pack *pack)
{
    struct scope_pool_options pool_options = {.size = sizeof(pool_options), .workers = pack->options->workers};
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    int status = scope_pool_create(&options.pool, &pool_options);
    if (status)
        return status;
    options.token = pack->options->token;
    options.name = "treepack";
    status = scope_run_with(&options, &report, pack_body, pack);
    if (status == SCOPE_ERROR)
        tell(pack->tally, &report);
    scope_report_fini(&report);
    scope_pool_destroy(options.pool);
    return status;
}

int pack(const struct pack_options *options, int root, struct tally *tally)
{
    size_t memory = options->memory - BASE_BYTES;
    struct pack pack = {.options = options, .tally = tally};
    pack.tree = tree_open(root, memory / 8, &options->outputs, options->token, tally);
    int status = pack.tree && open_slots(&pack, count_slots(memory - memory / 8)) ? run(&pack) : SCOPE_ENOMEM;
    if (status != SCOPE_OK && status != SCOPE_ECANCELED && status != SCOPE_ERROR) {
        tally_stop(tally, "starting", scope_strerror(status), MEMORY_REMEDY);
        status = SCOPE_ERROR;
    }
    close_slots(&pack);
    tree_close(pack.tree);
    return status;
}

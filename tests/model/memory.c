/* What the compiler calls instead of accessing memory (the interface of ThreadSanitizer's runtime), and the three memory models.
 *
 * Memory itself always holds the newest stores, in modification order.  Beside each 4 bytes of what is watched (globals, the
 * threads' stacks, what was allocated) lies a cell: who accessed it last (to find races: vector clocks, as in FastTrack, Flanagan and
 * Freund 2009), and, if it is atomic, its location with the stores that can still be read. */
#include "explore.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LOCATIONS_MAX 4096
#define KEY_GAP 4096 /* between two stores in modification order, for stores that come between them later */

/* What a thread knows: of the others' progress (for races), and which store to each location it has seen (C11). */
struct view {
    unsigned clock[MODEL_THREADS];
    unsigned count; /* of keys; those beyond are 0 */
    unsigned key[];
};

/* A store. */
struct message {
    uint64_t value;
    unsigned key;
    bool followed;           /* by a read-modify-write, which nothing may come between */
    const struct view *view; /* what who reads it with acquire learns; NULL: nothing */
};

struct location {
    const volatile void *at;
    unsigned number, size;
    unsigned first, count; /* messages, in modification order: room for more is made by moving them */
    struct message *message;
    unsigned room;
    bool stale;                                         /* memory was written by plain stores since */
    unsigned read[MODEL_THREADS], wrote[MODEL_THREADS]; /* when, by atomic accesses */
};

struct cell {
    unsigned epoch;
    bool saved;
    unsigned char writer, mask;          /* which thread wrote it last by a plain store, and which bytes */
    unsigned wrote, read[MODEL_THREADS]; /* when */
    unsigned char read_mask[MODEL_THREADS];
    unsigned short readers; /* a bit for each thread that has read it */
    struct location *location;
};

/* A store that waits (TSO). */
struct buffered {
    struct location *location;
    uint64_t value;
    const struct view *view;
    unsigned step;
};

#define BUFFER_MAX 256

struct knowledge {
    struct view *now, *acquirable, *released;
    struct buffered buffer[BUFFER_MAX];
    unsigned buffered, flushed;
};

static struct knowledge knowledge[MODEL_THREADS];
static struct view *fence_view; /* what seq_cst fences pass on */
static const char fence_object;

/* --------------------------------------------------------------------------------------------------- Watched memory */

#define ARENA_SIZE ((size_t)1 << 31)
#define HEAP_EACH ((size_t)128 << 20) /* a thread's part; the last is for setup */

extern char __data_start, _end; /* of the program: the linker's */

static char *arena;
static struct cell *arena_cells, *global_cells;
static size_t heap_used[MODEL_THREADS + 1];

static char *stacks(void)
{
    return arena + ARENA_SIZE - MODEL_THREADS * STACK_SIZE;
}

void *memory_stack(unsigned thread)
{
    return stacks() + thread * STACK_SIZE;
}

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    return memory;
}

/* NULL: not watched. */
static struct cell *cell_of(const volatile void *at)
{
    uintptr_t a = (uintptr_t)at, begin = (uintptr_t)arena, globals = (uintptr_t)&__data_start & ~(uintptr_t)7;
    struct cell *cell;
    if (a - begin < ARENA_SIZE)
        cell = &arena_cells[(a - begin) / 4];
    else if (a - globals < (uintptr_t)&_end - globals)
        cell = &global_cells[(a - globals) / 4];
    else
        return NULL;
    if (cell->epoch != epoch) {
        memset(cell, 0, sizeof(*cell));
        cell->epoch = epoch;
    }
    return cell;
}

/* What was there before: of this execution, and of setup before it. */
struct saved {
    uint32_t *at, value;
};

static struct saved *saved;
static size_t saved_count, setup_count;
#define SAVED_MAX ((size_t)1 << 24)

static void save(struct cell *cell, const volatile void *at)
{
    uintptr_t word = (uintptr_t)at & ~(uintptr_t)3;
    if (cell->saved || (word >= (uintptr_t)stacks() && word < (uintptr_t)arena + ARENA_SIZE))
        return;
    cell->saved = true;
    if (saved_count == SAVED_MAX)
        fail("too much memory written");
    saved[saved_count++] = (struct saved){(uint32_t *)word, *(uint32_t *)word};
}

static void restore(size_t until)
{
    while (saved_count > until) {
        saved_count--;
        *saved[saved_count].at = saved[saved_count].value;
    }
}

/* ---------------------------------------------------------------------------- Memory of one execution, for bookkeeping */

static char *scratch;
static size_t scratch_used;
#define SCRATCH_SIZE ((size_t)4 << 30)

static void *scratch_take(size_t size)
{
    void *memory = scratch + scratch_used;
    scratch_used += (size + 15) & ~(size_t)15;
    if (scratch_used > SCRATCH_SIZE)
        fail("the execution is too long to be kept");
    return memory;
}

static unsigned location_count;

/* ------------------------------------------------------------------------------------------------------------- Views */

static struct view *view_new(unsigned room)
{
    struct view *view = scratch_take(sizeof(*view) + room * sizeof(unsigned));
    memset(view->clock, 0, sizeof(view->clock));
    view->count = 0;
    return view;
}

static void view_join_keys(struct view *view, const struct view *other)
{
    for (; view->count < other->count; view->count++)
        view->key[view->count] = 0;
    for (unsigned i = 0; i < other->count; i++)
        view->key[i] = other->key[i] > view->key[i] ? other->key[i] : view->key[i];
}

static void view_join(struct view *view, const struct view *other)
{
    if (!other)
        return;
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        view->clock[i] = other->clock[i] > view->clock[i] ? other->clock[i] : view->clock[i];
    view_join_keys(view, other);
}

static unsigned view_key(const struct view *view, const struct location *l)
{
    return l->number < view->count ? view->key[l->number] : 0;
}

static void view_raise(struct view *view, const struct location *l, unsigned key)
{
    if (engine != ENGINE_C11)
        return;
    for (; view->count <= l->number; view->count++)
        view->key[view->count] = 0;
    view->key[l->number] = key > view->key[l->number] ? key : view->key[l->number];
}

static struct view *view_copy(const struct view *view)
{
    struct view *copy = scratch_take(sizeof(*view) + view->count * sizeof(unsigned));
    memcpy(copy, view, sizeof(*view) + view->count * sizeof(unsigned));
    return copy;
}

static struct knowledge *mine(void)
{
    return &knowledge[self->id];
}

/* ------------------------------------------------------------------------------------------------- The life of memory */

struct range {
    uintptr_t begin, end;
    const char *how;
};
#define RANGES_MAX 1024
static struct range allocated[RANGES_MAX], freed[RANGES_MAX];
static unsigned allocated_count, freed_count, setup_allocated_count, setup_freed_count;

void memory_init(void)
{
    if (!arena) {
        arena = map(ARENA_SIZE);
        arena_cells = map(ARENA_SIZE / 4 * sizeof(struct cell));
        global_cells = map(((size_t)(&_end - &__data_start) / 4 + 4) * sizeof(struct cell));
        saved = map(SAVED_MAX * sizeof(*saved));
        scratch = map(SCRATCH_SIZE);
    }
    restore(0);
    setup_count = allocated_count = freed_count = setup_freed_count = 0;
    memset(heap_used, 0, sizeof(heap_used));
}

void memory_begin(void)
{
    setup_count = saved_count;
    setup_allocated_count = allocated_count;
    setup_freed_count = freed_count;
    scratch_used = 0;
    location_count = 0;
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        knowledge[i] = (struct knowledge){
            .now = view_new(LOCATIONS_MAX), .acquirable = view_new(LOCATIONS_MAX), .released = view_new(LOCATIONS_MAX)};
    fence_view = view_new(LOCATIONS_MAX);
}

void memory_end(void)
{
    restore(setup_count);
    allocated_count = setup_allocated_count;
    freed_count = setup_freed_count;
    memset(heap_used, 0, MODEL_THREADS * sizeof(heap_used[0]));
}

static void tick(void)
{
    mine()->now->clock[self->id]++;
}

void memory_thread_begins(struct thread *created, const struct thread *creator)
{
    struct knowledge *k = &knowledge[created->id];
    if (creator) {
        view_join(k->now, knowledge[creator->id].now);
        knowledge[creator->id].now->clock[creator->id]++;
    }
    k->now->clock[created->id]++;
}

void memory_thread_joined(const struct thread *ended)
{
    view_join(mine()->now, knowledge[ended->id].now);
}

/* --------------------------------------------------------------------------------------------------------- Allocation */

void *memory_allocate(size_t size)
{
    unsigned part = self ? self->id : MODEL_THREADS;
    size_t *used = &heap_used[part];
    size = (size + 127) & ~(size_t)63; /* with a gap */
    if (scenario && self && scenario->memory_fails && choose(2))
        return NULL;
    if (*used + size > HEAP_EACH)
        fail("too much memory allocated");
    char *memory = arena + part * HEAP_EACH + *used;
    if (allocated_count == RANGES_MAX)
        fail("too many allocations");
    allocated[allocated_count++] = (struct range){(uintptr_t)memory, (uintptr_t)memory + size - 64, "malloc"};
    *used += size;
    return memory;
}

static void plain(const volatile void *at, size_t size, bool write, const void *pc);

static size_t allocated_size(const void *memory)
{
    for (unsigned i = allocated_count; i-- > 0;)
        if (allocated[i].begin == (uintptr_t)memory)
            return allocated[i].end - allocated[i].begin;
    fail("%p is freed, which was not allocated", memory);
}

void memory_free(void *memory, const char *how)
{
    if (!memory)
        return;
    uintptr_t begin = (uintptr_t)memory;
    size_t size = allocated_size(memory);
    for (unsigned i = 0; i < freed_count; i++)
        if (freed[i].begin == begin)
            fail("freed twice, by %s and %s", freed[i].how, how);
    if (self)
        plain(memory, size < 4096 ? size : 4096, true, NULL); /* whoever still uses it is a race */
    if (freed_count == RANGES_MAX)
        fail("too much memory freed");
    freed[freed_count++] = (struct range){begin, begin + size, how};
}

void memory_written(void *memory, size_t size)
{
    plain(memory, size, true, NULL);
}

static void freed_check(const volatile void *at)
{
    for (unsigned i = 0; i < freed_count; i++)
        if ((uintptr_t)at - freed[i].begin < freed[i].end - freed[i].begin)
            fail("access to %p, which was given to %s", (const void *)(uintptr_t)at, freed[i].how);
}

/* ------------------------------------------------------------------------------------------------------------- Races */

static void race(const char *what, const volatile void *at, unsigned other, const void *pc)
{
    fail("race at %p: %s, code %p, not ordered with thread %u", (const void *)(uintptr_t)at, what, pc, other);
}

/* A plain access to up to 4 bytes of one cell. */
static void plain_cell(struct cell *cell, const volatile void *at, unsigned char mask, bool write, const void *pc)
{
    const struct view *now = mine()->now;
    unsigned me = self->id;
    struct location *l = cell->location;
    if (cell->wrote && cell->writer != me && now->clock[cell->writer] < cell->wrote && cell->mask & mask)
        race(write ? "a write after a write" : "a read after a write", at, cell->writer, pc);
    bool alone = !l && !(write && cell->readers & ~(1u << me));
    for (unsigned i = alone ? MODEL_THREADS : 0; i < MODEL_THREADS; i++) {
        if (i == me)
            continue;
        if (write && now->clock[i] < cell->read[i] && cell->read_mask[i] & mask)
            race("a write after a read", at, i, pc);
        if (l && now->clock[i] < l->wrote[i])
            race("a plain access after an atomic store", at, i, pc);
        if (l && write && now->clock[i] < l->read[i])
            race("a plain write after an atomic load", at, i, pc);
    }
    if (!write) {
        cell->read_mask[me] = (unsigned char)(cell->read[me] == now->clock[me] ? cell->read_mask[me] | mask : mask);
        cell->read[me] = now->clock[me];
        cell->readers |= (unsigned short)(1u << me);
        return;
    }
    bool more = cell->writer == me && cell->wrote == now->clock[me];
    cell->writer = (unsigned char)me;
    cell->mask = (unsigned char)(more ? cell->mask | mask : mask);
    cell->wrote = now->clock[me];
    if (l)
        l->stale = true;
}

unsigned model_clock(void)
{
    return mine()->now->clock[self->id];
}

void model_read_at(const void *at, unsigned clock)
{
    struct cell *cell = cell_of(at);
    if (!cell)
        fail("%p is not watched", at);
    cell->read[self->id] = clock;
    cell->read_mask[self->id] = 15;
    cell->readers |= (unsigned short)(1u << self->id);
}

/* True if a store of the running thread to the location waits in its buffer. */
static bool buffers(const struct location *l)
{
    const struct knowledge *k = mine();
    for (unsigned i = k->flushed; i < k->buffered; i++)
        if (k->buffer[i % BUFFER_MAX].location == l)
            return true;
    return false;
}

static void plain(const volatile void *at, size_t size, bool write, const void *pc)
{
    uintptr_t begin = (uintptr_t)at, end = begin + size;
    if (freed_count && self)
        freed_check(at);
    for (uintptr_t word = begin & ~(uintptr_t)3; word < end; word += 4) {
        struct cell *cell = cell_of((const void *)word);
        if (!cell)
            return;
        if (self && cell->location && buffers(cell->location)) /* our own store, which a plain load sees, too */
            point((struct op){.drains = true});
        if (write)
            save(cell, (const void *)word);
        unsigned from = word < begin ? (unsigned)(begin - word) : 0, to = word + 4 > end ? (unsigned)(end - word) : 4;
        if (self)
            plain_cell(cell, (const void *)word, (unsigned char)(((1u << to) - 1) & ~((1u << from) - 1)), write, pc);
    }
}

/* -------------------------------------------------------------------------------------------------- Atomic locations */

static uint64_t memory_value(const volatile void *at, unsigned size)
{
    return size == 8   ? *(const volatile uint64_t *)at
           : size == 4 ? *(const volatile uint32_t *)at
                       : *(const volatile uint8_t *)at;
}

static void memory_set(volatile void *at, unsigned size, uint64_t value)
{
    if (size == 8)
        *(volatile uint64_t *)at = value;
    else if (size == 4)
        *(volatile uint32_t *)at = (uint32_t)value;
    else
        *(volatile uint8_t *)at = (uint8_t)value;
}

static struct message *location_last(struct location *l)
{
    return &l->message[l->count - 1];
}

/* The location at an address, which plain stores may have changed meanwhile. */
static struct location *location_of(struct cell *cell, const volatile void *at, unsigned size)
{
    struct location *l = cell->location;
    if (!l) {
        l = cell->location = scratch_take(sizeof(*l));
        memset(l, 0, sizeof(*l));
        l->at = at;
        l->number = location_count++;
        if (location_count == LOCATIONS_MAX)
            fail("more than %d atomic words", LOCATIONS_MAX);
        l->size = size;
        l->room = 8;
        l->message = scratch_take(l->room * sizeof(struct message));
        l->count = 1;
        l->message[0] = (struct message){.value = memory_value(at, size), .key = KEY_GAP};
    }
    if (l->size != size)
        fail("atomic accesses of %u and %u bytes at %p", l->size, size, (const void *)(uintptr_t)at);
    if (l->stale) {
        unsigned key = location_last(l)->key + KEY_GAP;
        l->stale = false;
        l->count = 1;
        l->message[0] = (struct message){.value = memory_value(at, size), .key = key};
    }
    return l;
}

/* Puts a store behind number `after` in modification order. */
static struct message *message_add(struct location *l, unsigned after, uint64_t value)
{
    unsigned key = l->message[after].key + KEY_GAP;
    if (after + 1 < l->count)
        key = (l->message[after].key + l->message[after + 1].key) / 2;
    if (l->count == l->room) {
        struct message *more = scratch_take(2 * l->room * sizeof(*more));
        memcpy(more, l->message, l->count * sizeof(*more));
        l->message = more;
        l->room *= 2;
    }
    memmove(&l->message[after + 2], &l->message[after + 1], (l->count - after - 1) * sizeof(struct message));
    l->count++;
    l->message[after + 1] = (struct message){.value = value, .key = key};
    if (after + 2 == l->count) {
        struct cell *cell = cell_of(l->at);
        save(cell, l->at);
        if (l->size == 8)
            save(cell_of((const volatile char *)l->at + 4), (const volatile char *)l->at + 4);
        memory_set((volatile void *)(uintptr_t)l->at, l->size, value);
    }
    return &l->message[after + 1];
}

/* ------------------------------------------------------------------------------------------------------------ Orders */

static bool acquires(int order)
{
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order == __ATOMIC_ACQ_REL ||
           order == __ATOMIC_SEQ_CST;
}

static bool releases(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

struct site sites[4096];
unsigned site_count;

/* Compilers may merge accesses that differ in nothing but their order. */
struct site *site_at(const void *pc, const char *what, int order)
{
    static unsigned short index[16384];
    unsigned i = (unsigned)(((uintptr_t)pc * 8 + (unsigned)order) * 0x9e3779b1u >> 7) % 16384;
    while (index[i] && (sites[index[i] - 1].pc != pc || sites[index[i] - 1].order != order))
        i = (i + 1) % 16384;
    if (!index[i]) {
        if (site_count == 4096)
            abort();
        sites[site_count] = (struct site){.pc = pc, .what = what, .order = order, .weakened = order};
        index[i] = (unsigned short)++site_count;
    }
    struct site *site = &sites[index[i] - 1];
    site->what = what ? what : site->what;
    return site;
}

static int order_at(const void *pc, const char *what, int order)
{
    return site_at(pc, what, order)->weakened;
}

/* ---------------------------------------------------------------------------------------------------------- Accesses */

static void race_check(const struct cell *cell, struct location *l, bool write, const void *pc)
{
    const struct view *now = mine()->now;
    unsigned me = self->id;
    if (cell->wrote && cell->writer != me && now->clock[cell->writer] < cell->wrote)
        race("an atomic access after a plain write", l->at, cell->writer, pc);
    for (unsigned i = 0; write && i < MODEL_THREADS; i++)
        if (i != me && now->clock[i] < cell->read[i])
            race("an atomic store after a plain read", l->at, i, pc);
    unsigned *when = write ? l->wrote : l->read;
    when[me] = now->clock[me];
}

/* How many messages the thread may still read: all from the one returned on. */
static unsigned readable_from(const struct location *l)
{
    if (engine != ENGINE_C11)
        return l->count - 1;
    unsigned least = view_key(mine()->now, l), i = l->count - 1;
    while (i > 0 && l->message[i - 1].key >= least && l->message[i].key > least)
        i--;
    return i;
}

static void learn(const struct location *l, const struct message *m, int order)
{
    struct knowledge *k = mine();
    view_raise(k->now, l, m->key);
    if (m->view && acquires(order))
        view_join(k->now, m->view);
    else if (m->view)
        view_join(k->acquirable, m->view);
}

/* What a store tells.  before: the store that a read-modify-write read; it tells that one's, too. */
static const struct view *told(int order, const struct view *before)
{
    struct knowledge *k = mine();
    const struct view *view = releases(order) ? k->now : k->released;
    bool nothing = view == k->released && view->count == 0 && !view->clock[self->id];
    if (nothing)
        return before;
    struct view *copy;
    if (!before)
        return view_copy(view);
    copy = view_new(view->count > before->count ? view->count : before->count);
    view_join(copy, view);
    view_join(copy, before);
    return copy;
}

static struct location *access(const volatile void *at, unsigned size, struct op op, const void *pc)
{
    struct cell *cell = cell_of(at);
    if (!cell)
        fail("atomic access to %p, which is not watched", (const void *)(uintptr_t)at);
    op.at = at;
    point(op);
    if (freed_count)
        freed_check(at);
    cell = cell_of(at);
    struct location *l = location_of(cell, at, size);
    race_check(cell, l, op.write, pc);
    if (size == 8 && cell[1].epoch == epoch)
        race_check(&cell[1], l, op.write, pc);
    return l;
}

static uint64_t atomic_load(const volatile void *at, unsigned size, int order, const void *pc)
{
    if (!self)
        return memory_value(at, size);
    order = order_at(pc, "load", order);
    const struct knowledge *k = mine();
    struct location *l = access(at, size, (struct op){0}, pc);
    for (unsigned i = k->buffered; i > k->flushed; i--)
        if (k->buffer[(i - 1) % BUFFER_MAX].location == l)
            return k->buffer[(i - 1) % BUFFER_MAX].value;
    unsigned from = readable_from(l);
    const struct message *m = &l->message[l->count - 1 - choose(l->count - from)];
    learn(l, m, order);
    trace("%p load %s of %p: %#llx%s", pc, acquires(order) ? "acquire" : "relaxed", (const void *)(uintptr_t)at,
          (unsigned long long)m->value, m->key == location_last(l)->key ? "" : ", an old one");
    return m->value;
}

/* True if a store may come right behind number i in modification order. */
static bool followable(const struct location *l, unsigned i)
{
    return i + 1 == l->count || (!l->message[i].followed && l->message[i + 1].key - l->message[i].key > 1);
}

/* A store that the thread may still read, from the newest, and that another may follow; or, for a compare-and-swap, that differs
 * from what it expects. */
static unsigned message_choose(const struct location *l, const uint64_t *expected)
{
    unsigned candidates[64], count = 0, from = readable_from(l);
    for (unsigned i = l->count; i-- > from && count < 64;)
        if (followable(l, i) || (expected && l->message[i].value != *expected))
            candidates[count++] = i;
    return candidates[choose(count)];
}

static void message_store(struct location *l, uint64_t value, const struct view *view)
{
    struct message *m = message_add(l, message_choose(l, NULL), value);
    view_raise(mine()->now, l, m->key);
    m->view = view;
}

static void atomic_store(volatile void *at, unsigned size, uint64_t value, int order, const void *pc)
{
    if (!self) {
        plain(at, size, true, pc);
        memory_set(at, size, value);
        return;
    }
    order = order_at(pc, "store", order);
    bool buffers = engine == ENGINE_TSO;
    struct op op = {.write = !buffers};
    struct location *l = access(at, size, op, pc);
    const struct view *view = told(order, NULL);
    trace("%p store %s of %p: %#llx", pc, releases(order) ? "release" : "relaxed", (const void *)(uintptr_t)at,
          (unsigned long long)value);
    l->wrote[self->id] = mine()->now->clock[self->id];
    tick();
    if (!buffers) {
        message_store(l, value, view);
        return;
    }
    struct knowledge *k = mine();
    if (k->buffered - k->flushed == BUFFER_MAX)
        fail("more than %d stores in a buffer", BUFFER_MAX);
    k->buffer[k->buffered++ % BUFFER_MAX] = (struct buffered){l, value, view, step_number()};
}

bool memory_buffered(const struct thread *thread)
{
    return knowledge[thread->id].buffered != knowledge[thread->id].flushed;
}

struct op memory_flush_op(const struct thread *thread)
{
    const struct knowledge *k = &knowledge[thread->id];
    const struct buffered *b = &k->buffer[k->flushed % BUFFER_MAX];
    return (struct op){.at = b->location->at, .write = true, .after = b->step};
}

void memory_flush(struct thread *thread)
{
    struct knowledge *k = &knowledge[thread->id];
    const struct buffered *b = &k->buffer[k->flushed++ % BUFFER_MAX];
    struct message *m = message_add(b->location, b->location->count - 1, b->value);
    m->view = b->view;
}

struct modification {
    enum { EXCHANGE, ADD, SUB, AND, OR, XOR } kind;
    uint64_t operand;
};

static uint64_t modified(struct modification m, uint64_t value)
{
    switch (m.kind) {
    case EXCHANGE:
        return m.operand;
    case ADD:
        return value + m.operand;
    case SUB:
        return value - m.operand;
    case AND:
        return value & m.operand;
    case OR:
        return value | m.operand;
    case XOR:
        return value ^ m.operand;
    }
    return 0;
}

static uint64_t truncated(uint64_t value, unsigned size)
{
    return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

/* The store of a read-modify-write that has read number `read`. */
static void modify(struct location *l, unsigned read, uint64_t value, int order)
{
    struct message *before = &l->message[read];
    learn(l, before, order);
    const struct view *view = told(order, before->view);
    before->followed = true;
    struct message *m = message_add(l, read, value);
    view_raise(mine()->now, l, m->key);
    m->view = view;
    l->wrote[self->id] = mine()->now->clock[self->id];
    tick();
}

static uint64_t atomic_modify(volatile void *at, unsigned size, struct modification m, int order, const void *pc)
{
    if (!self) {
        uint64_t old = memory_value(at, size);
        plain(at, size, true, pc);
        memory_set(at, size, modified(m, old));
        return old;
    }
    order = order_at(pc, "modification", order);
    struct location *l = access(at, size, (struct op){.write = true, .drains = true}, pc);
    unsigned read = message_choose(l, NULL);
    uint64_t old = l->message[read].value, value = truncated(modified(m, old), size);
    modify(l, read, value, order);
    trace("%p modification of %p: %#llx -> %#llx", pc, (const void *)(uintptr_t)at, (unsigned long long)old,
          (unsigned long long)value);
    return old;
}

static uint64_t atomic_swap(volatile void *at, unsigned size, uint64_t expected, uint64_t desired, int order,
                            int failure, const void *pc)
{
    if (!self) {
        uint64_t old = memory_value(at, size);
        if (old == expected)
            atomic_store(at, size, desired, order, pc);
        return old;
    }
    order = order_at(pc, "swap", order);
    struct location *l = access(at, size, (struct op){.write = true, .drains = true}, pc);
    unsigned read = message_choose(l, &expected);
    uint64_t old = l->message[read].value;
    if (old == expected)
        modify(l, read, desired, order);
    else
        learn(l, &l->message[read], failure);
    trace("%p swap of %p: %#llx%s%#llx", pc, (const void *)(uintptr_t)at, (unsigned long long)old,
          old == expected ? " -> " : " is not ", (unsigned long long)(old == expected ? desired : expected));
    return old;
}

static void fence_acq_rel(int order)
{
    struct knowledge *k = mine();
    if (acquires(order))
        view_join(k->now, k->acquirable);
    if (releases(order)) {
        k->released->count = 0;
        memset(k->released->clock, 0, sizeof(k->released->clock));
        view_join(k->released, k->now);
        tick();
    }
}

static void fence(int order, const void *pc)
{
    if (!self)
        return;
    order = order_at(pc, "fence", order);
    if (order == -1 || order == __ATOMIC_RELAXED)
        return;
    bool full = order == __ATOMIC_SEQ_CST;
    if (full && engine != ENGINE_SC)
        point((struct op){.at = engine == ENGINE_C11 ? &fence_object : NULL, .write = true, .drains = true});
    if (full && engine == ENGINE_C11) {
        view_join_keys(mine()->now, fence_view);
        view_join_keys(mine()->now, mine()->acquirable);
        view_join_keys(fence_view, mine()->now);
    }
    fence_acq_rel(order);
    trace("%p fence", pc);
}

/* membarrier: every thread passes a fence. */
void memory_barrier_all(void)
{
    point((struct op){.all = true, .write = true, .drains = true});
    for (int round = 0; round < 2; round++)
        for (unsigned i = 0; i < MODEL_THREADS; i++)
            if (threads[i].used) { /* who has ended passed one then */
                while (memory_buffered(&threads[i]))
                    memory_flush(&threads[i]);
                view_join_keys(knowledge[i].now, fence_view);
                view_join_keys(fence_view, knowledge[i].now);
            }
    trace("barrier of all");
}

/* ------------------------------------------------------------------------------------------------------------- Locks */

struct lock {
    const void *at;
    unsigned epoch;
    struct thread *holder;
    const struct view *view;
};

static struct lock *lock_at(const void *at)
{
    static struct lock locks[1024];
    for (size_t i = ((uintptr_t)at >> 3) % 1024;; i = (i + 1) % 1024) {
        if (locks[i].epoch != epoch)
            locks[i] = (struct lock){.at = at, .epoch = epoch};
        if (locks[i].at == at)
            return &locks[i];
    }
}

struct thread *memory_holder(const void *at)
{
    return lock_at(at)->holder;
}

void memory_locked(const void *at)
{
    struct lock *lock = lock_at(at);
    lock->holder = self;
    view_join(mine()->now, lock->view);
}

void memory_unlocked(const void *at)
{
    struct lock *lock = lock_at(at);
    lock->holder = NULL;
    lock->view = view_copy(mine()->now);
    tick();
}

/* What futex compares: the newest value. */
uint32_t memory_newest_u32(const uint32_t *at)
{
    struct cell *cell = cell_of(at);
    return cell && cell->location ? (uint32_t)location_last(location_of(cell, at, 4))->value : *at;
}

/* --------------------------------------------------------------------------------------- What the compiler calls */

#define PC __builtin_return_address(0)

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_init(void)
{
}
void __tsan_func_entry(void *pc)
{
    (void)pc;
}
void __tsan_func_exit(void)
{
}

#define PLAIN(n)                                   \
    void __tsan_read##n(void *at);                 \
    void __tsan_write##n(void *at);                \
    void __tsan_unaligned_read##n(void *at);       \
    void __tsan_unaligned_write##n(void *at);      \
    void __tsan_read_write##n(void *at);           \
    void __tsan_unaligned_read_write##n(void *at); \
    void __tsan_read##n(void *at)                  \
    {                                              \
        plain(at, n, false, PC);                   \
    }                                              \
    void __tsan_write##n(void *at)                 \
    {                                              \
        plain(at, n, true, PC);                    \
    }                                              \
    void __tsan_unaligned_read##n(void *at)        \
    {                                              \
        plain(at, n, false, PC);                   \
    }                                              \
    void __tsan_unaligned_write##n(void *at)       \
    {                                              \
        plain(at, n, true, PC);                    \
    }                                              \
    void __tsan_read_write##n(void *at)            \
    {                                              \
        plain(at, n, true, PC);                    \
    }                                              \
    void __tsan_unaligned_read_write##n(void *at)  \
    {                                              \
        plain(at, n, true, PC);                    \
    }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void *__tsan_memset(void *at, int byte, size_t size);
void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memset(void *at, int byte, size_t size)
{
    plain(at, size, true, PC);
    return memset(at, byte, size);
}
void *__tsan_memcpy(void *to, const void *from, size_t size)
{
    plain(from, size, false, PC);
    plain(to, size, true, PC);
    return memcpy(to, from, size);
}
void *__tsan_memmove(void *to, const void *from, size_t size)
{
    plain(from, size, false, PC);
    plain(to, size, true, PC);
    return memmove(to, from, size);
}

#define MODIFY(bits, type, name, kind_)                                                             \
    type __tsan_atomic##bits##_##name(volatile type *at, type operand, int order);                  \
    type __tsan_atomic##bits##_##name(volatile type *at, type operand, int order)                   \
    {                                                                                               \
        return (type)atomic_modify(at, bits / 8, (struct modification){kind_, operand}, order, PC); \
    }
#define ATOMIC(bits, type)                                                                                     \
    type __tsan_atomic##bits##_load(const volatile type *at, int order);                                       \
    void __tsan_atomic##bits##_store(volatile type *at, type value, int order);                                \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *at, type expected, type desired, int order, \
                                                    int failure);                                              \
    type __tsan_atomic##bits##_load(const volatile type *at, int order)                                        \
    {                                                                                                          \
        return (type)atomic_load(at, bits / 8, order, PC);                                                     \
    }                                                                                                          \
    void __tsan_atomic##bits##_store(volatile type *at, type value, int order)                                 \
    {                                                                                                          \
        atomic_store(at, bits / 8, value, order, PC);                                                          \
    }                                                                                                          \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *at, type expected, type desired, int order, \
                                                    int failure)                                               \
    {                                                                                                          \
        return (type)atomic_swap(at, bits / 8, expected, desired, order, failure, PC);                         \
    }                                                                                                          \
    MODIFY(bits, type, exchange, EXCHANGE)                                                                     \
    MODIFY(bits, type, fetch_add, ADD)                                                                         \
    MODIFY(bits, type, fetch_sub, SUB)                                                                         \
    MODIFY(bits, type, fetch_and, AND)                                                                         \
    MODIFY(bits, type, fetch_or, OR)                                                                           \
    MODIFY(bits, type, fetch_xor, XOR)
ATOMIC(8, uint8_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    fence(order, PC);
}
void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}

/* scope_spawn_copy: what the task gets, for every size. */
#include "tests/scope_check.h"

struct copies {
    size_t size;
    size_t count;
    atomic_size_t right;
    struct scope *outer;
    const unsigned char *source;
};

static struct copies copies;

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 31 + 7);
}

/* The copy may be written to: nobody else has it. */
static int copy_task(struct scope *s, void *arg)
{
    unsigned char *copy = arg;
    bool right = true;
    (void)s;
    CHECK((uintptr_t)arg % 16 == 0);
    CHECK((const unsigned char *)arg != copies.source);
    for (size_t i = 0; i < copies.size; i++) {
        right = right && copy[i] == byte_at(i);
        copy[i] = 0xee;
    }
    atomic_fetch_add(&copies.right, right);
    return 0;
}

/* The same with a size that the compiler knows: those up to 32 are inline. */
static int spawn_known(struct scope *s, const void *arg, size_t size)
{
#define KNOWN(n) \
    case n:      \
        return scope_spawn_copy(s, copy_task, arg, n);
#define KNOWN8(n) KNOWN(n) KNOWN(n + 1) KNOWN(n + 2) KNOWN(n + 3) KNOWN(n + 4) KNOWN(n + 5) KNOWN(n + 6) KNOWN(n + 7)
    switch (size) {
        KNOWN8(1)
        KNOWN8(9)
        KNOWN8(17)
        KNOWN8(25)
        KNOWN(33)
        KNOWN(SCOPE_COPY_MAX)
    default:
        return scope_spawn_copy(s, copy_task, arg, size);
    }
}

static int copies_body(struct scope *s, void *arg)
{
    unsigned char *source = malloc(copies.size + 1); /* exactly so many bytes may be read, at any alignment */
    (void)arg;
    if (!CHECK(source != NULL))
        return 1;
    copies.source = source + 1;
    for (size_t i = 0; i < copies.size; i++)
        source[i + 1] = byte_at(i);
    struct scope *into = copies.outer ? copies.outer : s;
    for (size_t i = 0; i < copies.count; i++)
        CHECK_EQ_INT(i % 2 ? spawn_known(into, source + 1, copies.size)
                           : scope_spawn_copy(into, copy_task, source + 1, copies.size),
                     SCOPE_OK);
    memset(source, 0xdd, copies.size + 1); /* it was copied: may change, and go, at once */
    free(source);
    return 0;
}

static int outer_body(struct scope *s, void *arg)
{
    copies.outer = s;
    int status = scope_run(copies_body, arg);
    copies.outer = NULL;
    return status;
}

static void copies_of(scope_fn *body, size_t size, size_t count)
{
    struct scope_report report;
    copies.size = size;
    copies.count = count;
    atomic_store(&copies.right, 0);
    CHECK_EQ_INT(run_checked(NULL, &report, body, NULL), SCOPE_OK);
    CHECK_EQ_INT(report.ok, count);
    CHECK_EQ_INT(copies.right, count);
}

static void in_the_task_every_size_right(void)
{
    for (size_t size = 1; size <= 32; size++)
        copies_of(copies_body, size, 10);
}

static void on_the_heap_every_size_right(void)
{
    static const size_t sizes[] = {
        33, 34, 40, 47, 48, 49, 63, 64, 65, 255, 4096, 4097, SCOPE_COPY_MAX - 1, SCOPE_COPY_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        copies_of(copies_body, sizes[i], 10);
}

/* The deque is full: tasks run inside the spawn. */
static void more_than_the_deque_right(void)
{
    copies_of(copies_body, 24, 10000);
    copies_of(copies_body, 32, 10000);
    copies_of(copies_body, 100, 10000);
}

static void into_the_enclosing_scope_right(void)
{
    static const size_t sizes[] = {1, 8, 31, 32, 33, 100, SCOPE_COPY_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        copies_of(outer_body, sizes[i], 20);
}

int main(void)
{
    check_run("copy_in_the_task_every_size_right", in_the_task_every_size_right);
    check_run("copy_on_the_heap_every_size_right", on_the_heap_every_size_right);
    check_run("copy_more_than_the_deque_right", more_than_the_deque_right);
    check_run("copy_into_the_enclosing_scope_right", into_the_enclosing_scope_right);
    return check_done();
}

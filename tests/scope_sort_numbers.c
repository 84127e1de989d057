/* The sorts by bits: every kind of number, distributions of bits, the total order of floating-point numbers, cancellation. */
#include "tests/scope_check.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t lengths[] = {0, 1, 2, 40, 64, 65, 130, 500, 1000, 5000, 16384, 16385, 33000, 70001, 200003};
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]) - TIMES(0, 1))

/* Bits of number i: how they are distributed. */
enum bits { UNIFORM, NARROW, HIGH, SKEWED, MIDDLE, TWO, ASCENDING, DESCENDING, BLOCKS, DISTRIBUTIONS };

static uint64_t bits_of(enum bits bits, uint64_t i)
{
    uint64_t x = i * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    x ^= x >> 32;
    switch (bits) {
    case UNIFORM:
        return x;
    case NARROW:
        return x & 0xff;
    case HIGH:
        return x << 24 & 0xff000000ff000000u;
    case SKEWED: /* one number in a hundred is large */
        return x % 100 ? x & 0xfff : x;
    case MIDDLE:
        return x & 0xffff00ffff00;
    case TWO:
        return x & 1 ? UINT64_MAX : 0;
    case ASCENDING:
        return i;
    case DESCENDING:
        return UINT64_MAX - i;
    default: /* each block of the longest array has one number */
        return 11 - i / 16667;
    }
}

/* Each kind: an array of its type and of what is expected, by qsort. */
#define KIND(name, type, compare, to_number)                                                                        \
    static int compare_##name(const void *a, const void *b)                                                         \
    {                                                                                                               \
        type x, y;                                                                                                  \
        memcpy(&x, a, sizeof(x));                                                                                   \
        memcpy(&y, b, sizeof(y));                                                                                   \
        return compare(x, y);                                                                                       \
    }                                                                                                               \
    static void check_##name(struct scope *s, enum bits bits, size_t n, int way)                                    \
    {                                                                                                               \
        type *array = calloc(n + 1, sizeof(type)), *expected = calloc(n + 1, sizeof(type));                         \
        type *scratch = way == 1 ? calloc(n + 1, sizeof(type)) : NULL;                                              \
        for (size_t i = 0; i < n; i++)                                                                              \
            array[i] = expected[i] = to_number(bits_of(bits, i));                                                   \
        qsort(expected, n, sizeof(type), compare_##name);                                                           \
        CHECK_EQ_INT(way == 0 ? scope_sort_##name(s, array, n) : scope_sort_##name##_scratch(s, array, n, scratch), \
                     SCOPE_OK);                                                                                     \
        if (!CHECK(memcmp(array, expected, n * sizeof(type)) == 0))                                                 \
            printf("# " #name ", distribution %d, %zu numbers, way %d\n", bits, n, way);                            \
        free(array);                                                                                                \
        free(expected);                                                                                             \
        free(scratch);                                                                                              \
    }

#define BY_VALUE(x, y) ((x) < (y) ? -1 : (x) > (y))
#define PLAIN(bits) ((uint32_t)(bits))
#define SIGNED(bits) ((int32_t)(uint32_t)(bits))
#define LONG(bits) (bits)
#define SIGNED_LONG(bits) ((int64_t)(bits))

static float float_of(uint64_t bits)
{
    uint32_t half = (uint32_t)bits;
    float x;
    memcpy(&x, &half, sizeof(x));
    return x;
}

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* As the header has it: negative before positive, also of NaNs and zeros; else by value, and NaNs, which are farthest out, by their
 * bits. */
static int float_compare(float x, float y)
{
    if (signbit(x) != signbit(y))
        return signbit(x) ? -1 : 1;
    if (!isnan(x) && !isnan(y))
        return BY_VALUE(x, y);
    uint32_t a, b;
    memcpy(&a, &x, sizeof(a));
    memcpy(&b, &y, sizeof(b));
    return signbit(x) ? BY_VALUE(b, a) : BY_VALUE(a, b);
}

static int double_compare(double x, double y)
{
    if (signbit(x) != signbit(y))
        return signbit(x) ? -1 : 1;
    if (!isnan(x) && !isnan(y))
        return BY_VALUE(x, y);
    uint64_t a, b;
    memcpy(&a, &x, sizeof(a));
    memcpy(&b, &y, sizeof(b));
    return signbit(x) ? BY_VALUE(b, a) : BY_VALUE(a, b);
}

KIND(u32, uint32_t, BY_VALUE, PLAIN)
KIND(i32, int32_t, BY_VALUE, SIGNED)
KIND(u64, uint64_t, BY_VALUE, LONG)
KIND(i64, int64_t, BY_VALUE, SIGNED_LONG)
KIND(float, float, float_compare, float_of)
KIND(double, double, double_compare, double_of)

typedef void check_fn(struct scope *s, enum bits bits, size_t n, int way);
static check_fn *const kinds[] = {check_u32, check_i32, check_u64, check_i64, check_float, check_double};

static void check_kinds(struct scope *s, unsigned turn)
{
    for (enum bits bits = 0; bits < DISTRIBUTIONS; bits++)
        for (size_t i = 0; i < LENGTHS; i++, turn++)
            for (int kind = 0; kind < 6; kind++)
                if (lengths[i] < 10000 || kind == (int)(turn % 6)) /* the long ones in turn */
                    kinds[kind](s, bits, lengths[i], (int)(turn / 6 % (lengths[i] < 100000 ? 3 : 2)));
}

static void numbers_as_qsort(void)
{
    check_kinds(NULL, 0);
}

static int in_scope(struct scope *s, void *arg)
{
    (void)arg;
    check_kinds(s, 3);
    return 0;
}

static void numbers_in_scope_as_qsort(void)
{
    CHECK_EQ_INT(scope_run(in_scope, NULL), SCOPE_OK);
}

static void numbers_doubles_total_order(void)
{
    double d[] = {1, NAN, -1, 0.0, -NAN, INFINITY, -0.0, -INFINITY, 5e-324, -5e-324};
    CHECK_EQ_INT(scope_sort_double(NULL, d, 10), SCOPE_OK);
    CHECK(isnan(d[0]) && d[1] == -INFINITY && d[2] == -1 && d[3] == -5e-324);
    CHECK(d[4] == 0 && signbit(d[4]) && d[5] == 0 && !signbit(d[5]));
    CHECK(d[6] == 5e-324 && d[7] == 1 && d[8] == INFINITY && isnan(d[9]));
}

/* ------------------------------------------------------------------------------------------------------- Cancellation */

#define CANCEL_MOST 100000
#define CANCEL_LENGTH ((size_t)TIMES(CANCEL_MOST, 50000))

static atomic_uint go;
static unsigned delay;

static void *cancel_later(void *token)
{
    while (!atomic_load(&go))
        sched_yield();
    for (atomic_uint i = 0; i < delay; i++)
        continue;
    (void)scope_token_cancel(token);
    return NULL;
}

static int compare_u64_(const void *a, const void *b)
{
    return compare_u64(a, b);
}

static int cancel_status;

static int cancel_body(struct scope *s, void *arg)
{
    uint64_t *array = arg;
    atomic_store(&go, 1);
    cancel_status = scope_sort_u64(s, array, CANCEL_LENGTH);
    return 0;
}

/* Most are alike in the first digit: a second step sorts them, with the roles of the two memories swapped.  Or there are but two
 * first digits, with none below them.  Or so many that what comes after the first step is small. */
static enum first_digit { ALIKE, ONE_OF_TWO, ANY, FIRST_DIGITS } first_digit;

static uint64_t cancel_bits(size_t i)
{
    uint64_t bits = bits_of(UNIFORM, i);
    if (first_digit == ALIKE)
        return bits >> (i % 8 ? 16 : 0);
    return first_digit == ANY ? bits : (bits >> 8) | (uint64_t)(i % 2 ? 0xff : 0x7f) << 56;
}

static const uint64_t *cancel_expected(void)
{
    static uint64_t expected[FIRST_DIGITS][CANCEL_MOST];
    static bool known[FIRST_DIGITS];
    uint64_t *numbers = expected[first_digit];
    if (known[first_digit])
        return numbers;
    for (size_t i = 0; i < CANCEL_LENGTH; i++)
        numbers[i] = cancel_bits(i);
    qsort(numbers, CANCEL_LENGTH, sizeof(*numbers), compare_u64_);
    known[first_digit] = true;
    return numbers;
}

static bool all_there(uint64_t *array, bool ordered)
{
    if (!ordered)
        qsort(array, CANCEL_LENGTH, sizeof(*array), compare_u64_);
    return memcmp(array, cancel_expected(), CANCEL_LENGTH * sizeof(*array)) == 0;
}

/* Whether any is stopped is chance; those below are for certain. */
static void numbers_cancelled_lose_nothing(void)
{
    uint64_t *array = malloc(CANCEL_LENGTH * sizeof(*array));
    unsigned stopped = 0, rounds = TIMES(24, 8);
    for (unsigned round = 0; round < rounds; round++) {
        struct scope_options options = scope_options_init();
        struct scope_token *token = scope_token_create();
        pthread_t thread;
        options.token = token;
        first_digit = round % FIRST_DIGITS;
        for (size_t i = 0; i < CANCEL_LENGTH; i++)
            array[i] = cancel_bits(i);
        atomic_store(&go, 0);
        delay = round * round * 500;
        CHECK_EQ_INT(pthread_create(&thread, NULL, cancel_later, token), 0);
        (void)scope_run_with(&options, NULL, cancel_body, array);
        CHECK_EQ_INT(pthread_join(thread, NULL), 0);
        CHECK(cancel_status == SCOPE_OK || cancel_status == SCOPE_ECANCELED);
        CHECK(all_there(array, cancel_status == SCOPE_OK));
        stopped += cancel_status == SCOPE_ECANCELED;
        scope_token_release(token);
    }
    printf("# %u of %u were stopped\n", stopped, rounds);
    free(array);
}

/* Cancelled at a certain place: when a page is touched for the first time, or written to, whose signal handler does it.  On one
 * worker, so that nobody else is at another place. */
static struct guard {
    char *page;
    size_t size;
    struct scope_token *token;
    unsigned touched;
} guard;

static void guard_touched(int number, siginfo_t *info, void *context)
{
    (void)context;
    size_t place = (size_t)((char *)info->si_addr - guard.page);
    if (place >= guard.size || mprotect(guard.page, guard.size, PROT_READ | PROT_WRITE) != 0) {
        (void)signal(number, SIG_DFL); /* another fault: it comes again */
        return;
    }
    guard.touched++;
    (void)scope_token_cancel(guard.token);
}

/* Pages for the numbers. */
static uint64_t *numbers_map(void)
{
    void *memory =
        mmap(NULL, CANCEL_LENGTH * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory == MAP_FAILED ? NULL : memory;
}

static bool in_order(const uint64_t *array)
{
    size_t i = 1;
    while (i < CANCEL_LENGTH && array[i - 1] <= array[i])
        i++;
    return i == CANCEL_LENGTH;
}

static uint64_t *guard_spare;

static int guarded_body(struct scope *s, void *arg)
{
    cancel_status = scope_sort_u64_scratch(s, arg, CANCEL_LENGTH, guard_spare);
    return 0;
}

/* The page is the first, the middle or the last one of the spare memory, which the first step writes to, or of the array, to which parts
 * of it come back when they are sorted: the page of the last part may be too late. */
static void guarded_sort(struct scope_pool *pool, uint64_t *array, bool in_spare, size_t half)
{
    struct scope_options options = options_of(pool);
    size_t place = (CANCEL_LENGTH * half - half / 2) * sizeof(*array) / 2;
    options.token = guard.token = scope_token_create();
    for (size_t i = 0; i < CANCEL_LENGTH; i++)
        array[i] = cancel_bits(i);
    guard.touched = 0;
    guard.page = (char *)(in_spare ? guard_spare : array) + place / guard.size * guard.size;
    CHECK_EQ_INT(mprotect(guard.page, guard.size, in_spare ? PROT_NONE : PROT_READ), 0);
    (void)scope_run_with(&options, NULL, guarded_body, array);
    CHECK_EQ_INT(guard.touched, 1);
    if (in_spare || half == 1) { /* it has ended early */
        CHECK_EQ_INT(cancel_status, SCOPE_ECANCELED);
        CHECK(!in_order(array));
    }
    CHECK(cancel_status == SCOPE_OK || cancel_status == SCOPE_ECANCELED);
    CHECK(all_there(array, cancel_status == SCOPE_OK));
    scope_token_release(guard.token);
}

static void numbers_cancelled_at_a_page_stop_and_lose_nothing(void)
{
    struct sigaction before, on_touch = {.sa_sigaction = guard_touched, .sa_flags = SA_SIGINFO};
    struct scope_pool *pool = pool_of_one();
    uint64_t *array = numbers_map();
    guard_spare = numbers_map();
    guard.size = (size_t)sysconf(_SC_PAGESIZE);
    sigaction(SIGSEGV, &on_touch, &before);
    for (unsigned turn = 0; array && guard_spare && turn < 6 * FIRST_DIGITS; turn += TIMES(1, 5)) {
        first_digit = turn / 6;
        guarded_sort(pool, array, turn % 2, turn / 2 % 3);
    }
    sigaction(SIGSEGV, &before, NULL);
    (void)munmap(array, CANCEL_LENGTH * sizeof(*array));
    (void)munmap(guard_spare, CANCEL_LENGTH * sizeof(*array));
    CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
}

static void numbers_in_cancelled_scope_ecanceled(void)
{
    uint64_t few[100], many[2000];
    for (size_t i = 0; i < 2000; i++)
        few[i % 100] = many[i] = 2000 - i;
    SCOPE(s, NULL, NULL)
    {
        (void)scope_cancel(s);
        CHECK_EQ_INT(scope_sort_u64(s, few, 100), SCOPE_ECANCELED);
        CHECK_EQ_INT(scope_sort_u64(s, many, 2000), SCOPE_ECANCELED);
    }
}

static void numbers_nonsense_einval(void)
{
    uint32_t two[2] = {2, 1};
    CHECK_EQ_INT(scope_sort_u32(NULL, NULL, 2), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort_double(NULL, NULL, 1), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort_u32(NULL, two, SIZE_MAX / 2), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort_u32_scratch(NULL, NULL, 2, two), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_sort_u32(NULL, NULL, 0), SCOPE_OK);
}

int main(void)
{
    check_run("numbers_as_qsort", numbers_as_qsort);
    check_run("numbers_in_scope_as_qsort", numbers_in_scope_as_qsort);
    check_run("numbers_doubles_total_order", numbers_doubles_total_order);
    check_run("numbers_cancelled_lose_nothing", numbers_cancelled_lose_nothing);
    check_run("numbers_cancelled_at_a_page_stop_and_lose_nothing", numbers_cancelled_at_a_page_stop_and_lose_nothing);
    check_run("numbers_in_cancelled_scope_ecanceled", numbers_in_cancelled_scope_ecanceled);
    check_run("numbers_nonsense_einval", numbers_nonsense_einval);
    return check_done();
}

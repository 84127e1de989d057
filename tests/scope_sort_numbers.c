/* The sorts by bits: every kind of number, distributions of bits, the total order of floating-point numbers, cancellation. */
#include "tests/scope_check.h"

#include <math.h>
#include <pthread.h>

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

#define CANCEL_LENGTH ((size_t)TIMES(100000, 50000))

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
 * first digits, with none below them. */
static bool two_digits;

static uint64_t cancel_bits(size_t i)
{
    uint64_t bits = bits_of(UNIFORM, i);
    return two_digits ? (bits >> 8) | (uint64_t)(i % 2 ? 0xff : 0x7f) << 56 : bits >> (i % 8 ? 16 : 0);
}

static bool all_there(uint64_t *array, bool ordered)
{
    uint64_t *expected = malloc(CANCEL_LENGTH * sizeof(*expected));
    for (size_t i = 0; i < CANCEL_LENGTH; i++)
        expected[i] = cancel_bits(i);
    qsort(expected, CANCEL_LENGTH, sizeof(*expected), compare_u64_);
    if (!ordered)
        qsort(array, CANCEL_LENGTH, sizeof(*array), compare_u64_);
    bool same = memcmp(array, expected, CANCEL_LENGTH * sizeof(*array)) == 0;
    free(expected);
    return same;
}

static void numbers_cancelled_lose_nothing(void)
{
    uint64_t *array = malloc(CANCEL_LENGTH * sizeof(*array));
    unsigned stopped = 0, rounds = TIMES(24, 8);
    for (unsigned round = 0; round < rounds; round++) {
        struct scope_options options = scope_options_init();
        struct scope_token *token = scope_token_create();
        pthread_t thread;
        options.token = token;
        two_digits = round % 2;
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
    check_run("numbers_nonsense_einval", numbers_nonsense_einval);
    return check_done();
}

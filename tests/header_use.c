/* What a user's translation unit may look like: valid as C11, C17 and C++17 (tests/header.sh compiles it as each).
 * The header comes first and twice: it must need nothing before it and bear being included again. */
#include <taskscope.h>

#include <stdio.h>

#include <taskscope.h>

struct sum {
    const long *from;
    long n;
    long result;
};

static int sum_task(struct scope *s, void *arg)
{
    struct sum *sum = (struct sum *)arg;
    (void)s;
    for (long i = 0; i < sum->n && !scope_cancelled(s); i++)
        sum->result += sum->from[i];
    return 0;
}

static int sum_halves(struct scope *s, void *arg)
{
    struct sum *halves = (struct sum *)arg;
    for (int i = 0; i < 2; i++) {
        int status = scope_spawn(s, sum_task, &halves[i]);
        if (status != SCOPE_OK)
            return scope_fail(s, status, "half %d was refused", i);
    }
    return scope_reason(s) == SCOPE_REASON_NONE ? 0 : SCOPE_ECANCELED;
}

/* A typed task, and a fork of two functions.  A C++ program may declare it in a namespace. */
#ifdef __cplusplus
namespace sums
{
#endif
struct range {
    const long *from;
    long n;
};

SCOPE_TASK(long, range_sum, struct range);

static inline long range_sum(struct scope_strand strand, struct range r)
{
    if (r.n == 1)
        return r.from[0];
    struct range low = {r.from, r.n / 2}, high = {r.from + r.n / 2, r.n - r.n / 2};
    range_sum_fork(&strand, high);
    long sum = range_sum(strand, low);
    return scope_cancelled(scope_of(strand)) ? 0 : sum + range_sum_join(&strand);
}

#ifdef __cplusplus
}
using namespace sums;
#endif

static int typed_body(struct scope *s, void *arg)
{
    struct sum *sum = (struct sum *)arg;
    struct range r = {sum->from, sum->n};
    sum->result = range_sum_call(s, r);
    return scope_fork2(s, sum_halves, arg, sum_halves, arg) == SCOPE_OK ? 0 : 1;
}

/* Sorts of one's own. */
static inline bool range_before(const struct range *a, const struct range *b)
{
    return a->n < b->n;
}

static inline bool range_after(const struct range *a, const struct range *b)
{
    return a->n > b->n;
}

SCOPE_SORT(struct range, ranges_sort, range_before);
SCOPE_SORT_UNSTABLE(struct range, ranges_sort_down, range_after);

static bool sorts(void)
{
    struct range ranges[3] = {{NULL, 3}, {NULL, 1}, {NULL, 2}};
    double numbers[3] = {3, 1, 2};
    return ranges_sort(NULL, ranges, 3) == SCOPE_OK && ranges[0].n == 1 && ranges[2].n == 3 &&
           ranges_sort_down(NULL, ranges, 3) == SCOPE_OK && ranges[0].n == 3 && ranges[2].n == 1 &&
           scope_sort_double(NULL, numbers, 3) == SCOPE_OK && numbers[0] < numbers[1] && numbers[1] < numbers[2];
}

/* Results, and a block. */
SCOPE_RESULT(long, sum_of, struct range);

static int sum_of(struct scope *s, struct range r, long *result)
{
    (void)s;
    *result = 0;
    for (long i = 0; i < r.n; i++)
        *result += r.from[i];
    return 0;
}

/* A described task. */
#ifdef __cplusplus
static const SCOPE_DESCRIBE(described, sum_task, NULL, 0, 0);
#else
static const SCOPE_DESCRIBE(described, .fn = sum_task);
#endif

static int spawns_described(struct scope *s, void *arg)
{
    return scope_spawn_task(s, &described, arg);
}

static long sum_in_block(const long *from, long n)
{
    struct range r = {from, n};
    struct sum_of_result result;
    long sum = -1;
    int status;
    SCOPE(s, NULL, &status)
    {
        if (sum_of_start(s, &result, r) != SCOPE_OK)
            return -2;
    }
    return status == SCOPE_OK && sum_of_get(&result, &sum) == SCOPE_OK ? sum : -3;
}

/* A pipeline. */
static int make_numbers(struct scope *s, void **item, void *arg)
{
    const long **next = (const long **)arg;
    (void)s;
    if (**next > 0)
        *item = (void *)(uintptr_t) * (*next)++;
    return 0;
}

static int add_number(struct scope *s, void **item, void *arg)
{
    (void)s;
    *(long *)arg += (long)(uintptr_t)*item;
    return 0;
}

static long sum_in_pipeline(const long *from)
{
    long sum = 0;
    const struct scope_stage stages[] = {{"make", SCOPE_STAGE_IN_ORDER, make_numbers, (void *)&from},
                                         {"add", SCOPE_STAGE_SERIAL, add_number, &sum}};
    return scope_pipeline(NULL, stages, 2, 0, NULL) == SCOPE_OK ? sum : -1;
}

#ifdef __cplusplus
/* An exception that leaves a block: joined first. */
static bool exception_joins_first(const long *from, long n)
{
    struct range r = {from, n};
    struct sum_of_result result;
    long sum = -1;
    int status = 1;
    try {
        SCOPE(s, NULL, &status)
        {
            (void)sum_of_start(s, &result, r);
            throw 5;
        }
    } catch (int five) {
        return five == 5 && status == SCOPE_OK && sum_of_get(&result, &sum) == SCOPE_OK && sum == 5050;
    }
    return false;
}
#endif

int main(void)
{
    long numbers[101] = {0};
    for (int i = 0; i < 100; i++)
        numbers[i] = i + 1;
    struct sum halves[2] = {{numbers, 50, 0}, {numbers + 50, 50, 0}};
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    options.name = "sum";
    options.policy = SCOPE_COLLECT;
    if (scope_run_with(&options, &report, sum_halves, halves) != SCOPE_OK || report.ok != 2)
        return 1;
    scope_report_fini(&report);
    struct sum typed[2] = {{numbers, 100, 0}, {numbers, 0, 0}};
    if (scope_run(typed_body, typed) != SCOPE_OK || typed[0].result < 5050)
        return 1;
    if (sum_in_block(numbers, 100) != 5050)
        return 2;
    struct sum whole = {numbers, 100, 0};
    if (scope_run(spawns_described, &whole) != SCOPE_OK || whole.result != 5050)
        return 4;
    if (sum_in_pipeline(numbers) != 5050)
        return 5;
    if (!sorts())
        return 6;
#ifdef __cplusplus
    if (!exception_joins_first(numbers, 100))
        return 3;
#endif
    printf("%ld\n", halves[0].result + halves[1].result);
    return halves[0].result + halves[1].result == 5050 ? 0 : 1;
}

/* A loop, a reduction and a search over an array: no task to write, no grain size to choose, and no scope to open. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskscope.h>

#define POINTS ((size_t)1 << 20)

struct wave {
    double *height;
    double limit;
};

/* Chunks of the range: the body loops over its own. */
static int fill(struct scope *s, size_t begin, size_t end, void *arg)
{
    const struct wave *wave = arg;
    (void)s;
    for (size_t i = begin; i < end; i++)
        wave->height[i] = sin((double)i * 1e-3) * (double)i;
    return 0; /* anything else stops the loop, and is reported with the chunk */
}

static int add(struct scope *s, size_t begin, size_t end, void *value, void *arg)
{
    const struct wave *wave = arg;
    double sum = *(double *)value;
    (void)s;
    for (size_t i = begin; i < end; i++)
        sum += wave->height[i];
    *(double *)value = sum;
    return 0;
}

static void combine(void *left, const void *right, void *arg)
{
    (void)arg;
    *(double *)left += *(const double *)right;
}

static size_t first_above(struct scope *s, size_t begin, size_t end, void *arg)
{
    const struct wave *wave = arg;
    (void)s;
    for (size_t i = begin; i < end; i++)
        if (wave->height[i] > wave->limit)
            return i;
    return end;
}

int main(void)
{
    static const double zero = 0;
    struct wave wave = {malloc(POINTS * sizeof(double)), 500000};
    const struct scope_reduction sum = {
        .size = sizeof(double), .identity = &zero, .map = add, .combine = combine, .arg = &wave};
    double total, again;
    size_t first;
    if (!wave.height || scope_for(NULL, 0, POINTS, fill, &wave) != SCOPE_OK ||
        scope_reduce(NULL, 0, POINTS, &sum, &total) != SCOPE_OK ||
        scope_reduce(NULL, 0, POINTS, &sum, &again) != SCOPE_OK ||
        scope_find(NULL, 0, POINTS, first_above, &wave, &first) != SCOPE_OK)
        return EXIT_FAILURE;
    printf("sum %.17g, the same to the last bit every time: %s\n", total, total == again ? "yes" : "no");
    printf("the first height above %g is that of point %zu\n", wave.limit, first);
    bool right = total == again && wave.height[first] > wave.limit && wave.height[first - 1] <= wave.limit;
    free(wave.height);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}

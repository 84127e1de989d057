#include "bench/strassen/strassen.h"
#include "bench/taskscope.h"

/* Products that are done at once. */
struct parts {
    struct strassen_part *first;
    int count;
};

static int multiply(struct scope *s, const struct product *p);

static int one(struct scope *s, struct strassen_part *part)
{
    strassen_begin(part);
    int status = multiply(s, &part->product);
    strassen_end(part);
    return status;
}

/* Forks by halves until one product is left. */
static int each(struct scope *s, void *arg)
{
    const struct parts *parts = arg;
    int half = (parts->count + 1) / 2;
    struct parts left = {parts->first, half}, right = {parts->first + half, parts->count - half};
    return parts->count == 1 ? one(s, parts->first) : scope_fork2(s, each, &left, each, &right);
}

static int combine(struct scope *s, void *arg)
{
    const struct strassen_rows *rows = arg;
    struct strassen_rows half[2];
    if (strassen_halves(rows, half))
        return scope_fork2(s, combine, &half[0], combine, &half[1]);
    strassen_combine(rows);
    return 0;
}

static int multiply(struct scope *s, const struct product *p)
{
    struct strassen_part part[7];
    if (p->n <= strassen_grain) {
        strassen_leaf(p);
        return 0;
    }
    strassen_split(p, part);
    struct strassen_rows rows = strassen_all_rows(p, part);
    int status = each(s, &(struct parts){part, 7});
    if (status == SCOPE_OK)
        status = combine(s, &rows);
    strassen_free(part);
    return status;
}

static int whole(struct scope *s, void *arg)
{
    return multiply(s, arg);
}

static void run(void)
{
    (void)scope_run(whole, &strassen_whole);
}

int main(int argc, char **argv)
{
    struct bench bench = STRASSEN(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

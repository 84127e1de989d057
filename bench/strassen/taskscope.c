#include "bench/taskscope.h"
#include "bench/strassen/strassen.h"

static int multiply(const struct product *p);

static int combine(struct scope *s, void *arg)
{
    const struct strassen_rows *rows = arg;
    struct strassen_rows half[2];
    if (!strassen_halves(rows, half)) {
        strassen_combine(rows);
        return 0;
    }
    (void)scope_spawn_copy(s, combine, &half[0], sizeof(half[0]));
    return combine(s, &half[1]);
}

static int one(struct scope *s, void *arg)
{
    struct strassen_part *part = arg;
    (void)s;
    strassen_begin(part);
    int status = multiply(&part->product);
    strassen_end(part);
    return status;
}

static int seven(struct scope *s, void *arg)
{
    struct strassen_part *part = arg;
    for (int i = 0; i < 6; i++)
        (void)scope_spawn(s, one, &part[i]);
    return one(s, &part[6]);
}

static int multiply(const struct product *p)
{
    struct strassen_part part[7];
    if (p->n <= strassen_grain) {
        strassen_leaf(p);
        return 0;
    }
    strassen_split(p, part);
    struct strassen_rows rows = strassen_all_rows(p, part);
    int status = scope_run(seven, part);
    if (status == SCOPE_OK)
        status = scope_run(combine, &rows);
    strassen_free(part);
    return status;
}

static int whole(struct scope *s, void *arg)
{
    (void)s;
    return multiply(arg);
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

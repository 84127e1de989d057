#include "bench/strassen/strassen.h"
#include "bench/taskscope.h"

SCOPE_TASK(int, combine, const struct strassen_rows *);
SCOPE_TASK(int, one, struct strassen_part *);

static inline int combine(struct scope_strand strand, const struct strassen_rows *rows)
{
    struct strassen_rows half[2];
    if (!strassen_halves(rows, half)) {
        strassen_combine(rows);
        return 0;
    }
    combine_fork(&strand, &half[0]);
    (void)combine(strand, &half[1]);
    return combine_join(&strand);
}

static inline int multiply(struct scope_strand strand, const struct product *p)
{
    struct strassen_part part[7];
    if (p->n <= strassen_grain) {
        strassen_leaf(p);
        return 0;
    }
    strassen_split(p, part);
    for (int i = 0; i < 6; i++)
        one_fork(&strand, &part[i]);
    (void)one(strand, &part[6]);
    for (int i = 0; i < 6; i++)
        (void)one_join(&strand);
    struct strassen_rows rows = strassen_all_rows(p, part);
    (void)combine(strand, &rows);
    strassen_free(part);
    return 0;
}

static inline int one(struct scope_strand strand, struct strassen_part *part)
{
    strassen_begin(part);
    (void)multiply(strand, &part->product);
    strassen_end(part);
    return 0;
}

SCOPE_TASK(int, whole, const struct product *);

static inline int whole(struct scope_strand strand, const struct product *p)
{
    return multiply(strand, p);
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    return whole_call(s, &strassen_whole);
}

static void run(void)
{
    (void)scope_run(body, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = STRASSEN(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

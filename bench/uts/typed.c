#include "bench/taskscope.h"
#include "bench/uts/uts.h"

struct visit {
    const struct uts_node *parent;
    int place;
};

SCOPE_TASK(long, visit, struct visit);

/* The nodes from this one down. */
static inline long search(struct scope_strand strand, const struct uts_node *node)
{
    int children = uts_children(node);
    long count = 1;
    for (int i = 0; i < children; i++)
        visit_fork(&strand, (struct visit){node, i});
    for (int i = 0; i < children; i++)
        count += visit_join(&strand);
    return count;
}

static inline long visit(struct scope_strand strand, struct visit v)
{
    struct uts_node node = uts_child(v.parent, v.place);
    return search(strand, &node);
}

SCOPE_TASK(long, whole, int);

static inline long whole(struct scope_strand strand, int unused)
{
    struct uts_node root = uts_root();
    (void)unused;
    return search(strand, &root);
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    uts_result = whole_call(s, 0);
    return 0;
}

static void run(void)
{
    if (scope_run(body, NULL) != SCOPE_OK)
        uts_result = -1;
}

int main(int argc, char **argv)
{
    struct bench bench = UTS(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

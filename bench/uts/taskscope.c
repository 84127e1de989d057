#include "bench/taskscope.h"
#include "bench/uts/uts.h"

struct child {
    const struct uts_node *parent;
    int place;
    long count;
};

struct children {
    int count;
    struct child *child;
};

static int search(const struct uts_node *node, long *count);

static int visit(struct scope *s, void *arg)
{
    struct child *child = arg;
    struct uts_node node = uts_child(child->parent, child->place);
    (void)s;
    return search(&node, &child->count);
}

static int each(struct scope *s, void *arg)
{
    const struct children *children = arg;
    for (int i = 0; i < children->count; i++)
        (void)scope_spawn(s, visit, &children->child[i]);
    return 0;
}

static int search(const struct uts_node *node, long *count)
{
    int children = uts_children(node);
    *count = 1;
    if (children == 0)
        return 0;
    struct child child[children];
    for (int i = 0; i < children; i++) {
        child[i].parent = node;
        child[i].place = i;
    }
    int status = scope_run(each, &(struct children){children, child});
    for (int i = 0; i < children; i++)
        *count += child[i].count;
    return status;
}

static void run(void)
{
    struct uts_node root = uts_root();
    long count;
    uts_result = search(&root, &count) == SCOPE_OK ? count : -1;
}

int main(int argc, char **argv)
{
    struct bench bench = UTS(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

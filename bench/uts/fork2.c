#include "bench/taskscope.h"
#include "bench/uts/uts.h"

/* Some children of a node, one or more. */
struct children {
    const struct uts_node *parent;
    int first, count;
    long nodes; /* from them down */
};

static int below(struct scope *s, void *arg);

/* The nodes from this one down. */
static int search(struct scope *s, const struct uts_node *node, long *nodes)
{
    struct children children = {node, 0, uts_children(node), 0};
    int status = children.count > 0 ? below(s, &children) : 0;
    *nodes = 1 + children.nodes;
    return status;
}

/* Forks by halves until one child is left. */
static int below(struct scope *s, void *arg)
{
    struct children *c = arg;
    if (c->count == 1) {
        struct uts_node child = uts_child(c->parent, c->first);
        return search(s, &child, &c->nodes);
    }
    int half = c->count / 2;
    struct children left = {c->parent, c->first, half, 0}, right = {c->parent, c->first + half, c->count - half, 0};
    int status = scope_fork2(s, below, &right, below, &left);
    c->nodes = left.nodes + right.nodes;
    return status;
}

static int body(struct scope *s, void *arg)
{
    struct uts_node root = uts_root();
    return search(s, &root, arg);
}

static void run(void)
{
    long nodes;
    uts_result = scope_run(body, &nodes) == SCOPE_OK ? nodes : -1;
}

/* For each node with children, one less than they are. */
static uint64_t forks(const struct uts_node *node)
{
    int children = uts_children(node);
    uint64_t count = children > 0 ? (uint64_t)children - 1 : 0;
    for (int i = 0; i < children; i++) {
        struct uts_node child = uts_child(node, i);
        count += forks(&child);
    }
    return count;
}

static uint64_t tasks(void)
{
    struct uts_node root = uts_root();
    return forks(&root);
}

int main(int argc, char **argv)
{
    struct bench bench = UTS(taskscope_init, run);
    bench.tasks = tasks;
    return bench_main(argc, argv, &bench);
}

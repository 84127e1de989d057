#include "bench/serial.h"
#include "bench/uts/uts.h"

static long search(const struct uts_node *node)
{
    long count = 1;
    int children = uts_children(node);
    for (int i = 0; i < children; i++) {
        struct uts_node child = uts_child(node, i);
        count += search(&child);
    }
    return count;
}

static void run(void)
{
    struct uts_node root = uts_root();
    uts_result = search(&root);
}

int main(int argc, char **argv)
{
    struct bench bench = UTS(serial_init, run);
    return bench_main(argc, argv, &bench);
}

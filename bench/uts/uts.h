/* Unbalanced Tree Search: counts the nodes of a random tree by walking it, a task per node; what is below a node is not
 * known before it is visited.  The trees are those of the UTS benchmark (Olivier et al., LCPC 2006), whose random
 * numbers are SHA-1 sums: a node's is that of its parent's and its own place among the siblings.
 * Parameters: TREE, which is 1, 2, 3 or 5 for T1, T2, T3 or T5, and 0 for T1 cut off one level earlier. */
#include "bench/bench.h"

#include <endian.h>
#include <math.h>
#include <nettle/sha1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UTS_CHILDREN_MAX 100 /* the root of T3 may have more */
#define UTS_DEPTHS 82

enum uts_shape { UTS_NONE, UTS_FIXED, UTS_LINEAR, UTS_CYCLIC, UTS_BINOMIAL };

struct uts_tree {
    enum uts_shape shape;
    double branching; /* the children of the root: exactly if binomial, else on average */
    int depth;
    uint32_t seed;
    long nodes;
};

struct uts_node {
    uint32_t hash[5];
    int depth;
};

static const struct uts_tree uts_trees[] = {
    {UTS_FIXED, 4, 9, 19, 1031269},       {UTS_FIXED, 4, 10, 19, 4130071}, {UTS_CYCLIC, 6, 16, 502, 4117769},
    {UTS_BINOMIAL, 2000, 0, 42, 4112897}, {UTS_NONE, 0, 0, 0, 0},          {UTS_LINEAR, 4, 20, 34, 4147582},
};
static const struct uts_tree *uts_tree;
static double uts_scale[UTS_DEPTHS]; /* the logarithm of the chance of one child more, by depth */
static long uts_result;

/* SHA-1 of so many words, which fit in one block. */
static inline void uts_hash(uint32_t hash[5], const uint32_t *words, int count)
{
    static const uint32_t start[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint32_t block[16] = {0};
    for (int i = 0; i < count; i++)
        block[i] = htobe32(words[i]);
    block[count] = htobe32(0x80000000);
    block[15] = htobe32(32 * (uint32_t)count);
    memcpy(hash, start, sizeof(start));
    nettle_sha1_compress(hash, (const uint8_t *)block);
}

static inline struct uts_node uts_root(void)
{
    const uint32_t words[5] = {0, 0, 0, 0, uts_tree->seed};
    struct uts_node root;
    uts_hash(root.hash, words, 5);
    root.depth = 0;
    return root;
}

static inline struct uts_node uts_child(const struct uts_node *parent, int place)
{
    uint32_t words[6];
    struct uts_node child;
    memcpy(words, parent->hash, sizeof(parent->hash));
    words[5] = (uint32_t)place;
    uts_hash(child.hash, words, 6);
    child.depth = parent->depth + 1;
    return child;
}

/* How many children a node has: in a binomial tree 8 or none, else a geometric distribution. */
static inline int uts_children(const struct uts_node *node)
{
    double chance = (node->hash[4] & 0x7fffffff) / 2147483648.0;
    if (uts_tree->shape == UTS_BINOMIAL)
        return node->depth == 0 ? (int)uts_tree->branching : chance < 0.124875 ? 8 : 0;
    if (node->depth >= UTS_DEPTHS)
        return 0;
    double children = floor(log(1 - chance) / uts_scale[node->depth]);
    return children < UTS_CHILDREN_MAX ? (int)children : UTS_CHILDREN_MAX;
}

/* How many children a node of a geometric tree has on average. */
static double uts_branching(int depth)
{
    double part = (double)depth / uts_tree->depth;
    if (depth == 0)
        return uts_tree->branching;
    if (uts_tree->shape == UTS_CYCLIC)
        return part > 5 ? 0 : pow(uts_tree->branching, sin(2 * 3.141592653589793 * part));
    if (uts_tree->shape == UTS_LINEAR)
        return part > 1 ? 0 : uts_tree->branching * (1 - part);
    return part < 1 ? uts_tree->branching : 0;
}

static void uts_setup(const long *value)
{
    if (value[0] >= (long)(sizeof(uts_trees) / sizeof(uts_trees[0])) || uts_trees[value[0]].shape == UTS_NONE) {
        fprintf(stderr, "no tree %ld\n", value[0]);
        exit(2);
    }
    uts_tree = &uts_trees[value[0]];
    for (int depth = 0; depth < UTS_DEPTHS; depth++)
        uts_scale[depth] = log(1 - 1 / (1 + uts_branching(depth)));
}

static bool uts_verify(void)
{
    bool good = uts_result == uts_tree->nodes;
    uts_result = -1;
    return good;
}

/* One for each node but the root. */
static uint64_t uts_tasks(void)
{
    return (uint64_t)uts_tree->nodes - 1;
}

#define UTS(init_, run_)                                                                                             \
    (struct bench)                                                                                                   \
    {                                                                                                                \
        .name = "uts", .parameters = "TREE", .parameters_count = 1, .init = (init_), .setup = uts_setup, .reset = 0, \
        .run = (run_), .verify = uts_verify, .tasks = uts_tasks                                                      \
    }

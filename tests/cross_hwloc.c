/* Stands in for hwloc where Debian has none for the processor (tests/cross.sh): bitmaps that work, and no topology, so that the
 * library counts each processor of its affinity mask as a core. */
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BITS 1024

struct hwloc_bitmap_s {
    unsigned char bit[BITS];
};

hwloc_bitmap_t hwloc_bitmap_alloc(void)
{
    return calloc(1, sizeof(struct hwloc_bitmap_s));
}

void hwloc_bitmap_free(hwloc_bitmap_t bitmap)
{
    free(bitmap);
}

hwloc_bitmap_t hwloc_bitmap_dup(hwloc_const_bitmap_t bitmap)
{
    hwloc_bitmap_t copy = hwloc_bitmap_alloc();
    return copy ? memcpy(copy, bitmap, sizeof(*copy)) : NULL;
}

void hwloc_bitmap_zero(hwloc_bitmap_t bitmap)
{
    memset(bitmap, 0, sizeof(*bitmap));
}

int hwloc_bitmap_set(hwloc_bitmap_t bitmap, unsigned id)
{
    return id < BITS ? (bitmap->bit[id] = 1, 0) : -1;
}

int hwloc_bitmap_set_range(hwloc_bitmap_t bitmap, unsigned begin, int end)
{
    for (int id = (int)begin; id <= end; id++)
        if (hwloc_bitmap_set(bitmap, (unsigned)id) < 0)
            return -1;
    return 0;
}

int hwloc_bitmap_isset(hwloc_const_bitmap_t bitmap, unsigned id)
{
    return id < BITS && bitmap->bit[id];
}

int hwloc_bitmap_next(hwloc_const_bitmap_t bitmap, int before)
{
    for (int id = before + 1; id < BITS; id++)
        if (bitmap->bit[id])
            return id;
    return -1;
}

int hwloc_bitmap_last(hwloc_const_bitmap_t bitmap)
{
    int last = -1;
    for (int id = -1; (id = hwloc_bitmap_next(bitmap, id)) >= 0;)
        last = id;
    return last;
}

int hwloc_bitmap_weight(hwloc_const_bitmap_t bitmap)
{
    int weight = 0;
    for (int id = -1; (id = hwloc_bitmap_next(bitmap, id)) >= 0;)
        weight++;
    return weight;
}

int hwloc_bitmap_iszero(hwloc_const_bitmap_t bitmap)
{
    return hwloc_bitmap_last(bitmap) < 0;
}

int hwloc_bitmap_list_asprintf(char **text, hwloc_const_bitmap_t bitmap)
{
    return asprintf(text, "%d processors", hwloc_bitmap_weight(bitmap));
}

int hwloc_bitmap_taskset_asprintf(char **text, hwloc_const_bitmap_t bitmap)
{
    return hwloc_bitmap_list_asprintf(text, bitmap);
}

/* There is no topology, so what comes after it is never called. */
int hwloc_topology_init(hwloc_topology_t *topology)
{
    *topology = NULL;
    return -1;
}

#pragma GCC diagnostic ignored "-Wunused-parameter"
#define NEVER(...) \
    __VA_ARGS__    \
    {              \
        abort();   \
    }
NEVER(void hwloc_topology_destroy(hwloc_topology_t topology))
NEVER(int hwloc_topology_load(hwloc_topology_t topology))
NEVER(int hwloc_topology_is_thissystem(hwloc_topology_t topology))
NEVER(int hwloc_topology_set_flags(hwloc_topology_t topology, unsigned long flags))
NEVER(int hwloc_topology_set_io_types_filter(hwloc_topology_t topology, enum hwloc_type_filter_e filter))
NEVER(int hwloc_topology_restrict(hwloc_topology_t topology, hwloc_const_bitmap_t set, unsigned long flags))
NEVER(int hwloc_get_type_depth(hwloc_topology_t topology, hwloc_obj_type_t type))
NEVER(unsigned hwloc_get_nbobjs_by_depth(hwloc_topology_t topology, int depth))
NEVER(hwloc_obj_t hwloc_get_obj_by_depth(hwloc_topology_t topology, int depth, unsigned id))
NEVER(int hwloc_obj_type_is_cache(hwloc_obj_type_t type))

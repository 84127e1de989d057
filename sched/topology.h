/* The cores this process may use, how many workers they make, and which worker goes where.  The only user of hwloc.
 *
 * A topology is made once for a pool, on the thread that creates it, and is immutable from then on: every function that
 * takes a const topology may be called by any thread at any time. */
#ifndef SCHED_TOPOLOGY_H
#define SCHED_TOPOLOGY_H

#include <stdbool.h>

struct topology;

/* Looks at the machine and the process.  requested: the number of workers; 0: SCOPE_NUM_WORKERS, else OMP_NUM_THREADS (the
 * first number of its list), else min(cores in the binding, ceil(CPU quota)), at least 1; never above limit.
 * Returns NULL only when out of memory; where hwloc fails it falls back to the affinity mask. */
struct topology *scopei_topology_create(unsigned requested, unsigned limit);
void scopei_topology_destroy(struct topology *topology);

unsigned scopei_topology_workers(const struct topology *topology);

/* True if the workers are more than the cores, or could use up the CPU quota: nobody should spin. */
bool scopei_topology_oversubscribed(const struct topology *topology);

/* Pins the calling thread to the core of a worker, as far as that is in the binding.  Returns 0, or an errno value: it then
 * runs unpinned; ENOTSUP: nothing is ever pinned here, the display says why. */
int scopei_topology_pin(const struct topology *topology, unsigned worker);

/* The worker on whose core the OS processor cpu is; workers if there is none, as on a machine where nothing is pinned. */
unsigned scopei_topology_worker_at(const struct topology *topology, int cpu);

/* How far two workers' cores are apart: 0 the same core, 1 shared cache, 2 same NUMA node and package, 3 same package,
 * 4 far. */
unsigned scopei_topology_distance(const struct topology *topology, unsigned a, unsigned b);

/* Writes to stderr, in one write, the binding mask, the quota, the number of workers, where each is pinned, and the reason
 * for each decision.  started: how many workers' threads run; pin_errors[i]: what pinning worker i gave, for all of them;
 * NULL: it worked wherever it is tried. */
void scopei_topology_display(const struct topology *topology, unsigned started, const int *pin_errors);

#endif

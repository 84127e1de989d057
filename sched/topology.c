/* hwloc tells which cores there are and what they share; the kernel tells which of them the process may use.  Both are asked
 * once, when a topology is created, and what the scheduler needs is kept in flat arrays: hwloc's own tree is freed at once.
 *
 * A core is what one worker gets: its hardware threads as far as they are in the binding, the affinity mask of the thread that
 * creates the topology.  Worker i has core (first + i) modulo the number of cores.  Where each core gets a worker, first is 0.
 * Where some don't, other processes that look at the same machine would choose the same cores; so the row of workers is put
 * where the calling thread runs, and several processes end up apart, as the kernel had placed them.
 *
 * hwloc may be told to describe another machine (HWLOC_SYNTHETIC, HWLOC_XMLFILE).  Its cores are then believed, but the binding
 * doesn't apply to them and nothing is pinned.  Where hwloc fails, or can't be trusted (AT_SECURE), each processor of the binding
 * counts as a core. */
#include "sched/topology.h"

#include "sched/os.h"
#include "sched/quota.h"

#include <errno.h>
#include <hwloc.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

/* What two cores of a kind have in common has the same number in both. */
struct core {
    hwloc_bitmap_t cpus;
    uint64_t cache; /* the outermost cache; a core's own number where it shares none */
    uint64_t node;  /* the nearest memory */
    uint64_t package;
};

/* A number of workers that the user asked for. */
struct wish {
    const char *name;
    bool present;
    unsigned workers; /* 0: not a positive number */
    char text[24];    /* as it was written, or its beginning; "" for the option */
};

enum { WISH_OPTION, WISH_SCOPE, WISH_OPENMP, WISHES };

/* Immutable after creation. */
struct topology {
    hwloc_bitmap_t binding;
    unsigned cpus; /* in the binding */
    struct core *core;
    unsigned cores;
    unsigned *at; /* worker at home on each processor up to the last of the binding; NULL: nobody is at home */
    struct quota quota;

    struct wish wish[WISHES];
    unsigned chosen; /* the wish that counts; WISHES: none */
    unsigned limit;
    unsigned workers;
    unsigned first; /* worker 0's core */

    const char *unpinned; /* why nothing is pinned; NULL: it is */
    const char *unknown;  /* why the cores are made up; NULL: they are hwloc's */
};

/* ------------------------------------------------------------------------------------------------------- The binding */

#define CPUS_TRIED_FIRST 1024
#define CPUS_TRIED_LAST (1 << 20) /* far above what any kernel supports */

static bool bitmap_add(hwloc_bitmap_t bitmap, const cpu_set_t *set, size_t size)
{
    for (unsigned cpu = 0; cpu < 8 * size; cpu++)
        if (CPU_ISSET_S(cpu, size, set) && hwloc_bitmap_set(bitmap, cpu) < 0)
            return false;
    return true;
}

/* Reads the calling thread's affinity mask.  Returns 0 or an errno value. */
static int mask_read(hwloc_bitmap_t mask)
{
    int error = EINVAL; /* which is also what the kernel says while the set is too small for its masks */
    for (unsigned cpus = CPUS_TRIED_FIRST; error == EINVAL && cpus <= CPUS_TRIED_LAST; cpus *= 2) {
        size_t size = CPU_ALLOC_SIZE(cpus);
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (!set)
            return ENOMEM;
        CPU_ZERO_S(size, set);
        error = sched_getaffinity(0, size, set) < 0 ? errno : bitmap_add(mask, set, size) ? 0 : ENOMEM;
        CPU_FREE(set);
    }
    return error;
}

/* Sets the calling thread's affinity mask.  Returns 0 or an errno value. */
static int mask_write(hwloc_const_bitmap_t mask)
{
    size_t cpus = (size_t)hwloc_bitmap_last(mask) + 1;
    size_t size = CPU_ALLOC_SIZE(cpus);
    cpu_set_t *set = CPU_ALLOC(cpus);
    if (!set)
        return ENOMEM;
    CPU_ZERO_S(size, set);
    for (int cpu = -1; (cpu = hwloc_bitmap_next(mask, cpu)) >= 0;)
        CPU_SET_S((size_t)cpu, size, set);
    int error = sched_setaffinity(0, size, set) < 0 ? errno : 0;
    CPU_FREE(set);
    return error;
}

/* False: out of memory. */
static bool binding_init(struct topology *t)
{
    t->binding = hwloc_bitmap_alloc();
    if (!t->binding)
        return false;
    if (mask_read(t->binding) != 0 || hwloc_bitmap_iszero(t->binding)) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        hwloc_bitmap_zero(t->binding);
        if (hwloc_bitmap_set_range(t->binding, 0, online > 1 ? (int)online - 1 : 0) < 0)
            return false;
        t->unpinned = "the affinity mask can't be read";
    }
    t->cpus = (unsigned)hwloc_bitmap_weight(t->binding);
    return true;
}

/* --------------------------------------------------------------------------------------------------------- The cores */

static void cores_free(struct topology *t)
{
    for (unsigned i = 0; i < t->cores; i++)
        hwloc_bitmap_free(t->core[i].cpus);
    free(t->core);
    t->core = NULL;
    t->cores = 0;
}

/* Bytes, several times what hwloc takes for 1024 processors. */
#define HWLOC_MEMORY (8u << 20)

/* hwloc crashes when it runs out of memory, so it is asked only where there is plenty. */
static bool memory_suffices(void)
{
    void *memory = scopei_map(HWLOC_MEMORY);
    scopei_unmap(memory, HWLOC_MEMORY);
    return memory != NULL;
}

/* NULL: hwloc can't. */
static hwloc_topology_t machine_load(void)
{
    hwloc_topology_t machine;
    if (hwloc_topology_init(&machine) < 0)
        return NULL;
    /* Both only spare work and side effects: an hwloc that doesn't know them does without. */
    (void)hwloc_topology_set_io_types_filter(machine, HWLOC_TYPE_FILTER_KEEP_NONE);
    (void)hwloc_topology_set_flags(machine, HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING);
    if (hwloc_topology_load(machine) == 0)
        return machine;
    hwloc_topology_destroy(machine);
    return NULL;
}

/* obj: a core, or a hardware thread of a machine that doesn't tell its cores.  False: out of memory. */
static bool core_init(struct core *core, hwloc_obj_t obj)
{
    core->cpus = hwloc_bitmap_dup(obj->cpuset);
    core->cache = obj->gp_index;
    for (hwloc_obj_t up = obj; up; up = up->parent) {
        if (hwloc_obj_type_is_cache(up->type))
            core->cache = up->gp_index;
        if (up->memory_arity && !core->node)
            core->node = up->gp_index;
        if (up->type == HWLOC_OBJ_PACKAGE)
            core->package = up->gp_index;
    }
    return core->cpus != NULL;
}

/* False, and maybe some cores: out of memory, or there are none. */
static bool cores_find(struct topology *t, hwloc_topology_t machine)
{
    int threads = hwloc_get_nbobjs_by_type(machine, HWLOC_OBJ_PU);
    t->core = threads > 0 ? calloc((size_t)threads, sizeof(*t->core)) : NULL;
    if (!t->core)
        return false;
    hwloc_obj_t previous = NULL;
    for (hwloc_obj_t pu = NULL; (pu = hwloc_get_next_obj_by_type(machine, HWLOC_OBJ_PU, pu)) != NULL;) {
        hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(machine, HWLOC_OBJ_CORE, pu);
        if (core && core == previous)
            continue;
        previous = core;
        if (!core_init(&t->core[t->cores], core ? core : pu))
            return false;
        t->cores++;
    }
    return t->cores > 0;
}

/* Each processor of the binding, next to each other.  False: out of memory. */
static bool cores_make_up(struct topology *t)
{
    t->core = calloc(t->cpus, sizeof(*t->core));
    if (!t->core)
        return false;
    for (int cpu = -1; (cpu = hwloc_bitmap_next(t->binding, cpu)) >= 0;) {
        struct core *core = &t->core[t->cores];
        core->cpus = hwloc_bitmap_alloc();
        if (!core->cpus)
            return false;
        t->cores++;
        core->cache = (uint64_t)cpu;
        if (hwloc_bitmap_set(core->cpus, (unsigned)cpu) < 0)
            return false;
    }
    return true;
}

/* Asks hwloc.  Returns why its answer is no use; NULL: it is, and t has cores. */
static const char *cores_ask(struct topology *t)
{
    if (getauxval(AT_SECURE)) /* and hwloc would load plugins, and read files, from where the environment says */
        return "the process has privileges that its caller has not";
    if (!memory_suffices())
        return "too little memory for hwloc";
    hwloc_topology_t machine = machine_load();
    if (!machine)
        return "hwloc can't load the topology";
    const char *unknown = NULL;
    bool here = hwloc_topology_is_thissystem(machine);
    if (here && hwloc_topology_restrict(machine, t->binding, 0) < 0)
        unknown = "hwloc's topology and the binding have nothing in common";
    else if (!cores_find(t, machine))
        unknown = "hwloc's topology has no processors, or is too large for the memory";
    else if (!here)
        t->unpinned = "hwloc was told to describe another machine";
    hwloc_topology_destroy(machine);
    return unknown;
}

/* False: out of memory. */
static bool cores_init(struct topology *t)
{
    t->unknown = cores_ask(t);
    if (!t->unknown)
        return true;
    cores_free(t);
    return cores_make_up(t);
}

/* ------------------------------------------------------------------------------------------------------- The workers */

/* Reads "N", or "N,..." of a list.  0: it isn't a positive number; too large: UINT_MAX. */
static unsigned number_parse(const char *text, bool list)
{
    text += strspn(text, " \t");
    if (*text < '0' || *text > '9')
        return 0;
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    end += strspn(end, " \t");
    if (*end && !(list && *end == ','))
        return 0;
    return number < UINT_MAX ? (unsigned)number : UINT_MAX;
}

static void wish_read(struct wish *wish, const char *name, bool list)
{
    const char *text = secure_getenv(name);
    wish->name = name;
    if (!text)
        return;
    wish->present = true;
    wish->workers = number_parse(text, list);
    (void)snprintf(wish->text, sizeof(wish->text), "%s", text);
}

static void workers_choose(struct topology *t, unsigned requested)
{
    t->wish[WISH_OPTION] = (struct wish){.name = "the pool's option", .present = requested != 0, .workers = requested};
    wish_read(&t->wish[WISH_SCOPE], "SCOPE_NUM_WORKERS", false);
    wish_read(&t->wish[WISH_OPENMP], "OMP_NUM_THREADS", true);
    t->chosen = WISH_OPTION;
    while (t->chosen < WISHES && t->wish[t->chosen].workers == 0)
        t->chosen++;
    unsigned quota = scopei_quota_cpus(&t->quota);
    unsigned wanted = t->chosen < WISHES ? t->wish[t->chosen].workers : quota < t->cores ? quota : t->cores;
    t->workers = wanted < t->limit ? wanted : t->limit;
}

static unsigned core_of(const struct topology *t, unsigned worker)
{
    return (t->first + worker) % t->cores;
}

/* The core that the calling thread runs on. */
static unsigned core_current(const struct topology *t)
{
    int cpu = scopei_cpu();
    unsigned core = 0;
    while (cpu >= 0 && core < t->cores && !hwloc_bitmap_isset(t->core[core].cpus, (unsigned)cpu))
        core++;
    return core < t->cores ? core : 0;
}

/* Where the row of workers begins: at a multiple of its length, lest it straddle a cache or a node that it fits into. */
static unsigned first_choose(const struct topology *t)
{
    if (t->workers >= t->cores || t->unpinned)
        return 0;
    unsigned core = core_current(t), first = core - core % t->workers;
    return first + t->workers <= t->cores ? first : t->cores - t->workers;
}

/* False: out of memory. */
static bool homes_init(struct topology *t)
{
    if (t->unpinned)
        return true;
    int count = hwloc_bitmap_last(t->binding) + 1;
    t->at = calloc((size_t)count, sizeof(*t->at));
    if (!t->at)
        return false;
    for (int cpu = 0; cpu < count; cpu++)
        t->at[cpu] = t->workers;
    for (unsigned worker = 0; worker < t->workers && worker < t->cores; worker++) {
        hwloc_const_bitmap_t cpus = t->core[core_of(t, worker)].cpus;
        for (int cpu = -1; (cpu = hwloc_bitmap_next(cpus, cpu)) >= 0;)
            t->at[cpu] = worker;
    }
    return true;
}

struct topology *scopei_topology_create(unsigned requested, unsigned limit)
{
    struct topology *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->limit = limit ? limit : 1;
    scopei_quota_read("", &t->quota);
    if (binding_init(t) && cores_init(t)) {
        workers_choose(t, requested);
        t->first = first_choose(t);
        if (homes_init(t))
            return t;
    }
    scopei_topology_destroy(t);
    return NULL;
}

void scopei_topology_destroy(struct topology *t)
{
    if (!t)
        return;
    cores_free(t);
    hwloc_bitmap_free(t->binding);
    free(t->at);
    free(t);
}

unsigned scopei_topology_workers(const struct topology *t)
{
    return t->workers;
}

/* NULL: not oversubscribed. */
static const char *oversubscribed_why(const struct topology *t)
{
    if (t->workers > t->cores)
        return "more workers than cores";
    if (t->workers > t->cpus) /* those of another machine are more than we have */
        return "more workers than CPUs";
    /* 2 workers that spin eat a quota of 1.5, though they are what it is rounded up to. */
    if (t->quota.period_us && (double)t->workers * (double)t->quota.period_us > (double)t->quota.run_us)
        return "the workers could use up the CPU quota";
    return NULL;
}

bool scopei_topology_oversubscribed(const struct topology *t)
{
    return oversubscribed_why(t) != NULL;
}

int scopei_topology_pin(const struct topology *t, unsigned worker)
{
    return t->unpinned ? ENOTSUP : mask_write(t->core[core_of(t, worker)].cpus);
}

unsigned scopei_topology_worker_at(const struct topology *t, int cpu)
{
    return t->at && cpu >= 0 && cpu <= hwloc_bitmap_last(t->binding) ? t->at[cpu] : t->workers;
}

unsigned scopei_topology_distance(const struct topology *t, unsigned a, unsigned b)
{
    const struct core *x = &t->core[core_of(t, a)], *y = &t->core[core_of(t, b)];
    if (x == y)
        return 0;
    if (x->cache == y->cache)
        return 1;
    if (x->package != y->package) /* though memory may be interleaved over packages */
        return 4;
    return x->node == y->node ? 2 : 3;
}

/* ------------------------------------------------------------------------------------------------------- The display */

/* Prints processors as 0-3,8; hexadecimal: as a mask. */
static void cpus_print(FILE *out, hwloc_const_bitmap_t cpus, bool hexadecimal)
{
    char *text = NULL;
    int length = hexadecimal ? hwloc_bitmap_taskset_asprintf(&text, cpus) : hwloc_bitmap_list_asprintf(&text, cpus);
    (void)fputs(length >= 0 && text ? text : "?", out);
    free(text);
}

static void binding_print(FILE *out, const struct topology *t)
{
    (void)fputs("taskscope: binding ", out);
    cpus_print(out, t->binding, true);
    (void)fprintf(out, ": %u CPU%s (", t->cpus, t->cpus == 1 ? "" : "s");
    cpus_print(out, t->binding, false);
    (void)fprintf(out, "), %u core%s\n", t->cores, t->cores == 1 ? "" : "s");
    if (t->unknown)
        (void)fprintf(out, "taskscope: each CPU counts as a core: %s\n", t->unknown);
    else if (t->unpinned)
        (void)fprintf(out, "taskscope: no worker is pinned: %s\n", t->unpinned);
}

static void quota_print(FILE *out, const struct quota *quota)
{
    if (!quota->period_us) {
        (void)fputs("taskscope: no CPU quota\n", out);
        return;
    }
    (void)fprintf(out, "taskscope: CPU quota %.4g, allows %u: %s\n", (double)quota->run_us / (double)quota->period_us,
                  scopei_quota_cpus(quota), quota->file);
}

static void wishes_print(FILE *out, const struct topology *t)
{
    for (unsigned i = WISH_SCOPE; i < WISHES; i++) {
        const struct wish *wish = &t->wish[i];
        if (wish->present && i != t->chosen)
            (void)fprintf(out, "taskscope: %s=%s is ignored: %s\n", wish->name, wish->text,
                          wish->workers ? "overridden" : "not a positive number");
    }
}

static void workers_print(FILE *out, const struct topology *t)
{
    (void)fprintf(out, "taskscope: %u worker%s: ", t->workers, t->workers == 1 ? "" : "s");
    const struct wish *wish = t->chosen < WISHES ? &t->wish[t->chosen] : NULL;
    bool limited = t->workers == t->limit && (wish ? wish->workers : t->cores) > t->limit;
    if (wish)
        (void)fprintf(out, "%s%s%s", wish->name, *wish->text ? "=" : "", wish->text);
    else
        (void)fputs(t->workers < t->cores && !limited ? "the CPU quota allows no more" : "one a core", out);
    (void)fputs(limited ? ", but no more are possible\n" : "\n", out);
    if (t->workers < t->cores && !t->unpinned)
        (void)fprintf(out, "taskscope: fewer than cores, so they are where the pool was made: from core %u on\n",
                      t->first);
    if (oversubscribed_why(t))
        (void)fprintf(out, "taskscope: idle workers don't spin: %s\n", oversubscribed_why(t));
}

/* error: what scopei_topology_pin returned. */
static void worker_print(FILE *out, const struct topology *t, unsigned worker, int error)
{
    (void)fprintf(out, "taskscope: worker %u on core %u (CPU ", worker, core_of(t, worker));
    cpus_print(out, t->core[core_of(t, worker)].cpus, false);
    errno = error; /* for %m */
    if (error == 0)
        (void)fputs("), pinned\n", out);
    else if (t->unpinned)
        (void)fprintf(out, "), not pinned: %s\n", t->unpinned);
    else
        (void)fprintf(out, "), not pinned: %m\n");
}

static void topology_print(FILE *out, const struct topology *t, unsigned started, const int *pin_errors)
{
    binding_print(out, t);
    quota_print(out, &t->quota);
    wishes_print(out, t);
    workers_print(out, t);
    if (started < t->workers)
        (void)fprintf(out, "taskscope: only %u could be started\n", started);
    for (unsigned i = 0; i < started; i++)
        worker_print(out, t, i, pin_errors ? pin_errors[i] : t->unpinned ? ENOTSUP : 0);
}

void scopei_topology_display(const struct topology *t, unsigned started, const int *pin_errors)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    topology_print(out, t, started, pin_errors);
    if (fclose(out) == 0)
        while (write(STDERR_FILENO, text, size) < 0 && errno == EINTR)
            continue;
    free(text);
}

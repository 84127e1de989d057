/* What a task costs that does nothing, or little: N are spawned in a loop into one scope.  Also how much memory this takes: the
 * peak of all runs above that before them.  Parameters: N; WORK, how many multiplications a task does, one after the other. */
#include "bench/runtime/runtime.h"

#define SPAWN_THREADS_MAX 1024

/* Tasks that a thread has run.  A cache line each, as counting must cost next to nothing. */
struct spawn_counter {
    __attribute__((aligned(64))) long ran;
};

static long spawn_n, spawn_work, spawn_memory;
static bool spawn_failed; /* the runtime says that the last run did */
static struct spawn_counter spawn_counters[SPAWN_THREADS_MAX];
static long spawn_threads; /* how many of these are in use */
static long spawn_counted; /* tasks in all runs before the last */
static __thread struct spawn_counter *spawn_own;

/* The peak so far, in KiB; 0: not known. */
static long spawn_peak_so_far(void)
{
    char line[256];
    long peak = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "VmHWM: %ld", &peak) == 1)
            break;
    if (file)
        fclose(file);
    return peak;
}

static double spawn_peak_kib(void)
{
    return (double)(spawn_peak_so_far() - spawn_memory);
}

static void spawn_setup(const long *value)
{
    spawn_n = value[0];
    spawn_work = value[1];
    spawn_memory = spawn_peak_so_far();
}

/* Every task must have run, once. */
static bool spawn_verify(void)
{
    long sum = 0;
    for (long i = 0; i < spawn_threads; i++)
        sum += spawn_counters[i].ran;
    bool good = sum - spawn_counted == spawn_n && !spawn_failed;
    spawn_counted = sum;
    return good;
}

/* The first task of a thread. */
__attribute__((noinline, cold)) static void spawn_count_from_now(void)
{
    long i = __atomic_fetch_add(&spawn_threads, 1, __ATOMIC_RELAXED);
    if (i >= SPAWN_THREADS_MAX) {
        fprintf(stderr, "too many threads\n");
        exit(2);
    }
    spawn_own = &spawn_counters[i];
}

/* The task. */
static inline void spawn_task(void)
{
    uint64_t x = 1;
    for (long i = 0; i < spawn_work; i++) {
        x = x * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
        __asm__ volatile("" : "+r"(x));
    }
    if (!spawn_own)
        spawn_count_from_now();
    spawn_own->ran++;
}

static uint64_t spawn_tasks(void)
{
    return (uint64_t)spawn_n;
}

#define SPAWN(init_, run_)                                                                                     \
    (struct bench)                                                                                             \
    {                                                                                                          \
        .name = "spawn", .parameters = "N WORK", .parameters_count = 2, .init = (init_), .setup = spawn_setup, \
        .reset = 0, .run = (run_), .verify = spawn_verify, .tasks = spawn_tasks, .figure = "peak_kib",         \
        .figure_value = spawn_peak_kib                                                                         \
    }

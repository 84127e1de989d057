/* What a task costs that does nothing, or little: N are spawned in a loop into one scope.  Writes the KiB of memory that this
 * takes to standard error: the peak of all runs above that before them.  That the tasks run is not checked, unless the
 * runtime counts them itself, as it would cost more than they do.  Parameters: N; WORK, how many multiplications a task
 * does, one after the other. */
#include "bench/runtime/runtime.h"

static long spawn_n, spawn_work, spawn_memory;
static bool spawn_good;

/* The peak so far, in KiB; 0: not known. */
static long spawn_peak(void)
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

__attribute__((destructor)) static void spawn_report(void)
{
    if (spawn_n > 0)
        fprintf(stderr, "peak memory: %ld KiB\n", spawn_peak() - spawn_memory);
}

static void spawn_setup(const long *value)
{
    spawn_n = value[0];
    spawn_work = value[1];
    spawn_memory = spawn_peak();
}

static bool spawn_verify(void)
{
    bool good = spawn_good;
    spawn_good = false;
    return good;
}

/* The task, which the compiler is not to leave out. */
static inline void spawn_task(void)
{
    uint64_t x = 1;
    for (long i = 0; i < spawn_work; i++) {
        x = x * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
        __asm__ volatile("" : "+r"(x));
    }
    __asm__ volatile("");
}

static uint64_t spawn_tasks(void)
{
    return (uint64_t)spawn_n;
}

#define SPAWN(init_, run_)                                                                                     \
    (struct bench)                                                                                             \
    {                                                                                                          \
        .name = "spawn", .parameters = "N WORK", .parameters_count = 2, .init = (init_), .setup = spawn_setup, \
        .reset = 0, .run = (run_), .verify = spawn_verify, .tasks = spawn_tasks                                \
    }

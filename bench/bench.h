/* What every benchmark program shares.
 *
 * A program is one problem on one runtime: bench/PROBLEM/RUNTIME.c.  bench/PROBLEM/PROBLEM.h holds what all runtimes have in
 * common: the input, the serial kernels and the check of the result.  Usage:
 *
 *     PROBLEM_RUNTIME WORKERS RUNS [PARAMETER...]
 *
 * One warm-up run and then RUNS timed ones; prints one line of JSON with the seconds of each.  A run whose result is wrong
 * is reported as not verified, and the exit status is 1. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __cplusplus
#define BENCH_NULL = nullptr /* lets the C++ programs leave the field out without a warning */
#else
#define BENCH_NULL
#endif

struct bench {
    const char *name;
    const char *parameters;           /* for the usage line, such as "N GRAIN" */
    unsigned parameters_count;        /* how many of them; all must be given, as numbers */
    void (*init)(unsigned workers);   /* prepares the runtime */
    void (*setup)(const long *value); /* makes the input from the parameters' values; not timed */
    void (*reset)(void);              /* makes the input again before a run; not timed; NULL: nothing to do */
    void (*run)(void);                /* the problem, timed as a whole */
    bool (*verify)(void);             /* checks the result of the last run; not timed */
    uint64_t (*tasks)(void); /* how many tasks a run spawns; the serial program: as many as the parallel one would */
    double (*seconds)(void) BENCH_NULL;      /* the seconds of the last run, if they are not those of run; NULL */
    const char *figure BENCH_NULL;           /* what else the output has: its name, with the unit; NULL: nothing */
    double (*figure_value)(void) BENCH_NULL; /* its value, after all runs */
};

/* runtime: for the output. */
int bench_perform(int argc, char **argv, const struct bench *bench, const char *runtime);

/* What main does. */
static inline int bench_main(int argc, char **argv, const struct bench *bench)
{
    return bench_perform(argc, argv, bench, RUNTIME); /* build.mk defines it */
}

/* A random number from 0 to 2^64 - 1 (splitmix64); state: any number to begin with. */
static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#ifdef __cplusplus
}
#endif

#endif

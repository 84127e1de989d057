/* The main program of every benchmark: parameters, repetition, time, JSON. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS_MAX 1000
#define PARAMETERS_MAX 8

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static bool number(const char *text, long least, long *value)
{
    char *end;
    *value = strtol(text, &end, 10);
    return end != text && *end == '\0' && *value >= least;
}

static bool arguments_read(int argc, char **argv, const struct bench *bench, long *workers, long *runs, long *value)
{
    if (argc != 3 + (int)bench->parameters_count || !number(argv[1], 1, workers) || !number(argv[2], 1, runs) ||
        *runs > RUNS_MAX)
        return false;
    for (int i = 3; i < argc; i++)
        if (!number(argv[i], 0, &value[i - 3]))
            return false;
    return true;
}

int bench_perform(int argc, char **argv, const struct bench *bench, const char *runtime)
{
    static double seconds[RUNS_MAX];
    long workers, runs, value[PARAMETERS_MAX];
    if (!arguments_read(argc, argv, bench, &workers, &runs, value)) {
        fprintf(stderr, "usage: %s WORKERS RUNS %s\n", argv[0], bench->parameters);
        return 2;
    }
    bool verified = true;
    bench->init((unsigned)workers);
    bench->setup(value);
    for (long run = -1; run < runs; run++) { /* the first warms up */
        if (bench->reset)
            bench->reset();
        double start = now();
        bench->run();
        double end = now();
        if (run >= 0)
            seconds[run] = bench->seconds ? bench->seconds() : end - start;
        verified = bench->verify() && verified;
    }
    printf("{\"bench\":\"%s\",\"runtime\":\"%s\",\"workers\":%ld,\"tasks\":%llu,\"verified\":%s,\"runs\":[",
           bench->name, runtime, workers, (unsigned long long)bench->tasks(), verified ? "true" : "false");
    for (long run = 0; run < runs; run++)
        printf("%s%.9f", run ? "," : "", seconds[run]);
    printf("]");
    if (bench->figure)
        printf(",\"%s\":%.10g", bench->figure, bench->figure_value());
    printf("}\n");
    return verified ? 0 : 1;
}

/* What runs a fuzz target:
 *
 *     program                              the usual number of inputs, of a seed that goes with the build and the workers
 *     program seed=N first=N runs=N        these, of another seed; a failure says which to repeat
 *     program seed=N seconds=N             for so long
 *     program FILE...                      these inputs
 *
 * Linked with libFuzzer's library, it is libFuzzer's (tests/fuzz): its arguments then, and a file that it has left is repeated by the
 * ordinary program. */
#ifndef TESTS_FUZZ_DRIVER_H
#define TESTS_FUZZ_DRIVER_H

#include "tests/check.h"

#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <taskscope.h>
#include <unistd.h>

#define FUZZ_BYTES 400 /* of an input, at most */
#define FUZZ_PATIENCE_S 60

/* The target: called once, and for each input.  Checks with CHECK. */
static void fuzz_begin(void);
static void fuzz_one(const uint8_t *bytes, size_t size);

static struct {
    uint64_t runs, tasks;
    atomic_ullong lost, doubled; /* any thread */
} fuzz_figures;

static uint64_t fuzz_seed = 1, fuzz_first, fuzz_runs, fuzz_seconds;
static char **fuzz_files;

/* libFuzzer's main loop; what a sanitizer calls before it ends the program.  If they are there. */
extern int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *bytes, size_t size))
    __attribute__((weak));
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* ThreadSanitizer calls it for each report. */
void __tsan_on_report(void *report);

static inline uint64_t fuzz_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Makes input number n of the seed; returns its length. */
static inline size_t fuzz_make(uint64_t n, uint8_t *bytes)
{
    uint64_t state = fuzz_seed * 0x2545f4914f6cdd1du + n;
    size_t size = fuzz_random(&state) % FUZZ_BYTES;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(fuzz_random(&state) >> 40);
    return size;
}

/* ------------------------------------------------------------------------------------------------------------ Failures */

/* Says which input it was.  Async-signal-safe, as far as snprintf of numbers is. */
static void fuzz_tell(void)
{
    char line[120];
    int length = snprintf(line, sizeof(line), "# in: seed=%" PRIu64 " first=%" PRIu64 " runs=1\n", fuzz_seed,
                          fuzz_first + fuzz_figures.runs);
    if (!LLVMFuzzerRunDriver && write(STDOUT_FILENO, line, (size_t)length) < 0)
        _exit(1);
}

static void fuzz_died(int number)
{
    fuzz_tell();
    if (number == SIGALRM) /* it hangs */
        (void)scope_dump(STDOUT_FILENO);
    (void)signal(number, SIG_DFL);
    (void)raise(number == SIGALRM ? SIGABRT : number);
}

void __tsan_on_report(void *report)
{
    (void)report;
    fuzz_tell();
}

static inline void fuzz_watch(void)
{
    static const int numbers[] = {SIGALRM, SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        (void)signal(numbers[i], fuzz_died);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(fuzz_tell);
}

/* ------------------------------------------------------------------------------------------------------------- Running */

static inline void fuzz_made(void)
{
    uint8_t bytes[FUZZ_BYTES];
    uint64_t end = fuzz_seconds ? scope_now_ns() + fuzz_seconds * 1000000000 : 0;
    while (end ? scope_now_ns() < end : fuzz_figures.runs < fuzz_runs) {
        if (fuzz_figures.runs % 256 == 0)
            (void)alarm(FUZZ_PATIENCE_S);
        fuzz_one(bytes, fuzz_make(fuzz_first + fuzz_figures.runs, bytes));
        if (atomic_load(&check_bad)) {
            fuzz_tell();
            break;
        }
        fuzz_figures.runs++;
    }
    (void)alarm(0);
}

static inline void fuzz_file(const char *name)
{
    uint8_t bytes[1 << 16];
    FILE *file = fopen(name, "rb");
    if (!CHECK(file != NULL))
        return;
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    fuzz_one(bytes, size);
    fuzz_figures.runs++;
}

static void fuzz_all(void)
{
    fuzz_watch();
    if (!*fuzz_files)
        fuzz_made();
    for (char **name = fuzz_files; *name; name++)
        fuzz_file(*name);
}

static void fuzz_print(void)
{
    printf("# figures: fuzz_runs=%" PRIu64 " fuzz_tasks=%" PRIu64 " tasks_lost=%llu tasks_doubled=%llu\n",
           fuzz_figures.runs, fuzz_figures.tasks, atomic_load(&fuzz_figures.lost), atomic_load(&fuzz_figures.doubled));
    fflush(stdout);
}

/* What libFuzzer calls. */
static int fuzz_call(const uint8_t *bytes, size_t size)
{
    fuzz_one(bytes, size);
    fuzz_figures.runs++;
    if (atomic_load(&check_bad))
        abort();
    return 0;
}

static inline void fuzz_options(char **argv)
{
    static const struct {
        const char *format;
        uint64_t *value;
    } options[] = {{"seed=%" SCNu64, &fuzz_seed},
                   {"first=%" SCNu64, &fuzz_first},
                   {"runs=%" SCNu64, &fuzz_runs},
                   {"seconds=%" SCNu64, &fuzz_seconds}};
    for (fuzz_files = argv + 1; *fuzz_files; fuzz_files++) {
        bool known = false;
        for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
            known |= sscanf(*fuzz_files, options[i].format, options[i].value) == 1;
        if (!known)
            return;
    }
}

/* What main does.  runs: the usual number. */
static inline int fuzz_main(int argc, char **argv, const char *name, uint64_t runs)
{
    fuzz_begin();
    (void)atexit(fuzz_print);
    if (LLVMFuzzerRunDriver)
        return LLVMFuzzerRunDriver(&argc, &argv, fuzz_call);
    fuzz_runs = runs;
    fuzz_options(argv);
    check_run(name, fuzz_all);
    return check_done();
}

#endif

/* First success wins, and the rest stop: four searches for a number whose hash begins with a given prefix, from different seeds.  A task returns 0 when
 * it has found one; scope_cancelled tells the others that they are not needed any more. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskscope.h>

static uint64_t seed[4], found[4]; /* of each search */

/* A mixing function, and the prefix that we look for. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

static bool wanted(uint64_t x)
{
    return mix(x) >> 42 == 0x2a;
}

static int search(struct scope *s, void *arg)
{
    const uint64_t *from = arg;
    for (uint64_t i = 0;; i++) {
        if (i % 1024 == 0 && scope_cancelled(s))
            return SCOPE_ECANCELED;
        if (wanted(*from + i)) {
            found[from - seed] = *from + i;
            return 0;
        }
    }
}

static int searches(struct scope *s, void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++) {
        seed[i] = mix((uint64_t)i + 1);
        int status = scope_spawn(s, search, &seed[i]);
        if (status != SCOPE_OK && status != SCOPE_ECANCELED) /* refused: somebody has won already */
            return status;
    }
    return 0;
}

int main(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    options.policy = SCOPE_RACE;
    options.timeout_ns = UINT64_C(60000000000);
    int status = scope_run_with(&options, &report, searches, NULL);
    if (status != SCOPE_OK) {
        fprintf(stderr, "race: %s\n", scope_strerror(status));
        return EXIT_FAILURE;
    }
    printf("task %llu won with %#llx; %llu stopped, %llu never started\n", (unsigned long long)report.cause.index,
           (unsigned long long)found[report.cause.index], (unsigned long long)report.cancelled,
           (unsigned long long)report.skipped);
    return wanted(found[report.cause.index]) ? EXIT_SUCCESS : EXIT_FAILURE;
}

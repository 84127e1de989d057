/* First success wins, and the rest stop: four searches for the same collision, from different seeds.  A task returns 0 when
 * it has found one; scope_cancelled tells the others that they are not needed any more. */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskscope.h>

static _Atomic uint64_t found;

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
    uint64_t seed = *(uint64_t *)arg;
    for (uint64_t i = 0;; i++) {
        if (i % 1024 == 0 && scope_cancelled(s))
            return SCOPE_ECANCELED;
        if (wanted(seed + i)) {
            atomic_store(&found, seed + i);
            return 0;
        }
    }
}

static int searches(struct scope *s, void *arg)
{
    (void)arg;
    for (uint64_t i = 1; i <= 4; i++) {
        uint64_t seed = mix(i);
        int status = scope_spawn_copy(s, search, &seed, sizeof(seed));
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
           (unsigned long long)found, (unsigned long long)report.cancelled, (unsigned long long)report.skipped);
    return wanted(found) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Fan out, fan in: one task for each part of the work, results read when all have ended.
 * Counts the primes below 3 million in 100 ranges. */
#include <stdio.h>
#include <stdlib.h>
#include <taskscope.h>

#define RANGES 100
#define LIMIT 3000000L

struct range {
    long begin, end;
};

SCOPE_RESULT(long, primes_in, struct range);

static int primes_in(struct scope *s, struct range range, long *result)
{
    (void)s;
    long count = 0;
    for (long n = range.begin | 1; n < range.end; n += 2) {
        long d = 3;
        while (d * d <= n && n % d != 0)
            d += 2;
        count += n > 1 && d * d > n;
    }
    *result = count;
    return 0;
}

static int start_all(struct scope *s, void *arg)
{
    struct primes_in_result *results = arg;
    for (long i = 0; i < RANGES; i++) {
        struct range range = {LIMIT / RANGES * i, LIMIT / RANGES * (i + 1)};
        int status = primes_in_start(s, &results[i], range);
        if (status != SCOPE_OK)
            return status;
    }
    return 0;
}

int main(void)
{
    static struct primes_in_result results[RANGES];
    int status = scope_run(start_all, results);
    if (status != SCOPE_OK) {
        fprintf(stderr, "fan_out: %s\n", scope_strerror(status));
        return EXIT_FAILURE;
    }
    long total = 1; /* 2 */
    for (int i = 0; i < RANGES; i++) {
        long count;
        if (primes_in_get(&results[i], &count) == SCOPE_OK)
            total += count;
    }
    printf("%ld primes below %ld\n", total, LIMIT);
    return total == 216816 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The taskscope programs: a default pool of so many workers. */
#include <stdio.h>
#include <stdlib.h>
#include <taskscope.h>

static void taskscope_init(unsigned workers)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", workers);
    (void)setenv("SCOPE_NUM_WORKERS", text, 1);
    if (scope_pool_workers(NULL) != workers) {
        fprintf(stderr, "%u workers could not be started\n", workers);
        exit(2);
    }
}

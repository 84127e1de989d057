/* A bounded worker pool: many jobs, at most 3 of them at once, say because each takes much memory. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskscope.h>

#define JOBS 200
#define AT_ONCE 3

static atomic_int running, most, done;

static int job(struct scope *s, void *arg)
{
    (void)s, (void)arg;
    int now = atomic_fetch_add(&running, 1) + 1, seen = atomic_load(&most);
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        ;
    size_t size = 16 << 20;
    char *memory = malloc(size);
    if (!memory) {
        atomic_fetch_sub(&running, 1);
        return scope_fail(s, 1, "no memory for a job");
    }
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = (char)i;
    free(memory);
    atomic_fetch_add(&done, 1);
    atomic_fetch_sub(&running, 1);
    return 0;
}

static int all_jobs(struct scope *s, void *arg)
{
    for (int i = 0; i < JOBS; i++) {
        int status = scope_spawn(s, job, arg);
        if (status != SCOPE_OK)
            return status;
    }
    return 0;
}

int main(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    options.limit = AT_ONCE;
    options.name = "jobs";
    int status = scope_run_with(&options, &report, all_jobs, NULL);
    char text[4096];
    (void)scope_report_print(&report, text, sizeof(text));
    fputs(text, stdout);
    scope_report_fini(&report);
    printf("at most %d at once\n", atomic_load(&most));
    return status == SCOPE_OK && done == JOBS && most <= AT_ONCE ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Fire and forget, without losing an error: requests come in on threads of the program's own, which hand them to a scope that
 * lives as long as the service.  A permit lets those threads spawn; on_complete sees each failure when it happens.  They still
 * count, so the outcome is SCOPE_ERROR. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskscope.h>

#define CLIENTS 3
#define REQUESTS 50

static atomic_int answered;
static int started; /* clients */

static int answer(struct scope *s, void *arg)
{
    int request = *(int *)arg;
    (void)s;
    if (request % 20 == 7)
        return request; /* a code: what is wrong with it */
    atomic_fetch_add(&answered, 1);
    return 0;
}

static const SCOPE_DESCRIBE(answering, .fn = answer, .copy = sizeof(int));

/* Called by one worker at a time, so it needs no lock. */
static int on_complete(struct scope *s, const struct scope_completion *completion, void *arg)
{
    (void)s;
    if (completion->code != 0)
        printf("%s: request %d failed\n", completion->task->name, completion->code);
    *(int *)arg += completion->code != 0;
    return 0;
}

static void *client(void *arg)
{
    struct scope_permit *permit = arg;
    for (int i = 0; i < REQUESTS; i++)
        if (scope_permit_spawn_task(permit, &answering, &i) != SCOPE_OK)
            fprintf(stderr, "request %d was refused\n", i);
    scope_permit_release(permit);
    return NULL;
}

/* The service ends when the last permit has been given back. */
static int service(struct scope *s, void *arg)
{
    pthread_t *threads = arg;
    for (int i = 0; i < CLIENTS; i++) {
        struct scope_permit *permit = scope_permit_create(s);
        if (!permit || pthread_create(&threads[i], NULL, client, permit) != 0) {
            scope_permit_release(permit); /* or the scope would wait for it */
            return scope_fail(s, 1, "client %d could not be started", i);
        }
        started++;
    }
    return 0;
}

int main(void)
{
    struct scope_options options = scope_options_init();
    pthread_t threads[CLIENTS];
    int failures = 0;
    options.policy = SCOPE_COLLECT;
    options.on_complete = on_complete;
    options.on_complete_arg = &failures;
    int status = scope_run_with(&options, NULL, service, threads);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    printf("%d answered, %d failed\n", atomic_load(&answered), failures);
    return status == SCOPE_ERROR && failures == 3 * CLIENTS && answered == (REQUESTS - 3) * CLIENTS ? EXIT_SUCCESS
                                                                                                    : EXIT_FAILURE;
}

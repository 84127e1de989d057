/* Signals rain on all threads, without SA_RESTART, so every sleep in the kernel ends early with EINTR again and again: the
 * library takes no such end for a wake-up, and passes none on to its user.  A handler may cancel a token.  (The library's own
 * threads block signals; here the tasks that they run let them in.) */
#include "scope/scope.h"
#include "tests/check.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_bool stop;
static atomic_uint handled, handled_by_workers;
static pthread_t first_thread;
static struct scope_token *_Atomic token;

static void handler(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
    if (!pthread_equal(pthread_self(), first_thread))
        atomic_fetch_add(&handled_by_workers, 1);
}

static void cancelling_handler(int number)
{
    (void)number;
    int before = errno;
    (void)scope_token_cancel(atomic_load(&token));
    if (errno != before)
        atomic_fetch_add(&check_bad, 1);
}

static void handle(int number, void (*function)(int))
{
    struct sigaction action = {.sa_handler = function}; /* no SA_RESTART */
    sigaction(number, &action, NULL);
}

static void signal_others(pid_t process, pid_t self)
{
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *entry = tasks ? readdir(tasks) : NULL; entry; entry = readdir(tasks)) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread > 0 && thread != self)
            (void)syscall(SYS_tgkill, process, thread, SIGUSR1);
    }
    if (tasks)
        closedir(tasks);
}

static void *rain(void *arg)
{
    (void)arg;
    sigset_t none;
    sigemptyset(&none);
    sigaddset(&none, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &none, NULL);
    while (!atomic_load(&stop)) {
        signal_others(getpid(), (pid_t)syscall(SYS_gettid));
        sched_yield();
    }
    return NULL;
}

static void under_rain(void (*function)(void))
{
    pthread_t thread;
    atomic_store(&stop, false);
    handle(SIGUSR1, handler);
    if (!CHECK(pthread_create(&thread, NULL, rain, NULL) == 0))
        return;
    function();
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

static void let_in(void)
{
    sigset_t rain_drops;
    sigemptyset(&rain_drops);
    sigaddset(&rain_drops, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &rain_drops, NULL);
}

static int leaf(struct scope *s, void *arg)
{
    (void)s;
    let_in();
    for (int i = 0; i < 2000; i++)
        fence_compiler();
    atomic_fetch_add((atomic_uint *)arg, 1);
    return 0;
}

static int inner(struct scope *s, void *arg)
{
    for (int i = 0; i < 4; i++)
        CHECK(scope_spawn(s, leaf, arg) == SCOPE_OK);
    return 0;
}

static int opens_inner(struct scope *s, void *arg)
{
    (void)s;
    CHECK_EQ_INT(scope_run(inner, arg), SCOPE_OK);
    return 0;
}

static int outer(struct scope *s, void *arg)
{
    for (int i = 0; i < 16; i++)
        CHECK(scope_spawn(s, opens_inner, arg) == SCOPE_OK);
    return 0;
}

static void run_scopes(void)
{
    bool alone = scope_pool_workers(NULL) < 2;
    for (unsigned i = 0; i < check_rounds(1500) || !(alone || atomic_load(&handled_by_workers)); i++) {
        atomic_uint ran = 0;
        CHECK_EQ_INT(scope_run(outer, &ran), SCOPE_OK);
        CHECK_EQ_INT(atomic_load(&ran), 64);
        if (i % 8 == 0) /* from sleep, too */
            for (int pause = 0; pause < 20000; pause++)
                os_pause();
    }
}

static void scopes_under_rain_of_signals_complete(void)
{
    under_rain(run_scopes);
    printf("# %u signals handled, %u by workers\n", atomic_load(&handled), atomic_load(&handled_by_workers));
    CHECK(atomic_load(&handled) > 0);
}

static void create_pools(void)
{
    for (unsigned i = 0; i < check_rounds(100); i++) {
        struct scope_pool *pool;
        struct scope_pool_options options = {.size = sizeof(options), .workers = 3};
        struct scope_options in_pool = scope_options_init();
        atomic_uint ran = 0;
        if (!CHECK_EQ_INT(scope_pool_create(&pool, &options), SCOPE_OK))
            return;
        in_pool.pool = pool;
        CHECK_EQ_INT(scope_run_with(&in_pool, NULL, outer, &ran), SCOPE_OK);
        CHECK_EQ_INT(atomic_load(&ran), 64);
        CHECK_EQ_INT(scope_pool_destroy(pool), SCOPE_OK);
    }
}

static void pools_under_rain_of_signals_start_and_stop(void)
{
    under_rain(create_pools);
}

static int until_cancelled(struct scope *s, void *arg)
{
    (void)arg;
    while (!scope_cancelled(s))
        os_pause();
    return 0;
}

static int raises(struct scope *s, void *arg)
{
    for (int i = 0; i < 8; i++)
        CHECK(scope_spawn(s, until_cancelled, arg) == SCOPE_OK);
    raise(SIGUSR2);
    CHECK(scope_cancelled(s));
    return 0;
}

static void handler_cancels_a_token(void)
{
    handle(SIGUSR2, cancelling_handler);
    for (unsigned i = 0; i < check_rounds(4000); i++) {
        struct scope_options options = scope_options_init();
        atomic_store(&token, scope_token_create());
        options.token = atomic_load(&token);
        CHECK_EQ_INT(scope_run_with(&options, NULL, raises, NULL), SCOPE_ECANCELED);
        scope_token_release(atomic_load(&token));
    }
}

int main(void)
{
    first_thread = pthread_self();
    check_run("scopes_under_rain_of_signals_complete", scopes_under_rain_of_signals_complete);
    check_run("pools_under_rain_of_signals_start_and_stop", pools_under_rain_of_signals_start_and_stop);
    check_run("handler_cancels_a_token", handler_cancels_a_token);
    return check_done();
}

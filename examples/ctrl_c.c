/* Cancelling from Ctrl-C: a token may be cancelled in a signal handler, and every scope that holds it stops.
 * Press Ctrl-C, or wait 100 ms until the program does so itself. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <taskscope.h>

static struct scope_token *token;

static void on_signal(int number)
{
    (void)number;
    (void)scope_token_cancel(token); /* async-signal-safe */
}

/* A search through far more than there is time for. */
static int search(struct scope *s, void *arg)
{
    unsigned long *steps = arg;
    while (!scope_cancelled(s))
        for (int i = 0; i < 1000; i++)
            ++*steps;
    return SCOPE_ECANCELED;
}

static int search_all(struct scope *s, void *arg)
{
    unsigned long *steps = arg;
    for (int i = 0; i < 16; i++) {
        int status = scope_spawn(s, search, &steps[16 * i]);
        if (status != SCOPE_OK)
            return status;
    }
    return 0;
}

int main(void)
{
    static _Alignas(64) unsigned long steps[16 * 16]; /* each on two cache lines of its own */
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    const struct itimerval soon = {.it_value = {.tv_usec = 100000}};
    token = scope_token_create();
    if (!token || sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGALRM, &action, NULL) != 0 ||
        setitimer(ITIMER_REAL, &soon, NULL) != 0) {
        fprintf(stderr, "ctrl_c: no token, or no handler\n");
        return EXIT_FAILURE;
    }
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    options.token = token;
    int status = scope_run_with(&options, &report, search_all, steps);
    char text[1024];
    (void)scope_report_print(&report, text, sizeof(text));
    fputs(text, stdout);
    bool good = status == SCOPE_ECANCELED && report.reason == SCOPE_REASON_TOKEN;
    scope_report_fini(&report);
    signal(SIGINT, SIG_IGN); /* the handler must not see a token that is gone */
    signal(SIGALRM, SIG_IGN);
    scope_token_release(token);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

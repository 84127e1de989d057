/* Gather with partial results: SCOPE_COLLECT lets the others go on when some fail, and every failure is reported. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taskscope.h>

enum { BAD_NUMBER = 1, TOO_LARGE };

SCOPE_RESULT(long, parse, const char *);

static int parse(struct scope *s, const char *text, long *result)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end)
        return scope_fail(s, BAD_NUMBER, "\"%s\" is no number", text);
    if (value > 1000)
        return scope_fail(s, TOO_LARGE, "%ld is above 1000", value);
    *result = value;
    return 0;
}

static const char *const words[] = {"12", "x7", "500", "5000", "-3", "", "88"};
#define WORDS (sizeof(words) / sizeof(words[0]))

static int parse_all(struct scope *s, void *arg)
{
    struct parse_result *results = arg;
    for (size_t i = 0; i < WORDS; i++) {
        int status = parse_start(s, &results[i], words[i]);
        if (status != SCOPE_OK)
            return status;
    }
    return 0;
}

int main(void)
{
    static struct parse_result results[WORDS];
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    struct scope_errors *bad, *others;
    int code = BAD_NUMBER;
    long sum = 0;
    options.policy = SCOPE_COLLECT;
    options.name = "parse";
    int status = scope_run_with(&options, &report, parse_all, results);
    for (size_t i = 0; i < WORDS; i++) {
        long value;
        if (parse_get(&results[i], &value) == SCOPE_OK)
            sum += value;
    }
    char text[4096];
    (void)scope_report_print(&report, text, sizeof(text));
    fputs(text, stdout);
    printf("sum of the good ones: %ld\n", sum);
    if (scope_errors_split(&report.group, scope_error_has_code, &code, &bad, &others) != SCOPE_OK)
        return EXIT_FAILURE;
    struct scope_leaves leaves = scope_leaves_begin(bad);
    for (const struct scope_error *error; (error = scope_leaves_next(&leaves));)
        printf("bad number: %s\n", error->message);
    bool good = status == SCOPE_ERROR && sum == 597 && bad && bad->total == 2 && others && others->total == 1;
    scope_errors_free(bad);
    scope_errors_free(others);
    scope_report_fini(&report);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Scenario 25: filtering by code gives matched and rest with the shape of the tree kept; together they hold every leaf once.
 * And the walk over the leaves, groups nested too deeply, the totals per code, and what an error says of its task. */
#include "tests/scope_check.h"

static int returns_code(struct scope *s, void *arg)
{
    (void)s;
    return *(int *)arg;
}

static int runs_inner(struct scope *s, void *arg);

/* A tree of groups: the scope of depth d has errors 1 and 2, and a group of depth d - 1. */
static int tree(struct scope *s, void *arg)
{
    static int code[] = {1, 2};
    CHECK_EQ_INT(scope_spawn(s, returns_code, &code[0]), SCOPE_OK);
    CHECK_EQ_INT(scope_spawn(s, returns_code, &code[1]), SCOPE_OK);
    if (*(int *)arg > 1)
        CHECK_EQ_INT(scope_spawn(s, runs_inner, arg), SCOPE_OK);
    return 0;
}

static int runs_inner(struct scope *s, void *arg)
{
    (void)s;
    int depth = *(int *)arg - 1;
    struct scope_options options = scope_options_init();
    options.policy = SCOPE_COLLECT;
    return scope_run_with(&options, NULL, tree, &depth);
}

static void tree_run(struct scope_report *report, int depth)
{
    struct scope_options options = scope_options_init();
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, report, tree, &depth), SCOPE_ERROR);
}

static unsigned leaves_count(const struct scope_errors *errors, int code)
{
    struct scope_leaves walk = scope_leaves_begin(errors);
    unsigned n = 0;
    for (const struct scope_error *error; (error = scope_leaves_next(&walk));)
        n += error->code == code;
    return n;
}

/* A chain of groups as deep as that, each with the errors that it should have. */
static void check_chain(const struct scope_errors *errors, unsigned depth, int code)
{
    for (; depth > 0; depth--) {
        if (!CHECK(errors != NULL))
            return;
        CHECK_EQ_INT(errors->total, depth > 1 ? 2 : 1);
        CHECK_EQ_INT(errors->height, depth);
        const struct scope_errors *inner = NULL;
        check_codes(errors);
        for (uint64_t i = 0; i < errors->kept; i++) {
            CHECK_EQ_INT(errors->errors[i].code, errors->errors[i].nested ? SCOPE_ERROR : code);
            if (errors->errors[i].nested)
                inner = errors->errors[i].nested;
        }
        errors = inner;
    }
    CHECK(errors == NULL);
}

static void split_keeps_shape_and_every_leaf(void)
{
    for (int depth = 1; depth <= 5; depth++) {
        struct scope_report report;
        struct scope_errors *matched, *rest;
        int one = 1;
        tree_run(&report, depth);
        CHECK_EQ_INT(leaves_count(&report.group, 1), depth);
        CHECK_EQ_INT(leaves_count(&report.group, 2), depth);
        CHECK_EQ_INT(report.group.height, depth);
        CHECK_EQ_INT(scope_errors_split(&report.group, scope_error_has_code, &one, &matched, &rest), SCOPE_OK);
        check_chain(matched, (unsigned)depth, 1);
        check_chain(rest, (unsigned)depth, 2);
        scope_errors_free(matched);
        scope_errors_free(rest);
        scope_report_fini(&report);
    }
}

/* The parts say of each scope what the whole says. */
static void check_places(const struct scope_errors *part, const struct scope_errors *whole)
{
    for (; part && whole; part = part->errors[1].nested, whole = whole->errors[2].nested) {
        CHECK_EQ_STR(part->scope_name, whole->scope_name);
        CHECK_EQ_STR(part->scope_file, whole->scope_file);
        CHECK_EQ_INT(part->scope_line, whole->scope_line);
        CHECK(part->scope_line > 0);
    }
    CHECK(!part && !whole);
}

static int ordered_tree(struct scope *s, void *arg)
{
    const int depth = *(int *)arg;
    int inner = depth - 1, status = SCOPE_OK;
    struct scope_options options = scope_options_init();
    options.policy = SCOPE_COLLECT;
    options.name = depth % 2 ? "odd" : "even";
    if (inner > 0)
        status = scope_run_with(&options, NULL, ordered_tree, &inner);
    (void)scope_fail(s, 1, "one");
    (void)scope_fail(s, 2, "two");
    return status;
}

static void split_keeps_names_and_places(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report = scope_report_init();
    struct scope_errors *matched, *rest;
    int depth = 4, one = 1;
    options.policy = SCOPE_COLLECT;
    options.name = "outermost";
    CHECK_EQ_INT(scope_run_with(&options, &report, ordered_tree, &depth), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.height, depth);
    CHECK_EQ_INT(scope_errors_split(&report.group, scope_error_has_code, &one, &matched, &rest), SCOPE_OK);
    check_places(matched, &report.group);
    check_places(rest, &report.group);
    scope_errors_free(matched);
    scope_errors_free(rest);
    scope_report_fini(&report);
}

static void split_with_nothing_on_one_side(void)
{
    struct scope_report report;
    struct scope_errors *matched, *rest;
    int other = 77;
    tree_run(&report, 3);
    CHECK_EQ_INT(scope_errors_split(&report.group, scope_error_has_code, &other, &matched, &rest), SCOPE_OK);
    CHECK(matched == NULL);
    CHECK_EQ_INT(leaves_count(rest, 1) + leaves_count(rest, 2), 6);
    scope_errors_free(matched);
    scope_errors_free(rest);
    CHECK_EQ_INT(scope_errors_split(NULL, scope_error_has_code, &other, &matched, &rest), SCOPE_EINVAL);
    CHECK_EQ_INT(scope_errors_split(&report.group, NULL, &other, &matched, &rest), SCOPE_EINVAL);
    CHECK(scope_leaves_begin(NULL).depth == 0);
    scope_report_fini(&report);
}

/* Deeper than walks go: the group there is taken as a whole, and nothing is lost. */
static void deeper_groups_are_leaves(void)
{
    struct scope_report report;
    struct scope_errors *matched, *rest;
    const unsigned more = 10;
    int one = 1;
    tree_run(&report, (int)(SCOPE_HEIGHT_MAX + more));
    CHECK_EQ_INT(report.group.height, SCOPE_HEIGHT_MAX + more);
    CHECK_EQ_INT(leaves_count(&report.group, 1), SCOPE_HEIGHT_MAX);
    CHECK_EQ_INT(leaves_count(&report.group, SCOPE_ERROR), 1);
    struct scope_leaves walk = scope_leaves_begin(&report.group);
    for (const struct scope_error *error; (error = scope_leaves_next(&walk));)
        if (error->nested)
            CHECK_EQ_INT(leaves_count(error->nested, 1), more);
    CHECK_EQ_INT(scope_errors_split(&report.group, scope_error_has_code, &one, &matched, &rest), SCOPE_OK);
    check_chain(matched, SCOPE_HEIGHT_MAX, 1);
    CHECK_EQ_INT(leaves_count(rest, 2), SCOPE_HEIGHT_MAX);
    CHECK_EQ_INT(leaves_count(rest, SCOPE_ERROR), 1);
    scope_report_fini(&report);
    scope_errors_free(matched);
    scope_errors_free(rest);
    CHECK_EQ_INT(scope_report_print(&report, NULL, 0) > 0, 1);
}

/* ---------------------------------------------------------------------------------------------------- Codes and names */

static const SCOPE_DESCRIBE(named, .fn = returns_code);

static int many_codes(struct scope *s, void *arg)
{
    int *code = arg;
    for (int i = 0; i < 3000; i++)
        CHECK_EQ_INT(scope_spawn_task(s, &named, &code[i % 12]), SCOPE_OK);
    return 0;
}

static void totals_per_code_are_exact(void)
{
    struct scope_options options = scope_options_init();
    struct scope_report report;
    int code[12];
    for (int i = 0; i < 12; i++)
        code[i] = 100 + i;
    options.policy = SCOPE_COLLECT;
    CHECK_EQ_INT(run_checked(&options, &report, many_codes, code), SCOPE_ERROR);
    CHECK_EQ_INT(report.group.total, 3000);
    CHECK_EQ_INT(report.group.other_codes, 4 * 250);
    for (int i = 0; i < SCOPE_CODES_KEPT; i++)
        CHECK_EQ_INT(report.group.codes[i].count, 250);
    for (uint64_t i = 0; i < report.group.kept; i++) {
        CHECK_EQ_STR(report.group.errors[i].name, "named");
        CHECK_EQ_STR(report.group.errors[i].file, __FILE__);
        CHECK(report.group.errors[i].line > 0);
    }
}

static int fails_with_message(struct scope *s, void *arg)
{
    (void)arg;
    return scope_fail(s, 9, "nine of %d", 10);
}

static const SCOPE_DESCRIBE(telling, .fn = fails_with_message);

static int spawns_telling(struct scope *s, void *arg)
{
    return scope_spawn_task(s, &telling, arg);
}

static void scope_fail_says_where(void)
{
    struct scope_report report;
    CHECK_EQ_INT(run_checked(NULL, &report, spawns_telling, NULL), SCOPE_ERROR);
    const struct scope_error *error = &report.group.errors[0];
    CHECK_EQ_INT(report.group.total, 1);
    CHECK_EQ_STR(error->message, "nine of 10");
    CHECK_EQ_STR(error->name, "telling");
    CHECK_EQ_STR(error->file, __FILE__);
    CHECK(error->line > 0 && error->line < telling.line);
    char text[1000];
    (void)scope_report_print(&report, text, sizeof(text));
    CHECK(strstr(text, "task 0 (telling, tests/scenario_25_split.c:") != NULL);
}

int main(void)
{
    check_run("scenario_25_split_keeps_shape_and_every_leaf", split_keeps_shape_and_every_leaf);
    check_run("scenario_25_split_keeps_names_and_places", split_keeps_names_and_places);
    check_run("scenario_25_split_with_nothing_on_one_side", split_with_nothing_on_one_side);
    check_run("scenario_25_deeper_groups_are_leaves", deeper_groups_are_leaves);
    check_run("scenario_25_totals_per_code_are_exact", totals_per_code_are_exact);
    check_run("scenario_25_scope_fail_says_where", scope_fail_says_where);
    return check_done();
}

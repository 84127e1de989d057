// Exceptions, and ends of threads, in C++: `unwind CASE` runs one case; tests/unwind.sh knows which of them end well.
#include <taskscope.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <pthread.h>
#include <unistd.h>

static std::atomic<int> ran, started, destroyed;

static int counts(struct scope *, void *)
{
    usleep(200);
    ran++;
    return 0;
}

static int lasts(struct scope *s, void *)
{
    started = 1;
    while (!scope_cancelled(s))
        usleep(10);
    usleep(1000);
    ran++;
    return SCOPE_ECANCELED;
}

struct destroyed_late {
    int expected;
    ~destroyed_late() { destroyed += ran == expected; }
};

// A body that is left while a task of it runs elsewhere; the others never start.
static int throws(struct scope *s, void *)
{
    started = 0;
    ran = 0;
    scope_spawn(s, lasts, nullptr);
    for (int i = 0; !started && i < 50; i++)
        scope_fork2(s, counts, nullptr, [](struct scope *, void *) { return 0; }, nullptr);
    ran = 0;
    throw 5;
}

static int nested(struct scope *, void *arg)
{
    int *levels = static_cast<int *>(arg);
    return (*levels)-- > 0 ? scope_run(nested, arg) : scope_run(throws, nullptr);
}

static int catches(struct scope *s, void *arg)
{
    int levels = 3;
    try {
        scope_run(nested, &levels);
        return 1;
    } catch (int five) {
        if (five != 5 || ran != started || scope_cancelled(s))
            return 2;
    }
    return scope_spawn(s, counts, arg); // the scope around is as before
}

static int thrown_from_bodies()
{
    for (int i = 0; i < 20; i++) {
        if (scope_run(catches, nullptr) != SCOPE_OK || ran != started + 1)
            return 1;
        struct scope_report report = scope_report_init();
        try {
            scope_run_with(nullptr, &report, throws, nullptr);
            return 2;
        } catch (int) {
        }
        if (ran != started || report.reason != SCOPE_REASON_BODY || report.status != SCOPE_ECANCELED ||
            report.spawned != report.cancelled + report.skipped)
            return 3;
    }
    return 0;
}

static int thrown_from_blocks()
{
    int status = 1, inner_status = 1;
    ran = 0;
    try {
        SCOPE (s, nullptr, &status) {
            scope_spawn(s, counts, nullptr);
            SCOPE (inner, nullptr, &inner_status) {
                scope_spawn(inner, counts, nullptr);
                throw 5;
            }
        }
    } catch (int) {
        return ran == 2 && status == SCOPE_OK && inner_status == SCOPE_OK ? 0 : 1;
    }
    return 2;
}

// The thread ends in the innermost of several scopes; destructors run after their scope has been joined.
static int exits(struct scope *s, void *arg)
{
    destroyed_late outside = {2};
    int status;
    scope_spawn(s, lasts, nullptr);
    SCOPE (block, nullptr, &status) {
        for (int i = 0; i < 2; i++)
            scope_spawn(block, counts, nullptr);
        if (*static_cast<int *>(arg) == 0)
            pthread_exit(arg);
        pthread_cancel(pthread_self());
        pthread_testcancel();
    }
    return 0;
}

static int runs_exits(struct scope *, void *arg)
{
    return scope_run(exits, arg);
}

static void *thread_main(void *arg)
{
    scope_run(runs_exits, arg);
    return nullptr;
}

static int thread_ends()
{
    for (int way = 0; way < 2; way++) {
        pthread_t thread;
        void *result = nullptr;
        ran = started = destroyed = 0;
        if (pthread_create(&thread, nullptr, thread_main, &way) != 0 || pthread_join(thread, &result) != 0)
            return 1;
        if (result != (way == 0 ? static_cast<void *>(&way) : PTHREAD_CANCELED) || destroyed != 1 ||
            ran != 2 + started)
            return 2;
        if (scope_run([](struct scope *s, void *) { return scope_spawn(s, counts, nullptr); }, nullptr) != SCOPE_OK)
            return 3;
    }
    return 0;
}

// What may not be left.
static int task_throws(struct scope *, void *)
{
    throw 5;
}

static int spawns_throw(struct scope *s, void *)
{
    return scope_spawn(s, task_throws, nullptr);
}

static int runs_spawns_throw(struct scope *, void *)
{
    return scope_run(spawns_throw, nullptr);
}

static int forks_throw(struct scope *s, void *)
{
    return scope_fork2(s, counts, nullptr, task_throws, nullptr);
}

SCOPE_TASK(int, typed, int);

static inline int typed(struct scope_strand strand, int n)
{
    if (n == 0)
        throw 5;
    typed_fork(&strand, n - 1);
    int b = typed(strand, n - 1);
    return b + typed_join(&strand);
}

static int calls_typed(struct scope *s, void *)
{
    return typed_call(s, 3);
}

static void disposes(void *)
{
    throw 5;
}

static const struct scope_task disposing = {"disposing", nullptr, 0, counts, disposes, 0, 0};

static int spawns_disposing(struct scope *s, void *)
{
    return scope_spawn_task(s, &disposing, nullptr);
}

// Algorithms: a function that is given to one must return, the only one and the last one, too.
static int chunk_throws(struct scope *, size_t, size_t, void *)
{
    throw 5;
}

static int loops_throwing(struct scope *s, void *)
{
    return scope_for(s, 0, 1, chunk_throws, nullptr);
}

static int invokes_throwing(struct scope *s, void *)
{
    const struct scope_call call = {task_throws, nullptr};
    return scope_invoke(s, &call, 1);
}

static void combine_throws(void *, const void *, void *)
{
    throw 5;
}

static int map_nothing(struct scope *, size_t, size_t, void *, void *)
{
    return 0;
}

// Three blocks: two make a node, which is combined with the third when all are done.
static int reduces_throwing(struct scope *s, void *)
{
    static int combined;
    const int zero = 0;
    int result;
    const auto third = [](void *left, const void *right, void *arg) {
        if (++combined == 2)
            combine_throws(left, right, arg);
    };
    const struct scope_reduction reduction = {sizeof(int), &zero, map_nothing, third, nullptr, 1};
    return scope_reduce(s, 0, 3, &reduction, &result);
}

static bool keep_throws(const void *, void *)
{
    throw 5;
}

static int filters_throwing(struct scope *, void *)
{
    int numbers[2] = {2, 1};
    size_t kept;
    return scope_filter(nullptr, numbers, 2, sizeof(int), numbers, keep_throws, nullptr, &kept);
}

static int compare_throws(const void *, const void *, void *countdown)
{
    if (--*static_cast<int *>(countdown) == 0)
        throw 5;
    return *static_cast<int *>(countdown) % 2 ? -1 : 1;
}

static int sorts_throwing(struct scope *s, void *)
{
    int numbers[3] = {3, 2, 1}, first = 1;
    return scope_sort(s, numbers, 3, sizeof(int), compare_throws, &first);
}

static int sorts_throwing_later(struct scope *, void *)
{
    int numbers[100] = {}, later = 120;
    return scope_sort(nullptr, numbers, 100, sizeof(int), compare_throws, &later);
}

static int sorts_unstable_throwing(struct scope *, void *)
{
    int numbers[3000] = {}, later = 4000;
    return scope_sort_unstable(nullptr, numbers, 3000, sizeof(int), compare_throws, &later);
}

static int merges_throwing(struct scope *s, void *)
{
    int a[2] = {1, 2}, b[2] = {1, 2}, to[4], first = 1;
    return scope_merge(s, a, 2, b, 2, to, sizeof(int), compare_throws, &first);
}

static int stage_throws(struct scope *, void **, void *)
{
    throw 5;
}

static int pipes_throwing(struct scope *s, void *)
{
    const struct scope_stage stage = {"throws", SCOPE_STAGE_SERIAL, stage_throws, nullptr};
    return scope_pipeline(s, &stage, 1, 1, nullptr);
}

static int caught(scope_fn *body)
{
    try {
        scope_run(body, nullptr);
    } catch (int) {
        std::puts("caught");
    }
    return 0;
}

int main(int, char **argv)
{
    const struct {
        const char *name;
        int (*fn)();
    } cases[] = {
        {"bodies", thrown_from_bodies},
        {"blocks", thrown_from_blocks},
        {"thread", thread_ends},
        {"task", [] { return caught(spawns_throw); }},
        {"inner_task", [] { return caught(runs_spawns_throw); }},
        {"fork2", [] { return caught(forks_throw); }},
        {"typed", [] { return caught(calls_typed); }},
        {"dispose", [] { return caught(spawns_disposing); }},
        {"for", [] { return caught(loops_throwing); }},
        {"invoke", [] { return caught(invokes_throwing); }},
        {"reduce", [] { return caught(reduces_throwing); }},
        {"filter", [] { return caught(filters_throwing); }},
        {"sort", [] { return caught(sorts_throwing); }},
        {"sort_later", [] { return caught(sorts_throwing_later); }},
        {"sort_unstable", [] { return caught(sorts_unstable_throwing); }},
        {"merge", [] { return caught(merges_throwing); }},
        {"pipeline", [] { return caught(pipes_throwing); }},
    };
    for (const auto &each : cases)
        if (argv[1] && std::strcmp(argv[1], each.name) == 0)
            return each.fn();
    return 100;
}

#include "bench/taskscope.h"
#include "bench/pipeline/pipeline.h"

static int make(struct scope *s, void **item, void *arg)
{
    (void)s, (void)arg;
    *item = (void *)(uintptr_t)pipeline_make();
    return 0;
}

static int hash(struct scope *s, void **item, void *arg)
{
    (void)s, (void)arg;
    *item = (void *)(uintptr_t)pipeline_hash((uintptr_t)*item);
    return 0;
}

static int fold(struct scope *s, void **item, void *arg)
{
    (void)s, (void)arg;
    pipeline_fold((uintptr_t)*item);
    return 0;
}

static void run(void)
{
    static const struct scope_stage stages[] = {
        {.name = "make", .fn = make},
        {.name = "hash", .kind = SCOPE_STAGE_PARALLEL, .fn = hash},
        {.name = "fold", .kind = SCOPE_STAGE_IN_ORDER, .fn = fold},
    };
    (void)scope_pipeline(NULL, stages, 3, 0, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = PIPELINE(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

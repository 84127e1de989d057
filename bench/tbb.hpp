/* The oneTBB programs: an arena of so many threads, which each run enters. */
#include <cstddef>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

static tbb::global_control *tbb_control;
static tbb::task_arena *tbb_arena;

static void tbb_init(unsigned workers)
{
    tbb_control = new tbb::global_control(tbb::global_control::max_allowed_parallelism, workers);
    tbb_arena = new tbb::task_arena(static_cast<int>(workers));
    tbb_arena->initialize();
}

#include "bench/nqueens/nqueens.h"
#include "bench/taskscope.h"

struct queens {
    struct nqueens_board board;
    int row;
};

SCOPE_TASK(long, queens, struct queens);

static inline long queens(struct scope_strand strand, struct queens q)
{
    if (q.row == nqueens_grain)
        return nqueens_count(q.board);
    int forks = 0;
    for (uint32_t columns = nqueens_free(q.board); columns; columns &= columns - 1, forks++)
        queens_fork(&strand, (struct queens){nqueens_place(q.board, columns), q.row + 1});
    long count = 0;
    for (; forks > 0; forks--)
        count += queens_join(&strand);
    return count;
}

static int body(struct scope *s, void *arg)
{
    (void)arg;
    nqueens_result = queens_call(s, (struct queens){.row = 0});
    return 0;
}

static void run(void)
{
    if (scope_run(body, NULL) != SCOPE_OK)
        nqueens_result = -1;
}

int main(int argc, char **argv)
{
    struct bench bench = NQUEENS(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

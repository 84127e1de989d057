#include "bench/nqueens/nqueens.h"
#include "bench/taskscope.h"

struct queens {
    struct nqueens_board board;
    uint32_t columns; /* of the row: where a queen is still to be placed */
    int row;
    long count;
};

static int places(struct scope *s, void *arg);

static int queens(struct scope *s, void *arg)
{
    struct queens *q = arg;
    if (q->row == nqueens_grain) {
        q->count = nqueens_count(q->board);
        return 0;
    }
    q->columns = nqueens_free(q->board);
    q->count = 0;
    return q->columns ? places(s, q) : 0;
}

/* A fork for each queen of a row but the last. */
static int places(struct scope *s, void *arg)
{
    struct queens *q = arg, rest = *q;
    struct queens place = {.board = nqueens_place(q->board, q->columns), .row = q->row + 1};
    rest.columns &= rest.columns - 1;
    rest.count = 0;
    int status = rest.columns ? scope_fork2(s, places, &rest, queens, &place) : queens(s, &place);
    q->count = place.count + rest.count;
    return status;
}

static void run(void)
{
    struct queens q = {.row = 0};
    nqueens_result = scope_run(queens, &q) == SCOPE_OK ? q.count : -1;
}

static uint64_t count_forks(struct nqueens_board board, int row)
{
    uint64_t forks = 0;
    uint32_t columns = row < nqueens_grain ? nqueens_free(board) : 0;
    for (; columns; columns &= columns - 1)
        forks += (uint64_t)((columns & (columns - 1)) != 0) + count_forks(nqueens_place(board, columns), row + 1);
    return forks;
}

static uint64_t tasks(void)
{
    return count_forks((struct nqueens_board){0, 0, 0}, 0);
}

int main(int argc, char **argv)
{
    struct bench bench = NQUEENS(taskscope_init, run);
    bench.tasks = tasks;
    return bench_main(argc, argv, &bench);
}

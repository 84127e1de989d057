#include "bench/taskscope.h"
#include "bench/nqueens/nqueens.h"

struct queens {
    struct nqueens_board board;
    int row;
    long count;
};

struct places {
    int count;
    struct queens place[NQUEENS_MAX];
};

static int queens(struct scope *s, void *arg);

static int each(struct scope *s, void *arg)
{
    struct places *places = arg;
    for (int i = 0; i < places->count; i++)
        (void)scope_spawn(s, queens, &places->place[i]);
    return 0;
}

static int queens(struct scope *s, void *arg)
{
    struct queens *q = arg;
    (void)s;
    if (q->row == nqueens_grain) {
        q->count = nqueens_count(q->board);
        return 0;
    }
    struct places places;
    places.count = 0;
    for (uint32_t columns = nqueens_free(q->board); columns; columns &= columns - 1) {
        struct queens *place = &places.place[places.count++];
        place->board = nqueens_place(q->board, columns);
        place->row = q->row + 1;
    }
    int status = scope_run(each, &places);
    q->count = 0;
    for (int i = 0; i < places.count; i++)
        q->count += places.place[i].count;
    return status;
}

static void run(void)
{
    struct queens q = {.row = 0};
    nqueens_result = scope_run(queens, &q) == SCOPE_OK ? q.count : -1;
}

int main(int argc, char **argv)
{
    struct bench bench = NQUEENS(taskscope_init, run);
    return bench_main(argc, argv, &bench);
}

/* All ways to place N queens on an N by N board: an irregular tree.  A task per queen in the first GRAIN rows, serial
 * below them.  Parameters: N (at most 18), GRAIN (N: a task per queen in all rows). */
#include "bench/bench.h"

#define NQUEENS_MAX 18

/* What the queens above attack in the next row, a bit per column. */
struct nqueens_board {
    uint32_t columns, left, right;
};

static int nqueens_n, nqueens_grain;
static uint32_t nqueens_all;
static long nqueens_result;

static void nqueens_setup(const long *value)
{
    nqueens_n = value[0] > NQUEENS_MAX ? NQUEENS_MAX : (int)value[0];
    nqueens_grain = value[1] > nqueens_n ? nqueens_n : (int)value[1];
    nqueens_all = (1u << nqueens_n) - 1;
}

static inline uint32_t nqueens_free(struct nqueens_board board)
{
    return nqueens_all & ~(board.columns | board.left | board.right);
}

/* The board of the next row, with a queen in the lowest of these columns. */
static inline struct nqueens_board nqueens_place(struct nqueens_board board, uint32_t columns)
{
    uint32_t queen = columns & -columns;
    board.columns |= queen;
    board.left = (board.left | queen) << 1;
    board.right = (board.right | queen) >> 1;
    return board;
}

/* The serial kernel: the solutions below a board. */
static inline long nqueens_count(struct nqueens_board board)
{
    if (board.columns == nqueens_all)
        return 1;
    long count = 0;
    for (uint32_t columns = nqueens_free(board); columns; columns &= columns - 1)
        count += nqueens_count(nqueens_place(board, columns));
    return count;
}

static bool nqueens_verify(void)
{
    static const long solutions[NQUEENS_MAX + 1] = {
        1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712, 365596, 2279184, 14772512, 95815104, 666090624};
    bool good = nqueens_result == solutions[nqueens_n];
    nqueens_result = -1;
    return good;
}

static uint64_t nqueens_placed(struct nqueens_board board, int row)
{
    uint64_t count = 0;
    if (row < nqueens_grain)
        for (uint32_t columns = nqueens_free(board); columns; columns &= columns - 1)
            count += 1 + nqueens_placed(nqueens_place(board, columns), row + 1);
    return count;
}

/* One for each queen placed in the first GRAIN rows. */
static uint64_t nqueens_tasks(void)
{
    return nqueens_placed((struct nqueens_board){0, 0, 0}, 0);
}

#define NQUEENS(init_, run_)                                                                                        \
    (struct bench)                                                                                                  \
    {                                                                                                               \
        .name = "nqueens", .parameters = "N GRAIN", .parameters_count = 2, .init = (init_), .setup = nqueens_setup, \
        .reset = 0, .run = (run_), .verify = nqueens_verify, .tasks = nqueens_tasks                                 \
    }

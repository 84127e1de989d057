#include "bench/tbb.hpp"
#include "bench/nqueens/nqueens.h"

static long queens(nqueens_board board, int row)
{
    if (row == nqueens_grain)
        return nqueens_count(board);
    long count[NQUEENS_MAX], sum = 0;
    int places = 0;
    tbb::task_group group;
    for (uint32_t columns = nqueens_free(board); columns; columns &= columns - 1) {
        nqueens_board place = nqueens_place(board, columns);
        group.run([place, row, result = &count[places]] { *result = queens(place, row + 1); });
        places++;
    }
    group.wait();
    for (int i = 0; i < places; i++)
        sum += count[i];
    return sum;
}

static void run(void)
{
    tbb_arena->execute([] { nqueens_result = queens({0, 0, 0}, 0); });
}

int main(int argc, char **argv)
{
    struct bench bench = NQUEENS(tbb_init, run);
    return bench_main(argc, argv, &bench);
}

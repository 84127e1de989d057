#include "bench/openmp.h"
#include "bench/nqueens/nqueens.h"

static long queens(struct nqueens_board board, int row)
{
    if (row == nqueens_grain)
        return nqueens_count(board);
    long count[NQUEENS_MAX], sum = 0;
    int places = 0;
    for (uint32_t columns = nqueens_free(board); columns; columns &= columns - 1) {
        struct nqueens_board place = nqueens_place(board, columns);
        long *result = &count[places++];
#pragma omp task firstprivate(place, row, result)
        *result = queens(place, row + 1);
    }
#pragma omp taskwait
    for (int i = 0; i < places; i++)
        sum += count[i];
    return sum;
}

static void run(void)
{
#pragma omp parallel
#pragma omp single
    nqueens_result = queens((struct nqueens_board){0, 0, 0}, 0);
}

int main(int argc, char **argv)
{
    struct bench bench = NQUEENS(openmp_init, run);
    return bench_main(argc, argv, &bench);
}

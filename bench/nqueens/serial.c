#include "bench/serial.h"
#include "bench/nqueens/nqueens.h"

static void run(void)
{
    nqueens_result = nqueens_count((struct nqueens_board){0, 0, 0});
}

int main(int argc, char **argv)
{
    struct bench bench = NQUEENS(serial_init, run);
    return bench_main(argc, argv, &bench);
}

#include "bench/serial.h"
#include "bench/skynet/skynet.h"

static long skynet(long first, long leaves)
{
    if (leaves == 1)
        return first;
    long sum = 0;
    for (int i = 0; i < SKYNET_CHILDREN; i++)
        sum += skynet(first + i * (leaves / SKYNET_CHILDREN), leaves / SKYNET_CHILDREN);
    return sum;
}

static void run(void)
{
    skynet_result = skynet(0, skynet_leaves);
}

int main(int argc, char **argv)
{
    struct bench bench = SKYNET(serial_init, run);
    return bench_main(argc, argv, &bench);
}

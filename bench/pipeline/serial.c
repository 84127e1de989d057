#include "bench/serial.h"
#include "bench/pipeline/pipeline.h"

static void run(void)
{
    for (uint64_t x; (x = pipeline_make()) != 0;)
        pipeline_fold(pipeline_hash(x));
}

int main(int argc, char **argv)
{
    struct bench bench = PIPELINE(serial_init, run);
    return bench_main(argc, argv, &bench);
}

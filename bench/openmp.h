/* The OpenMP programs.  Each run has its own parallel region, whose threads are kept by the runtime. */
#include <omp.h>

static void openmp_init(unsigned workers)
{
    omp_set_dynamic(0);
    omp_set_num_threads((int)workers);
}

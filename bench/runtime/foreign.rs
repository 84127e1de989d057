//! What the rayon programs about the runtime itself share.  Their runs begin outside the pool, as those of the C
//! programs do, and bench/bench.c repeats and times them: kernel.c calls it.

use rayon::{ThreadPool, ThreadPoolBuilder};
use std::os::raw::{c_char, c_int, c_uint};

type Init = extern "C" fn(c_uint);
type Run = extern "C" fn();

// kernel.c.
extern "C" {
    fn kernel_init(workers: c_uint);
    fn kernel_main(argc: c_int, argv: *const *const c_char, init: Init, run: Run) -> c_int;
}

static mut POOL: Option<ThreadPool> = None;

extern "C" fn init(workers: c_uint) {
    unsafe {
        kernel_init(workers);
        POOL = Some(ThreadPoolBuilder::new().num_threads(workers as usize).build().expect("threads"));
    }
}

pub fn pool() -> &'static ThreadPool {
    unsafe { POOL.as_ref().expect("a pool") }
}

pub fn main(argc: c_int, argv: *const *const c_char, run: Run) -> c_int {
    unsafe { kernel_main(argc, argv, init, run) }
}

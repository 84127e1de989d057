#![no_main]

#[path = "../runtime/foreign.rs"]
mod foreign;

use std::os::raw::{c_char, c_int};

// kernel.c.
extern "C" {
    fn kernel_rest();
    fn kernel_meet();
}

fn all_meet() {
    foreign::pool().scope(|s| {
        for _ in 1..rayon::current_num_threads() {
            s.spawn(|_| unsafe { kernel_meet() });
        }
        unsafe { kernel_meet() }
    });
}

extern "C" fn run() {
    all_meet();
    unsafe { kernel_rest() }
}

#[no_mangle]
pub extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    foreign::main(argc, argv, run)
}

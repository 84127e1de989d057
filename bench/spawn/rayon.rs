#![no_main]

#[path = "../runtime/foreign.rs"]
mod foreign;

use std::os::raw::{c_char, c_int};

// kernel.c.
extern "C" {
    fn kernel_n() -> i64;
    fn kernel_task();
}

extern "C" fn run() {
    foreign::pool().scope(|s| {
        for _ in 0..unsafe { kernel_n() } {
            s.spawn(|_| unsafe { kernel_task() });
        }
    });
}

#[no_mangle]
pub extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    foreign::main(argc, argv, run)
}

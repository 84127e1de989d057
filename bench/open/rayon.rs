#![no_main]

#[path = "../runtime/foreign.rs"]
mod foreign;

use std::os::raw::{c_char, c_int};

// kernel.c.
extern "C" {
    fn kernel_n() -> i64;
    fn kernel_count();
}

extern "C" fn run() {
    for _ in 0..unsafe { kernel_n() } {
        foreign::pool().scope(|_| unsafe { kernel_count() });
    }
}

#[no_mangle]
pub extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    foreign::main(argc, argv, run)
}

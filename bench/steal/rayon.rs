#![no_main]

#[path = "../runtime/foreign.rs"]
mod foreign;

use std::os::raw::{c_char, c_int};

// kernel.c.
extern "C" {
    fn kernel_n() -> i64;
    fn kernel_begin();
    fn kernel_start();
    fn kernel_wait(tasks: i64);
}

extern "C" fn run() {
    foreign::pool().scope(|s| unsafe {
        kernel_begin();
        for i in 0..kernel_n() {
            s.spawn(|_| kernel_start());
            kernel_wait(i + 1);
        }
    });
}

#[no_mangle]
pub extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    foreign::main(argc, argv, run)
}

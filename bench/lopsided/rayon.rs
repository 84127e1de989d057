#![no_main]

#[path = "../runtime/foreign.rs"]
mod foreign;

use std::os::raw::{c_char, c_int};

const INNER: usize = 10;

// kernel.c.
extern "C" {
    fn kernel_n() -> i64;
    fn kernel_work(has_inner: bool);
    fn kernel_has_inner(i: i64) -> bool;
}

fn task(i: i64) {
    let has_inner = unsafe { kernel_has_inner(i) };
    unsafe { kernel_work(has_inner) }
    if !has_inner {
        return;
    }
    rayon::scope(|s| {
        for _ in 0..INNER {
            s.spawn(|_| unsafe { kernel_work(false) });
        }
    });
}

extern "C" fn run() {
    foreign::pool().scope(|s| {
        for i in 0..unsafe { kernel_n() } {
            s.spawn(move |_| task(i));
        }
    });
}

#[no_mangle]
pub extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    foreign::main(argc, argv, run)
}

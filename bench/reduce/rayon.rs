//! No variants.  Cheap items are summed up 1024 at a time, since rayon's sum of doubles is not vectorised.
#![no_main]

#[path = "../runtime/foreign.rs"]
mod foreign;

use rayon::prelude::*;
use std::os::raw::{c_char, c_int, c_void};

// kernel.c.
extern "C" {
    fn kernel_repeat(once: extern "C" fn(*mut c_void));
    fn kernel_n() -> i64;
    fn kernel_items(begin: i64, end: i64) -> f64;
    fn kernel_number(i: i64) -> f64;
    fn kernel_cheap() -> bool;
    fn kernel_result(sum: f64);
}

const GRAIN: i64 = 1024;

extern "C" fn once(_: *mut c_void) {
    unsafe {
        let n = kernel_n();
        let sum: f64 = if kernel_cheap() {
            let items = |k: i64| kernel_items(k * GRAIN, n.min((k + 1) * GRAIN));
            (0..(n + GRAIN - 1) / GRAIN).into_par_iter().map(items).sum()
        } else {
            (0..n).into_par_iter().map(|i| kernel_number(i)).sum()
        };
        kernel_result(sum);
    }
}

extern "C" fn run() {
    foreign::pool().install(|| unsafe { kernel_repeat(once) });
}

#[no_mangle]
pub extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    foreign::main(argc, argv, run)
}

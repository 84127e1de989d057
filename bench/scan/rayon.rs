//! No variants: rayon has no scan, so two passes over one part a worker.
#![no_main]

#[path = "../runtime/foreign.rs"]
mod foreign;

use rayon::prelude::*;
use std::os::raw::{c_char, c_int, c_void};

// kernel.c.
extern "C" {
    fn kernel_repeat(once: extern "C" fn(*mut c_void));
    fn kernel_cut(part: i64, parts: i64) -> i64;
    fn kernel_sum(begin: i64, end: i64) -> f64;
    fn kernel_items(begin: i64, end: i64, sum: f64);
}

extern "C" fn once(_: *mut c_void) {
    let parts = rayon::current_num_threads() as i64;
    let cut = |part| unsafe { kernel_cut(part, parts) };
    let mut sums = [0.0; 256];
    let sums = &mut sums[..parts as usize];
    let part_sum = |i| unsafe { kernel_sum(cut(i as i64), cut(i as i64 + 1)) };
    sums[1..].par_iter_mut().enumerate().for_each(|(i, sum)| *sum = part_sum(i));
    let mut before = 0.0;
    for sum in sums.iter_mut() {
        before += *sum;
        *sum = before;
    }
    sums.par_iter().enumerate().for_each(|(i, sum)| unsafe { kernel_items(cut(i as i64), cut(i as i64 + 1), *sum) });
}

extern "C" fn run() {
    foreign::pool().install(|| unsafe { kernel_repeat(once) });
}

#[no_mangle]
pub extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    foreign::main(argc, argv, run)
}

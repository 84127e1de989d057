//! No variants: a parallel iterator inside another.
#![no_main]

#[path = "../runtime/foreign.rs"]
mod foreign;

use rayon::prelude::*;
use std::os::raw::{c_char, c_int, c_void};

// kernel.c.
extern "C" {
    fn kernel_repeat(once: extern "C" fn(*mut c_void));
    fn kernel_x() -> *mut u64;
    fn kernel_rows() -> i64;
    fn kernel_columns() -> i64;
    fn kernel_cheap() -> bool;
    fn kernel_item(i: i64);
}

// As item_step in bench/repeat.h.
fn item_step(x: u64) -> u64 {
    x.wrapping_mul(0x5851f42d4c957f2d).wrapping_add(0x14057b7ef767814f)
}

extern "C" fn once(_: *mut c_void) {
    unsafe {
        let (rows, columns) = (kernel_rows(), kernel_columns());
        if kernel_cheap() {
            let x = std::slice::from_raw_parts_mut(kernel_x(), (rows * columns) as usize);
            let row = |items: &mut [u64]| items.par_iter_mut().for_each(|x| *x = item_step(*x));
            x.par_chunks_mut(columns as usize).for_each(row);
        } else {
            let row = |i| (0..columns).into_par_iter().for_each(move |k| kernel_item(i * columns + k));
            (0..rows).into_par_iter().for_each(row);
        }
    }
}

extern "C" fn run() {
    foreign::pool().install(|| unsafe { kernel_repeat(once) });
}

#[no_mangle]
pub extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    foreign::main(argc, argv, run)
}

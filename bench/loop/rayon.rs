//! Variants: 0 all loops in one call of the pool; 1 each loop from a thread outside.
#![no_main]

#[path = "../runtime/foreign.rs"]
mod foreign;

use rayon::prelude::*;
use std::os::raw::{c_char, c_int, c_void};

// kernel.c.
extern "C" {
    fn kernel_repeat(once: extern "C" fn(*mut c_void));
    fn kernel_x() -> *mut u64;
    fn kernel_n() -> i64;
    fn kernel_variant() -> i64;
    fn kernel_cheap() -> bool;
    fn kernel_item(i: i64);
}

// As item_step in bench/repeat.h.
fn item_step(x: u64) -> u64 {
    x.wrapping_mul(0x5851f42d4c957f2d).wrapping_add(0x14057b7ef767814f)
}

extern "C" fn once(_: *mut c_void) {
    unsafe {
        let n = kernel_n();
        if kernel_cheap() {
            let x = std::slice::from_raw_parts_mut(kernel_x(), n as usize);
            x.par_iter_mut().for_each(|x| *x = item_step(*x));
        } else {
            (0..n).into_par_iter().for_each(|i| kernel_item(i));
        }
    }
}

extern "C" fn once_outside(arg: *mut c_void) {
    let arg = arg as usize;
    foreign::pool().install(|| once(arg as *mut c_void));
}

extern "C" fn run() {
    unsafe {
        if kernel_variant() == 1 {
            kernel_repeat(once_outside);
        } else {
            foreign::pool().install(|| kernel_repeat(once));
        }
    }
}

#[no_mangle]
pub extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    foreign::main(argc, argv, run)
}

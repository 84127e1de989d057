#![no_main]

#[path = "../runtime/foreign.rs"]
mod foreign;

use std::os::raw::{c_char, c_int};

// kernel.c.
extern "C" {
    fn kernel_n() -> i64;
    fn kernel_work() -> i64;
    fn kernel_good();
}

fn task(work: i64) {
    let mut x: u64 = 1;
    for _ in 0..work {
        x = x.wrapping_mul(0x5851f42d4c957f2d).wrapping_add(0x14057b7ef767814f);
        unsafe { std::arch::asm!("/* {0} */", inout(reg) x) };
    }
    unsafe { std::arch::asm!("") }
}

extern "C" fn run() {
    let work = unsafe { kernel_work() };
    foreign::pool().scope(|s| {
        for _ in 0..unsafe { kernel_n() } {
            s.spawn(move |_| task(work));
        }
    });
    unsafe { kernel_good() }
}

#[no_mangle]
pub extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    foreign::main(argc, argv, run)
}

use bench_rayon::{bench_main, Bench, Problem};
use std::mem::MaybeUninit;

/// As in bench/matrix.h.
#[repr(C)]
struct Matrix {
    at: *mut f64,
    stride: i64,
}

#[repr(C)]
struct Product {
    c: Matrix,
    a: Matrix,
    b: Matrix,
    n: i64,
}

unsafe impl Send for Matrix {}
unsafe impl Sync for Matrix {}

// kernel.c.
extern "C" {
    fn kernel_setup(value: *const i64) -> &'static Product;
    fn kernel_reset();
    fn kernel_verify() -> bool;
    fn kernel_tasks() -> u64;
    fn kernel_split(p: &Product, part: *mut [Product; 8]);
    fn kernel_leaf(p: &Product);
}

struct Matmul {
    whole: &'static Product,
    grain: i64,
}

fn split(p: &Product) -> [Product; 8] {
    let mut part = MaybeUninit::uninit();
    unsafe {
        kernel_split(p, part.as_mut_ptr());
        part.assume_init()
    }
}

fn multiply(p: &Product, grain: i64) {
    if p.n <= grain {
        return unsafe { kernel_leaf(p) };
    }
    let part = split(p);
    for four in part.chunks(4) {
        rayon::join(
            || rayon::join(|| multiply(&four[3], grain), || multiply(&four[2], grain)),
            || rayon::join(|| multiply(&four[1], grain), || multiply(&four[0], grain)),
        );
    }
}

impl Problem for Matmul {
    fn reset(&mut self) {
        unsafe { kernel_reset() }
    }
    fn run(&mut self) {
        multiply(self.whole, self.grain);
    }
    fn verify(&mut self) -> bool {
        unsafe { kernel_verify() }
    }
    fn tasks(&self) -> u64 {
        unsafe { kernel_tasks() }
    }
}

fn main() {
    let bench = Bench { name: "matmul", parameters: "N GRAIN", parameters_count: 2 };
    bench_main(&bench, |value| Matmul { whole: unsafe { kernel_setup(value.as_ptr()) }, grain: value[1] });
}

use bench_rayon::{bench_main, Bench, Problem};
use std::mem::MaybeUninit;

/// As in bench/matrix.h and lu.h.
#[repr(C)]
#[derive(Clone, Copy)]
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

#[repr(C)]
struct Solve {
    m: Matrix,
    f: Matrix,
    n: i64,
    upper: bool,
}

#[repr(C)]
struct Half {
    first: Solve,
    product: Product,
    second: Solve,
}

#[repr(C)]
struct Parts {
    first: Matrix,
    solve: [Solve; 2],
    product: Product,
    second: Matrix,
}

unsafe impl Send for Matrix {}
unsafe impl Sync for Matrix {}

// kernel.c.
extern "C" {
    fn kernel_setup(value: *const i64) -> Matrix;
    fn kernel_reset();
    fn kernel_verify() -> bool;
    fn kernel_tasks() -> u64;
    fn kernel_factor(m: Matrix, n: i64);
    fn kernel_solve(solve: &Solve);
    fn kernel_product(p: &Product);
    fn kernel_split(m: Matrix, n: i64, parts: *mut Parts);
    fn kernel_solve_split(solve: &Solve, half: *mut [Half; 2]);
    fn kernel_product_split(p: &Product, part: *mut [Product; 8]);
}

struct Lu {
    whole: Matrix,
    n: i64,
    grain: i64,
}

/// What a split in C makes.
fn made<T>(split: impl FnOnce(*mut T)) -> T {
    let mut parts = MaybeUninit::uninit();
    split(parts.as_mut_ptr());
    unsafe { parts.assume_init() }
}

fn product(p: &Product, grain: i64) {
    if p.n <= grain {
        return unsafe { kernel_product(p) };
    }
    let part = made(|part| unsafe { kernel_product_split(p, part) });
    for four in part.chunks(4) {
        rayon::join(
            || rayon::join(|| product(&four[3], grain), || product(&four[2], grain)),
            || rayon::join(|| product(&four[1], grain), || product(&four[0], grain)),
        );
    }
}

fn half_solve(half: &Half, grain: i64) {
    solve(&half.first, grain);
    product(&half.product, grain);
    solve(&half.second, grain);
}

fn solve(whole: &Solve, grain: i64) {
    if whole.n <= grain {
        return unsafe { kernel_solve(whole) };
    }
    let half = made(|half| unsafe { kernel_solve_split(whole, half) });
    rayon::join(|| half_solve(&half[1], grain), || half_solve(&half[0], grain));
}

fn factor(m: Matrix, n: i64, grain: i64) {
    if n <= grain {
        return unsafe { kernel_factor(m, n) };
    }
    let parts = made(|parts| unsafe { kernel_split(m, n, parts) });
    factor(parts.first, n / 2, grain);
    rayon::join(|| solve(&parts.solve[1], grain), || solve(&parts.solve[0], grain));
    product(&parts.product, grain);
    factor(parts.second, n / 2, grain);
}

impl Problem for Lu {
    fn reset(&mut self) {
        unsafe { kernel_reset() }
    }
    fn run(&mut self) {
        factor(self.whole, self.n, self.grain);
    }
    fn verify(&mut self) -> bool {
        unsafe { kernel_verify() }
    }
    fn tasks(&self) -> u64 {
        unsafe { kernel_tasks() }
    }
}

fn main() {
    let bench = Bench { name: "lu", parameters: "N GRAIN", parameters_count: 2 };
    bench_main(&bench, |value| {
        let whole = unsafe { kernel_setup(value.as_ptr()) };
        Lu { whole, n: value[0], grain: value[1] }
    });
}

use bench_rayon::{bench_main, Bench, Problem};
use std::mem::MaybeUninit;

/// As in bench/matrix.h and strassen.h.
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

#[repr(C)]
struct Part {
    product: Product,
    which: i32,
}

#[repr(C)]
struct Rows {
    product: *const Product,
    part: *const [Part; 7],
    begin: i64,
    end: i64,
}

unsafe impl Send for Matrix {}
unsafe impl Sync for Matrix {}
unsafe impl Send for Rows {}
unsafe impl Sync for Rows {}

// kernel.c.
extern "C" {
    fn kernel_setup(value: *const i64) -> &'static Product;
    fn kernel_reset();
    fn kernel_verify() -> bool;
    fn kernel_tasks() -> u64;
    fn kernel_leaf(p: &Product);
    fn kernel_split(p: &Product, part: *mut [Part; 7]);
    fn kernel_begin(part: &mut Part);
    fn kernel_end(part: &mut Part);
    fn kernel_all_rows(p: &Product, part: &[Part; 7]) -> Rows;
    fn kernel_halves(rows: &Rows, half: *mut [Rows; 2]) -> bool;
    fn kernel_combine(rows: &Rows);
    fn kernel_free(part: &[Part; 7]);
}

struct Strassen {
    whole: &'static Product,
    grain: i64,
}

fn split(p: &Product) -> [Part; 7] {
    let mut part = MaybeUninit::uninit();
    unsafe {
        kernel_split(p, part.as_mut_ptr());
        part.assume_init()
    }
}

fn one(part: &mut Part, grain: i64) {
    unsafe { kernel_begin(part) };
    multiply(&part.product, grain);
    unsafe { kernel_end(part) };
}

fn combine(rows: &Rows) {
    let mut half = MaybeUninit::<[Rows; 2]>::uninit();
    if unsafe { kernel_halves(rows, half.as_mut_ptr()) } {
        let [near, far] = unsafe { half.assume_init() };
        rayon::join(|| combine(&far), || combine(&near));
    } else {
        unsafe { kernel_combine(rows) };
    }
}

fn multiply(p: &Product, grain: i64) {
    if p.n <= grain {
        return unsafe { kernel_leaf(p) };
    }
    let mut part = split(p);
    let [a, b, c, d, e, f, g] = &mut part;
    rayon::join(
        || rayon::join(|| one(g, grain), || rayon::join(|| one(f, grain), || one(e, grain))),
        || {
            rayon::join(
                || rayon::join(|| one(d, grain), || one(c, grain)),
                || rayon::join(|| one(b, grain), || one(a, grain)),
            )
        },
    );
    combine(&unsafe { kernel_all_rows(p, &part) });
    unsafe { kernel_free(&part) };
}

impl Problem for Strassen {
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
    let bench = Bench { name: "strassen", parameters: "N GRAIN", parameters_count: 2 };
    bench_main(&bench, |value| Strassen { whole: unsafe { kernel_setup(value.as_ptr()) }, grain: value[1] });
}

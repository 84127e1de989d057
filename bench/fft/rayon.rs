use bench_rayon::{bench_main, Bench, Problem};

/// As in fft.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Number {
    re: f64,
    im: f64,
}

#[repr(C)]
struct Pass {
    values: *mut Number,
    half: i64,
    first: i64,
    last: i64,
}

unsafe impl Send for Pass {}

// kernel.c.
extern "C" {
    fn kernel_setup(value: *const i64) -> *mut Number;
    fn kernel_reset();
    fn kernel_verify() -> bool;
    fn kernel_tasks() -> u64;
    fn kernel_step(p: &Pass);
    fn kernel_leaf(values: *mut Number, n: i64);
}

struct Fft {
    values: &'static mut [Number],
    grain: i64,
}

fn pass(p: Pass, grain: i64) {
    if p.last - p.first <= grain {
        return unsafe { kernel_step(&p) };
    }
    let middle = p.first + (p.last - p.first) / 2;
    let low = Pass { last: middle, ..p };
    let high = Pass { first: middle, ..p };
    rayon::join(|| pass(low, grain), || pass(high, grain));
}

fn fft(values: &mut [Number], grain: i64) {
    let n = values.len() as i64;
    if n <= grain {
        return unsafe { kernel_leaf(values.as_mut_ptr(), n) };
    }
    pass(Pass { values: values.as_mut_ptr(), half: n / 2, first: 0, last: n / 2 }, grain);
    let (low, high) = values.split_at_mut(values.len() / 2);
    rayon::join(|| fft(low, grain), || fft(high, grain));
}

impl Problem for Fft {
    fn reset(&mut self) {
        unsafe { kernel_reset() }
    }
    fn run(&mut self) {
        fft(self.values, self.grain);
    }
    fn verify(&mut self) -> bool {
        unsafe { kernel_verify() }
    }
    fn tasks(&self) -> u64 {
        unsafe { kernel_tasks() }
    }
}

fn main() {
    let bench = Bench { name: "fft", parameters: "N GRAIN", parameters_count: 2 };
    bench_main(&bench, |value| Fft {
        values: unsafe { std::slice::from_raw_parts_mut(kernel_setup(value.as_ptr()), value[0] as usize) },
        grain: value[1],
    });
}

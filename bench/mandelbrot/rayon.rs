use bench_rayon::{bench_main, Bench, Problem};
use rayon::prelude::*;

// kernel.c.
extern "C" {
    fn kernel_setup(value: *const i64);
    fn kernel_reset();
    fn kernel_verify() -> bool;
    fn kernel_tasks() -> u64;
    fn kernel_leaf(chunk: i64);
}

struct Mandelbrot {
    chunks: i64,
}

impl Problem for Mandelbrot {
    fn reset(&mut self) {
        unsafe { kernel_reset() }
    }
    fn run(&mut self) {
        (0..self.chunks).into_par_iter().for_each(|chunk| unsafe { kernel_leaf(chunk) });
    }
    fn verify(&mut self) -> bool {
        unsafe { kernel_verify() }
    }
    fn tasks(&self) -> u64 {
        unsafe { kernel_tasks() }
    }
}

fn main() {
    let bench = Bench { name: "mandelbrot", parameters: "SIZE ITERATIONS GRAIN", parameters_count: 3 };
    bench_main(&bench, |value| {
        unsafe { kernel_setup(value.as_ptr()) };
        Mandelbrot { chunks: unsafe { kernel_tasks() } as i64 }
    });
}

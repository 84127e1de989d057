use bench_rayon::{bench_main, Bench, Problem};
use rayon::prelude::*;

// kernel.c.
extern "C" {
    fn kernel_setup(value: *const i64);
    fn kernel_reset();
    fn kernel_verify() -> bool;
    fn kernel_tasks() -> u64;
    fn kernel_chunks() -> i64;
    fn kernel_leaf(step: i64, chunk: i64);
}

struct Heat {
    steps: i64,
}

impl Problem for Heat {
    fn reset(&mut self) {
        unsafe { kernel_reset() }
    }
    fn run(&mut self) {
        let chunks = unsafe { kernel_chunks() };
        for step in 0..self.steps {
            (0..chunks).into_par_iter().for_each(|chunk| unsafe { kernel_leaf(step, chunk) });
        }
    }
    fn verify(&mut self) -> bool {
        unsafe { kernel_verify() }
    }
    fn tasks(&self) -> u64 {
        unsafe { kernel_tasks() }
    }
}

fn main() {
    let bench = Bench { name: "heat", parameters: "N STEPS GRAIN", parameters_count: 3 };
    bench_main(&bench, |value| {
        unsafe { kernel_setup(value.as_ptr()) };
        Heat { steps: value[1] }
    });
}

//! What the rayon programs share: the same usage, repetition and output as bench/bench.c.

use std::time::Instant;

/// One problem; see struct bench in bench/bench.h.
pub struct Bench<'a> {
    pub name: &'a str,
    pub parameters: &'a str,
    pub parameters_count: usize,
}

/// What a problem's state can do.
pub trait Problem: Sync + Send {
    /// Makes the input again before a run; not timed.
    fn reset(&mut self) {}
    /// The problem, timed as a whole, inside the pool.
    fn run(&mut self);
    /// Checks the result of the last run; not timed.
    fn verify(&mut self) -> bool;
    /// How many tasks a run spawns.
    fn tasks(&self) -> u64;
}

/// Reads the arguments, makes the problem by setup, runs it and prints one line of JSON.
pub fn bench_main<P: Problem>(bench: &Bench, setup: impl FnOnce(&[i64]) -> P) {
    let values: Option<Vec<i64>> = std::env::args().skip(1).map(|a| a.parse().ok()).collect();
    let values = match values {
        Some(v) if v.len() == 2 + bench.parameters_count && v[0] >= 1 && v[1] >= 1 => v,
        _ => {
            eprintln!("usage: {}_rayon WORKERS RUNS {}", bench.name, bench.parameters);
            std::process::exit(2);
        }
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(values[0] as usize).build().expect("threads");
    let mut problem = setup(&values[2..]);
    let mut verified = true;
    let mut runs = Vec::new();
    for run in -1..values[1] {
        problem.reset();
        let start = Instant::now();
        pool.install(|| problem.run());
        let seconds = start.elapsed().as_secs_f64();
        if run >= 0 {
            runs.push(format!("{:.9}", seconds));
        }
        verified = problem.verify() && verified;
    }
    println!(
        "{{\"bench\":\"{}\",\"runtime\":\"rayon\",\"workers\":{},\"tasks\":{},\"verified\":{},\"runs\":[{}]}}",
        bench.name, values[0], problem.tasks(), verified, runs.join(",")
    );
    std::process::exit(if verified { 0 } else { 1 });
}

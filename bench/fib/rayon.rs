use bench_rayon::{bench_main, Bench, Problem};

struct Fib {
    n: i64,
    result: i64,
}

fn fib(n: i64) -> i64 {
    if n < 2 {
        return n;
    }
    let (a, b) = rayon::join(|| fib(n - 1), || fib(n - 2));
    a + b
}

fn closed(n: i64) -> i64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

impl Problem for Fib {
    fn run(&mut self) {
        self.result = fib(self.n);
    }
    fn verify(&mut self) -> bool {
        std::mem::replace(&mut self.result, -1) == closed(self.n)
    }
    fn tasks(&self) -> u64 {
        closed(self.n + 1) as u64 - 1
    }
}

fn main() {
    let bench = Bench { name: "fib", parameters: "N", parameters_count: 1 };
    bench_main(&bench, |value| Fib { n: value[0], result: -1 });
}

use bench_rayon::{bench_main, Bench, Problem};

struct Cut {
    x: f64,
    y: f64,
    left: f64,
    right: f64,
}

struct Integrate {
    n: f64,
    epsilon: f64,
    result: f64,
    expected: f64,
    forks: u64,
}

fn f(x: f64) -> f64 {
    (x * x + 1.0) * x
}

fn cut(x1: f64, y1: f64, x2: f64, y2: f64) -> Cut {
    let half = (x2 - x1) / 2.0;
    let x = x1 + half;
    let y = f(x);
    Cut { x, y, left: (y1 + y) / 2.0 * half, right: (y + y2) / 2.0 * half }
}

impl Cut {
    fn fine(&self, area: f64, epsilon: f64) -> bool {
        (self.left + self.right - area).abs() < epsilon
    }
}

fn integrate(x1: f64, y1: f64, x2: f64, y2: f64, area: f64, epsilon: f64) -> f64 {
    let c = cut(x1, y1, x2, y2);
    if c.fine(area, epsilon) {
        return c.left + c.right;
    }
    let (a, b) = rayon::join(
        || integrate(x1, y1, c.x, c.y, c.left, epsilon),
        || integrate(c.x, c.y, x2, y2, c.right, epsilon),
    );
    a + b
}

/// Integrates serially and counts the forks.
fn reference(x1: f64, y1: f64, x2: f64, y2: f64, area: f64, epsilon: f64, forks: &mut u64) -> f64 {
    let c = cut(x1, y1, x2, y2);
    if c.fine(area, epsilon) {
        return c.left + c.right;
    }
    *forks += 1;
    reference(x1, y1, c.x, c.y, c.left, epsilon, forks) + reference(c.x, c.y, x2, y2, c.right, epsilon, forks)
}

impl Problem for Integrate {
    fn run(&mut self) {
        self.result = integrate(0.0, 0.0, self.n, f(self.n), 0.0, self.epsilon);
    }
    fn verify(&mut self) -> bool {
        let closed = (self.n * self.n / 4.0 + 0.5) * self.n * self.n;
        let error = self.epsilon * (self.forks + 1) as f64 + 1e-12 * closed;
        let result = std::mem::replace(&mut self.result, -1.0);
        result.to_bits() == self.expected.to_bits() && (result - closed).abs() <= error
    }
    fn tasks(&self) -> u64 {
        self.forks
    }
}

fn main() {
    let bench = Bench { name: "integrate", parameters: "N DIGITS", parameters_count: 2 };
    bench_main(&bench, |value| {
        let n = value[0] as f64;
        let epsilon = (0..value[1]).fold(1.0, |e, _| e / 10.0);
        let mut forks = 0;
        let expected = reference(0.0, 0.0, n, f(n), 0.0, epsilon, &mut forks);
        Integrate { n, epsilon, result: -1.0, expected, forks }
    });
}

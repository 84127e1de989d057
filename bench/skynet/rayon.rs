use bench_rayon::{bench_main, Bench, Problem};

const CHILDREN: i64 = 10;

struct Skynet {
    leaves: i64,
    result: i64,
}

fn skynet(first: i64, leaves: i64) -> i64 {
    if leaves == 1 {
        return first;
    }
    children(first, leaves / CHILDREN, CHILDREN)
}

/// Forks by halves until one child is left: joins cost less than the spawns of a rayon::scope.
fn children(first: i64, leaves: i64, count: i64) -> i64 {
    if count == 1 {
        return skynet(first, leaves);
    }
    let half = count / 2;
    let (a, b) = rayon::join(
        || children(first, leaves, half),
        || children(first + half * leaves, leaves, count - half),
    );
    a + b
}

impl Problem for Skynet {
    fn run(&mut self) {
        self.result = skynet(0, self.leaves);
    }
    fn verify(&mut self) -> bool {
        std::mem::replace(&mut self.result, -1) == (self.leaves - 1) * self.leaves / 2
    }
    fn tasks(&self) -> u64 {
        self.leaves as u64 - 1
    }
}

fn main() {
    let bench = Bench { name: "skynet", parameters: "DEPTH", parameters_count: 1 };
    bench_main(&bench, |value| Skynet { leaves: CHILDREN.pow(value[0] as u32), result: -1 });
}

use bench_rayon::{bench_main, Bench, Problem};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

struct Item {
    value: i64,
    weight: i64,
}

struct Knapsack {
    items: Vec<Item>,
    room: i64,
    start: i64,
    expected: i64,
    best: AtomicI64,
    forks: u64,
}

/// bench_random of bench/bench.h.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e3779b97f4a7c15);
    let z = (*state ^ *state >> 30).wrapping_mul(0xbf58476d1ce4e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d049bb133111eb);
    z ^ z >> 31
}

/// The solution, by dynamic programming.
fn solve(items: &[Item], room: i64) -> i64 {
    let mut best = vec![0; room as usize + 1];
    for item in items {
        for room in (item.weight as usize..best.len()).rev() {
            best[room] = best[room].max(best[room - item.weight as usize] + item.value);
        }
    }
    best[room as usize]
}

/// The value of every item, in this order, that there is still room for.
fn greedy(items: &[Item], mut room: i64) -> i64 {
    let mut value = 0;
    for item in items {
        if item.weight <= room {
            room -= item.weight;
            value += item.value;
        }
    }
    value
}

impl Knapsack {
    /// The same items as in knapsack.h, the densest first.
    fn new(count: i64) -> Knapsack {
        let mut state = 3;
        let mut items = Vec::new();
        for _ in 0..count.clamp(0, 64) {
            let weight = 1000 + (random(&mut state) % 10000) as i64;
            items.push(Item { weight, value: weight + (random(&mut state) % 10000) as i64 });
        }
        let room = items.iter().map(|item| item.weight).sum::<i64>() / 2;
        items.sort_by_key(|item| item.weight);
        items.sort_by(|x, y| (y.value * x.weight).cmp(&(x.value * y.weight)));
        let expected = solve(&items, room);
        Knapsack { start: greedy(&items, room) - 1, items, room, expected, best: AtomicI64::new(0), forks: 0 }
    }

    /// As knapsack_done in knapsack.h.
    fn done(&self, item: usize, room: i64, value: i64) -> bool {
        if room < 0 {
            return true;
        }
        if item == self.items.len() || room == 0 {
            self.best.fetch_max(value, Relaxed);
            return true;
        }
        let best = self.best.load(Relaxed);
        room * self.items[item].value <= (best - value) * self.items[item].weight
    }

    /// Returns how many forks there were.
    fn search(&self, item: usize, room: i64, value: i64) -> u64 {
        if self.done(item, room, value) {
            return 0;
        }
        let at = &self.items[item];
        let (with, without) = rayon::join(
            || self.search(item + 1, room - at.weight, value + at.value),
            || self.search(item + 1, room, value),
        );
        with + without + 1
    }
}

impl Problem for Knapsack {
    fn reset(&mut self) {
        *self.best.get_mut() = self.start;
    }
    fn run(&mut self) {
        self.forks = self.search(0, self.room, 0);
    }
    fn verify(&mut self) -> bool {
        *self.best.get_mut() == self.expected
    }
    fn tasks(&self) -> u64 {
        self.forks
    }
}

fn main() {
    let bench = Bench { name: "knapsack", parameters: "ITEMS", parameters_count: 1 };
    bench_main(&bench, |value| Knapsack::new(value[0]));
}

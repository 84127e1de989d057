use bench_rayon::{bench_main, Bench, Problem};

const INSERTION: usize = 32;

struct Quicksort {
    values: Vec<u64>,
    grain: usize,
    sum: u64,
    xor: u64,
}

/// As bench_random in bench/bench.h.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e3779b97f4a7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d049bb133111eb);
    z ^ z >> 31
}

fn median(a: u64, b: u64, c: u64) -> u64 {
    if a < b {
        return b.min(a.max(c));
    }
    a.min(b.max(c))
}

/// Partitions around the median of three; the indices are not checked, as they aren't in C.
fn split(values: &mut [u64]) -> (&mut [u64], &mut [u64]) {
    let n = values.len();
    let pivot = median(values[0], values[n / 2], values[n - 1]);
    let at = values.as_mut_ptr();
    let (mut i, mut j) = (0, n as isize - 1);
    unsafe {
        loop {
            while *at.offset(i) < pivot {
                i += 1;
            }
            while *at.offset(j) > pivot {
                j -= 1;
            }
            if i >= j {
                return values.split_at_mut(j as usize + 1);
            }
            std::ptr::swap(at.offset(i), at.offset(j));
            i += 1;
            j -= 1;
        }
    }
}

fn insertion(values: &mut [u64]) {
    let at = values.as_mut_ptr();
    for i in 1..values.len() {
        unsafe {
            let value = *at.add(i);
            let mut j = i;
            while j > 0 && *at.add(j - 1) > value {
                *at.add(j) = *at.add(j - 1);
                j -= 1;
            }
            *at.add(j) = value;
        }
    }
}

/// The serial kernel.
fn serial(mut values: &mut [u64]) {
    while values.len() > INSERTION {
        let (left, right) = split(values);
        serial(left);
        values = right;
    }
    insertion(values);
}

/// The right part first: that is what join's caller does itself.
fn sort(values: &mut [u64], grain: usize) {
    if values.len() <= grain {
        return serial(values);
    }
    let (left, right) = split(values);
    rayon::join(|| sort(right, grain), || sort(left, grain));
}

fn splits(values: &mut [u64], grain: usize) -> u64 {
    if values.len() <= grain {
        return 0;
    }
    let (left, right) = split(values);
    1 + splits(left, grain) + splits(right, grain)
}

fn sum(values: &[u64]) -> u64 {
    values.iter().fold(0, |sum, &value| sum.wrapping_add(value))
}

fn xor(values: &[u64]) -> u64 {
    values.iter().fold(0, |xor, &value| xor ^ value)
}

impl Problem for Quicksort {
    fn reset(&mut self) {
        let mut state = 1;
        self.values.fill_with(|| random(&mut state));
        self.sum = sum(&self.values);
        self.xor = xor(&self.values);
    }
    fn run(&mut self) {
        sort(&mut self.values, self.grain);
    }
    fn verify(&mut self) -> bool {
        let sorted = self.values.windows(2).all(|pair| pair[0] <= pair[1]);
        sorted && sum(&self.values) == self.sum && xor(&self.values) == self.xor
    }
    fn tasks(&self) -> u64 {
        let mut state = 1;
        let mut values: Vec<u64> = self.values.iter().map(|_| random(&mut state)).collect();
        splits(&mut values, self.grain)
    }
}

fn main() {
    let bench = Bench { name: "quicksort", parameters: "N GRAIN", parameters_count: 2 };
    bench_main(&bench, |value| {
        let grain = (value[1] as usize).max(INSERTION);
        Quicksort { values: vec![0; value[0] as usize], grain, sum: 0, xor: 0 }
    });
}

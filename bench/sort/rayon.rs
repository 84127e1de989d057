use bench_rayon::{bench_main, Bench, Problem};
use rayon::slice::ParallelSliceMut;
use std::cmp::Ordering;

extern "C" {
    fn strcmp(a: *const u8, b: *const u8) -> i32;
}

/// A string that ends with a zero, as the C programs have it; it lies in memory that stays as it is.
#[derive(Clone, Copy)]
struct Text(*const u8);
unsafe impl Send for Text {}
unsafe impl Sync for Text {}

#[derive(Default)]
struct Sort {
    n: usize,
    kind: i64,
    order: i64,
    stable: bool,
    numbers: Vec<u32>,
    doubles: Vec<f64>,
    strings: Vec<Text>,
    text: Vec<u8>,
    sum: u64,
}

/// As bench_random in bench/bench.h.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e3779b97f4a7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d049bb133111eb);
    z ^ z >> 31
}

fn compare_doubles(a: &f64, b: &f64) -> Ordering {
    a.partial_cmp(b).unwrap_or(Ordering::Equal)
}

fn compare_text(a: &Text, b: &Text) -> Ordering {
    unsafe { strcmp(a.0, b.0) }.cmp(&0)
}

fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_mul(0x9e3779b97f4a7c15);
    bits ^ bits >> 29
}

impl Sort {
    fn rank(&self, i: usize, state: &mut u64) -> u64 {
        let random = random(state) >> 32;
        match self.order {
            0 => random,
            1 => i as u64,
            2 => (self.n - i) as u64,
            3 => 7,
            _ => (if i < self.n / 2 { i } else { self.n - i }) as u64,
        }
    }
    fn string_make(&mut self, i: usize, rank: u64, state: &mut u64) {
        let length = 8 + (random(state) % 17) as usize;
        let text = &mut self.text[25 * i..];
        for k in 0..length {
            let letter = if k < 8 { rank >> (28 - 4 * k) & 15 } else { random(state) % 26 };
            text[k] = b'a' + letter as u8;
        }
        text[length] = 0;
        self.strings[i] = Text(text.as_ptr());
    }
    fn sum_up(&self) -> u64 {
        let add = |sum: u64, bits: u64| sum.wrapping_add(mix(bits));
        let sum = self.numbers.iter().fold(0, |sum, &x| add(sum, x as u64));
        let sum = self.doubles.iter().fold(sum, |sum, &x| add(sum, x.to_bits()));
        self.strings.iter().fold(sum, |sum, &x| add(sum, x.0 as u64))
    }
}

impl Problem for Sort {
    fn reset(&mut self) {
        let mut state = 1;
        for i in 0..self.n {
            let rank = self.rank(i, &mut state);
            match self.kind {
                0 => self.numbers[i] = rank as u32,
                1 => {
                    let low = if self.order == 0 { random(&mut state) >> 43 } else { 0 };
                    self.doubles[i] = (rank << 21 | low) as f64 / (1u64 << 53) as f64;
                }
                _ => self.string_make(i, rank, &mut state),
            }
        }
        self.sum = self.sum_up();
    }
    fn run(&mut self) {
        match (self.kind, self.stable) {
            (0, false) => self.numbers.par_sort_unstable(),
            (0, true) => self.numbers.par_sort(),
            (1, false) => self.doubles.par_sort_unstable_by(|a, b| compare_doubles(a, b)),
            (1, true) => self.doubles.par_sort_by(|a, b| compare_doubles(a, b)),
            (_, false) => self.strings.par_sort_unstable_by(|a, b| compare_text(a, b)),
            (_, true) => self.strings.par_sort_by(|a, b| compare_text(a, b)),
        }
    }
    fn verify(&mut self) -> bool {
        self.numbers.windows(2).all(|pair| pair[0] <= pair[1])
            && self.doubles.windows(2).all(|pair| pair[0] <= pair[1])
            && self.strings.windows(2).all(|pair| compare_text(&pair[0], &pair[1]) != Ordering::Greater)
            && self.sum_up() == self.sum
    }
    fn tasks(&self) -> u64 {
        1
    }
}

fn main() {
    let bench = Bench { name: "sort", parameters: "N KIND ORDER STABLE", parameters_count: 4 };
    bench_main(&bench, |value| {
        let n = value[0] as usize;
        let mut sort = Sort { n, kind: value[1], order: value[2], stable: value[3] != 0, ..Default::default() };
        match sort.kind {
            0 => sort.numbers = vec![0; n],
            1 => sort.doubles = vec![0.0; n],
            _ => {
                sort.strings = vec![Text(std::ptr::null()); n];
                sort.text = vec![0; 25 * n];
            }
        }
        sort
    });
}

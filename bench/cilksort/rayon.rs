use bench_rayon::{bench_main, Bench, Problem};

const INSERTION: usize = 20;

struct Cilksort {
    values: Vec<u32>,
    spare: Vec<u32>,
    grain: usize,
    sum: u64,
    xor: u32,
}

/// As bench_random in bench/bench.h.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e3779b97f4a7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d049bb133111eb);
    z ^ z >> 31
}

fn median(a: u32, b: u32, c: u32) -> u32 {
    if a < b {
        return b.min(a.max(c));
    }
    a.min(b.max(c))
}

/// Partitions around the median of three; the indices are not checked, as they aren't in C.
fn split(values: &mut [u32]) -> (&mut [u32], &mut [u32]) {
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

fn insertion(values: &mut [u32]) {
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

/// The serial kernels: sort and merge.
fn quick(mut values: &mut [u32]) {
    while values.len() > INSERTION {
        let (left, right) = split(values);
        quick(left);
        values = right;
    }
    insertion(values);
}

fn join(a: &[u32], b: &[u32], to: &mut [u32]) {
    let (a, b) = (a.as_ptr_range(), b.as_ptr_range());
    let (mut from_a, mut from_b, mut to) = (a.start, b.start, to.as_mut_ptr());
    unsafe {
        while from_a < a.end && from_b < b.end {
            let left = *from_a < *from_b;
            *to = if left { *from_a } else { *from_b };
            from_a = from_a.add(left as usize);
            from_b = from_b.add(!left as usize);
            to = to.add(1);
        }
        let (rest_a, rest_b) = (a.end.offset_from(from_a) as usize, b.end.offset_from(from_b) as usize);
        to.copy_from_nonoverlapping(from_a, rest_a);
        to.add(rest_a).copy_from_nonoverlapping(from_b, rest_b);
    }
}

/// The two halves of a merge: the runs' parts, and how long the first half is.
fn cut<'a>(a: &'a [u32], b: &'a [u32]) -> ((&'a [u32], &'a [u32]), (&'a [u32], &'a [u32]), usize) {
    let (a, b) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let middle = a.len() / 2;
    let place = b.partition_point(|&value| value < a[middle]);
    ((&a[..middle], &b[..place]), (&a[middle..], &b[place..]), middle + place)
}

fn merge(a: &[u32], b: &[u32], to: &mut [u32], grain: usize) {
    if to.len() <= grain {
        return join(a, b, to);
    }
    let (first, second, length) = cut(a, b);
    let (to_first, to_second) = to.split_at_mut(length);
    rayon::join(|| merge(second.0, second.1, to_second, grain), || merge(first.0, first.1, to_first, grain));
}

fn quarters(values: &mut [u32]) -> [&mut [u32]; 4] {
    let n = values.len() / 4;
    let (a, rest) = values.split_at_mut(n);
    let (b, rest) = rest.split_at_mut(n);
    let (c, d) = rest.split_at_mut(n);
    [a, b, c, d]
}

fn sort(values: &mut [u32], spare: &mut [u32], grain: usize) {
    if values.len() <= grain {
        return quick(values);
    }
    let half = values.len() / 4 * 2;
    {
        let [a, b, c, d] = quarters(values);
        let [e, f, g, h] = quarters(spare);
        rayon::join(
            || rayon::join(|| sort(d, h, grain), || sort(c, g, grain)),
            || rayon::join(|| sort(b, f, grain), || sort(a, e, grain)),
        );
        let (first, second) = spare.split_at_mut(half);
        rayon::join(|| merge(c, d, second, grain), || merge(a, b, first, grain));
    }
    merge(&spare[..half], &spare[half..], values, grain);
}

fn merge_count(a: &[u32], b: &[u32], to: &mut [u32], grain: usize) -> u64 {
    if to.len() <= grain {
        join(a, b, to);
        return 0;
    }
    let (first, second, length) = cut(a, b);
    let (to_first, to_second) = to.split_at_mut(length);
    1 + merge_count(first.0, first.1, to_first, grain) + merge_count(second.0, second.1, to_second, grain)
}

fn sort_count(values: &mut [u32], spare: &mut [u32], grain: usize) -> u64 {
    if values.len() <= grain {
        quick(values);
        return 0;
    }
    let half = values.len() / 4 * 2;
    let mut count = 4;
    for (part, space) in quarters(values).into_iter().zip(quarters(spare)) {
        count += sort_count(part, space, grain);
    }
    let [a, b, c, d] = quarters(values);
    count += merge_count(a, b, &mut spare[..half], grain) + merge_count(c, d, &mut spare[half..], grain);
    count + merge_count(&spare[..half], &spare[half..], values, grain)
}

fn sum(values: &[u32]) -> u64 {
    values.iter().fold(0, |sum, &value| sum + value as u64)
}

fn xor(values: &[u32]) -> u32 {
    values.iter().fold(0, |xor, &value| xor ^ value)
}

impl Problem for Cilksort {
    fn reset(&mut self) {
        let mut state = 1;
        self.values.fill_with(|| random(&mut state) as u32);
        self.spare.fill(0);
        self.sum = sum(&self.values);
        self.xor = xor(&self.values);
    }
    fn run(&mut self) {
        sort(&mut self.values, &mut self.spare, self.grain);
    }
    fn verify(&mut self) -> bool {
        let sorted = self.values.windows(2).all(|pair| pair[0] <= pair[1]);
        sorted && sum(&self.values) == self.sum && xor(&self.values) == self.xor
    }
    fn tasks(&self) -> u64 {
        let mut state = 1;
        let mut values: Vec<u32> = self.values.iter().map(|_| random(&mut state) as u32).collect();
        sort_count(&mut values, &mut self.spare.clone(), self.grain)
    }
}

fn main() {
    let bench = Bench { name: "cilksort", parameters: "N GRAIN", parameters_count: 2 };
    bench_main(&bench, |value| {
        let grain = (value[1] as usize).max(INSERTION);
        let n = value[0] as usize;
        Cilksort { values: vec![0; n], spare: vec![0; n], grain, sum: 0, xor: 0 }
    });
}

use bench_rayon::{bench_main, Bench, Problem};

const SOLUTIONS: [i64; 19] = [
    1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712, 365596, 2279184, 14772512, 95815104, 666090624,
];

#[derive(Clone, Copy)]
struct Board {
    columns: u32,
    left: u32,
    right: u32,
}

const EMPTY: Board = Board { columns: 0, left: 0, right: 0 };

impl Board {
    fn place(self, columns: u32) -> Board {
        let queen = columns & columns.wrapping_neg();
        Board { columns: self.columns | queen, left: (self.left | queen) << 1, right: (self.right | queen) >> 1 }
    }
}

struct Queens {
    n: usize,
    grain: usize,
    all: u32,
    result: i64,
}

impl Queens {
    fn free(&self, board: Board) -> u32 {
        self.all & !(board.columns | board.left | board.right)
    }

    /// The serial kernel.
    fn count(&self, board: Board) -> i64 {
        if board.columns == self.all {
            return 1;
        }
        let mut count = 0;
        let mut columns = self.free(board);
        while columns != 0 {
            count += self.count(board.place(columns));
            columns &= columns - 1;
        }
        count
    }

    fn queens(&self, board: Board, row: usize) -> i64 {
        if row == self.grain {
            return self.count(board);
        }
        self.places(board, self.free(board), row)
    }

    /// A fork for each queen of a row but the last.
    fn places(&self, board: Board, columns: u32, row: usize) -> i64 {
        if columns == 0 {
            return 0;
        }
        let place = board.place(columns);
        let rest = columns & (columns - 1);
        if rest == 0 {
            return self.queens(place, row + 1);
        }
        let (a, b) = rayon::join(|| self.queens(place, row + 1), || self.places(board, rest, row));
        a + b
    }

    fn forks(&self, board: Board, row: usize) -> u64 {
        let mut columns = self.free(board);
        if row == self.grain || columns == 0 {
            return 0;
        }
        let mut forks = columns.count_ones() as u64 - 1;
        while columns != 0 {
            forks += self.forks(board.place(columns), row + 1);
            columns &= columns - 1;
        }
        forks
    }
}

impl Problem for Queens {
    fn run(&mut self) {
        self.result = self.queens(EMPTY, 0);
    }
    fn verify(&mut self) -> bool {
        std::mem::replace(&mut self.result, -1) == SOLUTIONS[self.n]
    }
    fn tasks(&self) -> u64 {
        self.forks(EMPTY, 0)
    }
}

fn main() {
    let bench = Bench { name: "nqueens", parameters: "N GRAIN", parameters_count: 2 };
    bench_main(&bench, |value| {
        let n = value[0].clamp(0, 18) as usize;
        let grain = value[1].clamp(0, n as i64) as usize;
        Queens { n, grain, all: (1 << n) - 1, result: -1 }
    });
}

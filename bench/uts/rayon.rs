use bench_rayon::{bench_main, Bench, Problem};

#[link(name = "nettle")]
extern "C" {
    fn nettle_sha1_compress(hash: *mut u32, block: *const u8);
}

const CHILDREN_MAX: f64 = 100.0;
const DEPTHS: usize = 82;

enum Shape {
    Fixed,
    Linear,
    Cyclic,
    Binomial,
}

struct Node {
    hash: [u32; 5],
    depth: usize,
}

struct Uts {
    shape: Shape,
    branching: f64,
    depth: i32,
    seed: u32,
    nodes: i64,
    forks: u64,
    scale: [f64; DEPTHS],
    result: i64,
}

/// SHA-1 of words that fit in one block.
fn hash(words: &[u32]) -> [u32; 5] {
    let mut hash = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
    let mut block = [0u32; 16];
    for (to, word) in block.iter_mut().zip(words) {
        *to = word.to_be();
    }
    block[words.len()] = 0x80000000u32.to_be();
    block[15] = (32 * words.len() as u32).to_be();
    unsafe { nettle_sha1_compress(hash.as_mut_ptr(), block.as_ptr() as *const u8) };
    hash
}

impl Node {
    fn child(&self, place: i32) -> Node {
        let h = &self.hash;
        Node { hash: hash(&[h[0], h[1], h[2], h[3], h[4], place as u32]), depth: self.depth + 1 }
    }
}

impl Uts {
    fn new(tree: i64) -> Uts {
        let (shape, branching, depth, seed, nodes) = match tree {
            0 => (Shape::Fixed, 4.0, 9, 19, 1031269),
            1 => (Shape::Fixed, 4.0, 10, 19, 4130071),
            2 => (Shape::Cyclic, 6.0, 16, 502, 4117769),
            3 => (Shape::Binomial, 2000.0, 0, 42, 4112897),
            5 => (Shape::Linear, 4.0, 20, 34, 4147582),
            _ => {
                eprintln!("no tree {}", tree);
                std::process::exit(2);
            }
        };
        let mut uts = Uts { shape, branching, depth, seed, nodes, forks: 0, scale: [0.0; DEPTHS], result: -1 };
        for depth in 0..DEPTHS {
            uts.scale[depth] = (1.0 - 1.0 / (1.0 + uts.average(depth))).ln();
        }
        uts
    }

    /// How many children a node of a geometric tree has on average.
    fn average(&self, depth: usize) -> f64 {
        let part = depth as f64 / self.depth as f64;
        match self.shape {
            _ if depth == 0 => self.branching,
            Shape::Cyclic if part <= 5.0 => self.branching.powf((2.0 * std::f64::consts::PI * part).sin()),
            Shape::Linear if part <= 1.0 => self.branching * (1.0 - part),
            Shape::Fixed if part < 1.0 => self.branching,
            _ => 0.0,
        }
    }

    fn root(&self) -> Node {
        Node { hash: hash(&[0, 0, 0, 0, self.seed]), depth: 0 }
    }

    fn children(&self, node: &Node) -> i32 {
        let chance = (node.hash[4] & 0x7fffffff) as f64 / 2147483648.0;
        if let Shape::Binomial = self.shape {
            return match node.depth {
                0 => self.branching as i32,
                _ if chance < 0.124875 => 8,
                _ => 0,
            };
        }
        if node.depth >= DEPTHS {
            return 0;
        }
        ((1.0 - chance).ln() / self.scale[node.depth]).floor().min(CHILDREN_MAX) as i32
    }

    fn search(&self, node: &Node) -> i64 {
        match self.children(node) {
            0 => 1,
            children => 1 + self.below(node, 0, children),
        }
    }

    /// Forks by halves until one child is left: joins cost less than the spawns of a rayon::scope.
    fn below(&self, node: &Node, first: i32, count: i32) -> i64 {
        if count == 1 {
            return self.search(&node.child(first));
        }
        let half = count / 2;
        let (a, b) = rayon::join(|| self.below(node, first, half), || self.below(node, first + half, count - half));
        a + b
    }

    /// What the forks of a run are: for each node with children, one less than they are.
    fn forks(&self, node: &Node) -> u64 {
        let children = self.children(node);
        (0..children).map(|i| self.forks(&node.child(i))).sum::<u64>() + children.max(1) as u64 - 1
    }
}

impl Problem for Uts {
    fn run(&mut self) {
        self.result = self.search(&self.root());
    }
    fn verify(&mut self) -> bool {
        std::mem::replace(&mut self.result, -1) == self.nodes
    }
    fn tasks(&self) -> u64 {
        self.forks
    }
}

fn main() {
    let bench = Bench { name: "uts", parameters: "TREE", parameters_count: 1 };
    bench_main(&bench, |value| {
        let mut uts = Uts::new(value[0]);
        uts.forks = uts.forks(&uts.root());
        uts
    });
}

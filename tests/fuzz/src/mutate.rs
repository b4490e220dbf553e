//! Inputs made from seeds: the same number always makes the same input.

use crate::Target;

/// Longer inputs find nothing that shorter ones do not, and take their time.
const INPUT_MAX_BYTES: usize = 16 << 10;
/// Changes to one input.
const CHANGES_MAX: usize = 8;
/// What breaks what reads bytes.
const BYTES: &[u8] = b"\0\t\n\r \"'#$%&()*+,-./09:;<=>?@AZ[\\]^_`az{|}~\x7f\x80\xc3\xff";
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1e999",
    "255",
    "256",
    "65536",
    "2147483648",
    "9007199254740993",
    "18446744073709551616",
    "1.5",
    "1000000000000d",
];

/// Pseudo-random numbers (splitmix64): good enough to choose with, and no dependency.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let wide = u128::from(self.next()) * end as u128;
        (wide >> 64) as usize
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        from.get(self.below(from.len()))
    }
}

/// Makes a target's inputs.
#[derive(Debug)]
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
    seed: u64,
}

impl Mutator {
    /// `seed` chooses another series of inputs.
    pub fn new(target: &Target, seed: u64) -> Mutator {
        Mutator {
            seeds: (target.seeds)(),
            words: target.words,
            seed,
        }
    }

    /// Which series it makes.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What it starts from.
    pub fn seeds(&self) -> &[Vec<u8>] {
        &self.seeds
    }

    /// The input of that number.
    pub fn input(&self, number: u64) -> Vec<u8> {
        let mut random = Random::new(self.seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        let mut input = random.pick(&self.seeds).cloned().unwrap_or_default();
        for _ in 0..=random.below(CHANGES_MAX) {
            self.change(&mut input, &mut random);
        }
        input.truncate(INPUT_MAX_BYTES);
        input
    }

    fn change(&self, input: &mut Vec<u8>, random: &mut Random) {
        let at = random.below(input.len() + 1);
        let rest = input.len() - at;
        let few = random.below(rest.min(16) + 1);
        match random.below(9) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            1 => put(input, at, few.min(1), &[*random.pick(BYTES).unwrap_or(&0)]),
            2 => put(input, at, 0, &[*random.pick(BYTES).unwrap_or(&0)]),
            3 => put(input, at, few, &[]),
            4 => {
                let piece = input[at..at + few].to_vec();
                put(input, at, 0, &piece.repeat(1 + random.below(3)));
            }
            5 => {
                let word = random.pick(self.words).copied().unwrap_or_default();
                let replaced = if random.below(2) == 0 { 0 } else { few };
                put(input, at, replaced, word.as_bytes());
            }
            6 => {
                let number = random.pick(NUMBERS).copied().unwrap_or_default();
                put(input, at, few.min(3), number.as_bytes());
            }
            7 => {
                let other = random.pick(&self.seeds).cloned().unwrap_or_default();
                let from = random.below(other.len() + 1);
                let length = random.below((other.len() - from).min(200) + 1);
                put(input, at, few, &other[from..from + length]);
            }
            _ => {
                let to = random.below(input.len() + 1);
                let piece = input[at..at + few].to_vec();
                put(input, to, 0, &piece);
            }
        }
    }
}

fn put(input: &mut Vec<u8>, at: usize, instead_of: usize, piece: &[u8]) {
    input.splice(at..at + instead_of, piece.iter().copied());
}

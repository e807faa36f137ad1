//! Inputs from inputs.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::Target;

/// Numbers at which decoders change their minds.
const EDGES: &[u64] =
    &[0, 1, 2, 4, 7, 8, 16, 63, 64, 127, 128, 255, 256, 4095, 4096, 16_383, 16_384, 65_535, 65_536, 0x7fff_ffff, 0xffff_ffff, u64::MAX];

/// Makes inputs from inputs, without knowing what they mean. The same seed makes the same ones.
#[derive(Debug)]
pub struct Mutator {
    rng: SmallRng,
}

impl Mutator {
    /// With this seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: SmallRng::seed_from_u64(seed) }
    }

    /// An input made of one or two of these, of which there is at least one.
    pub fn next(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.pick(inputs).clone();
        for _ in 0..1 << self.rng.random_range(0..4_u32) {
            let other = self.pick(inputs).clone();
            self.change(&mut input, &other);
        }
        input.truncate(Target::MAX_INPUT);
        input
    }

    fn pick<'a>(&mut self, inputs: &'a [Vec<u8>]) -> &'a Vec<u8> {
        &inputs[self.rng.random_range(0..inputs.len())]
    }

    fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let at = self.rng.random_range(0..=input.len());
        match self.rng.random_range(0..10_u32) {
            0 | 1 => self.flip(input),
            2 => input.truncate(at),
            3 => self.splice(input, at, other),
            4 => self.repeat(input, at),
            5 => self.remove(input, at),
            6 => self.insert_number(input, at),
            7 => self.overwrite_number(input, at),
            8 => self.step(input),
            _ => input.insert(at, self.rng.random()),
        }
    }

    fn flip(&mut self, input: &mut [u8]) {
        if !input.is_empty() {
            let at = self.rng.random_range(0..input.len());
            input[at] ^= 1 << self.rng.random_range(0..8_u32);
        }
    }

    /// Adds one to a byte or takes one away: kinds, numbers of variants and lengths are small.
    fn step(&mut self, input: &mut [u8]) {
        if !input.is_empty() {
            let at = self.rng.random_range(0..input.len());
            input[at] = if self.rng.random() { input[at].wrapping_add(1) } else { input[at].wrapping_sub(1) };
        }
    }

    /// Goes on with a part of another input.
    fn splice(&mut self, input: &mut Vec<u8>, at: usize, other: &[u8]) {
        let from = self.rng.random_range(0..=other.len());
        let to = self.rng.random_range(from..=other.len());
        let rest = input.split_off(at);
        input.extend_from_slice(&other[from..to]);
        if self.rng.random() {
            input.extend_from_slice(&rest);
        }
    }

    fn repeat(&mut self, input: &mut Vec<u8>, at: usize) {
        let to = (at + self.rng.random_range(1..=16_usize)).min(input.len());
        let part = input[at..to].to_vec();
        for _ in 0..self.rng.random_range(1..=8_u32) {
            input.splice(at..at, part.iter().copied());
        }
    }

    fn remove(&mut self, input: &mut Vec<u8>, at: usize) {
        let to = (at + self.rng.random_range(1..=16_usize)).min(input.len());
        input.drain(at..to);
    }

    fn insert_number(&mut self, input: &mut Vec<u8>, at: usize) {
        let number = self.number();
        input.splice(at..at, number);
    }

    fn overwrite_number(&mut self, input: &mut [u8], at: usize) {
        for (byte, number) in input[at..].iter_mut().zip(self.number()) {
            *byte = number;
        }
    }

    /// A number at an edge or near it, as postcard's or in two, four or eight bytes.
    fn number(&mut self) -> Vec<u8> {
        let edge = EDGES[self.rng.random_range(0..EDGES.len())].wrapping_add(self.rng.random_range(0..3_u64)).wrapping_sub(1);
        match self.rng.random_range(0..4_u32) {
            0 => postcard::to_stdvec(&edge).expect("a number"),
            1 => edge.to_be_bytes()[6..].to_vec(),
            2 => edge.to_be_bytes()[4..].to_vec(),
            _ => edge.to_le_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_another_makes_others() {
        let inputs = vec![vec![1, 2, 3, 4], b"something longer".to_vec(), Vec::new()];
        let made = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..500).map(|_| mutator.next(&inputs)).collect::<Vec<_>>()
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
        let different: std::collections::BTreeSet<_> = made(1).into_iter().collect();
        assert!(different.len() > 300, "{}", different.len());
        assert!(different.iter().all(|input| input.len() <= Target::MAX_INPUT));
    }
}

//! A decoder, as a fuzzer sees it.

use super::Outcome;

/// A decoder, as a fuzzer sees it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// What it reads, and from whom.
    pub reads: &'static str,
    pub(super) run: fn(&[u8]) -> Outcome,
    pub(super) seeds: fn() -> Vec<Vec<u8>>,
}

impl Target {
    /// Longest input.
    pub const MAX_INPUT: usize = 64 * 1024;

    /// Reads the input.
    ///
    /// # Panics
    /// If it finds a bug: that is what it is for.
    pub fn run(&self, input: &[u8]) -> Outcome {
        (self.run)(input)
    }

    /// Valid inputs of every kind, which a corpus begins with.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }

    /// The most memory that reading `input` may take at once, in bytes: what is announced and does not come is worth nothing.
    ///
    /// A list sets aside at most a mebibyte before its elements come (serde's bound), whatever length it states, and lists are nested three deep at most.
    pub fn allowance(input: &[u8]) -> usize {
        4 * 1024 * 1024 + 64 * input.len()
    }
}

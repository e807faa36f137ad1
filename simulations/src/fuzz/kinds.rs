//! Targets that read one of several kinds: the first byte of the input says which.

#[cfg(test)]
use serde::de::DeserializeOwned;

use super::Outcome;

/// A kind and how it is read.
pub(super) type Kind = (&'static str, fn(&str, &[u8]) -> Outcome);

/// Reads what follows the first byte as the kind that it names, modulo their number.
pub(super) fn one_of(kinds: &[Kind], input: &[u8]) -> Outcome {
    let Some((first, rest)) = input.split_first() else { return Outcome::refused("nothing", &"no kind") };
    let (name, read) = kinds[usize::from(*first) % kinds.len()];
    read(name, rest)
}

/// The inputs for these hexadecimal digits, given for each kind in its order.
pub(super) fn seeds_of(kinds: &[&[&str]]) -> Vec<Vec<u8>> {
    let each = (0_u8..).zip(kinds).flat_map(|(kind, digits)| digits.iter().map(move |digits| (kind, digits)));
    each.map(|(kind, digits)| [&[kind], hex::decode(digits).expect("hexadecimal digits").as_slice()].concat()).collect()
}

/// Whether every variant of an enum is among the inputs of this kind.
#[cfg(test)]
#[track_caller]
pub(super) fn check_variants<T: DeserializeOwned>(kind: u8, seeds: &[Vec<u8>]) {
    let of_kind = seeds.iter().filter(|seed| seed.first() == Some(&kind));
    let numbers = of_kind.map(|seed| postcard::take_from_bytes::<u32>(&seed[1..]).expect("a variant begins with its number").0);
    let numbers: std::collections::BTreeSet<_> = numbers.collect();
    assert_eq!(numbers.len(), super::message::variants::<T>(), "{numbers:?}");
}

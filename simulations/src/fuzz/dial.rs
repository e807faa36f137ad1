//! What is said on the stream of a dial before the bytes.

use warren::wire::{DialAnswer, DialHeader};

use super::kinds::{Kind, one_of, seeds_of};
use super::message::{hear, read};
use super::{Outcome, Target};

pub(super) const TARGET: Target = Target { name: "dial", reads: "the header of a dial and its answer", run: target, seeds };

const KINDS: &[Kind] = &[("DialHeader", read::<DialHeader>), ("DialAnswer", hear::<DialAnswer>)];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

/// The golden bytes of each.
fn seeds() -> Vec<Vec<u8>> {
    seeds_of(&[
        &[
            "abababababababababababababababab016303693a3101610173ac0200",
            "abababababababababababababababab016303693a3101610173ac0202ac02",
            // As an older proxy sends it.
            "abababababababababababababababab016303693a3101610173ac02",
        ],
        &["00", "010102", "0200", "030172", "04", "05", "06ac02", "07", "080172", "090172", "0bac02", "0a"],
    ])
}

#[cfg(test)]
mod tests {
    use super::super::kinds::check_variants;
    use super::*;

    #[test]
    fn each_variant_is_among_the_seeds() {
        check_variants::<DialAnswer>(1, &seeds());
    }
}

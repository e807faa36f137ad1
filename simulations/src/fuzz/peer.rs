//! What proxies ask each other.

use warren::wire::{ControlReply, ControlRequest};

use super::kinds::{Kind, one_of, seeds_of};
use super::message::hear;
use super::{Outcome, Target};

pub(super) const TARGET: Target = Target { name: "peer", reads: "questions of peers and their answers", run: target, seeds };

const KINDS: &[Kind] = &[("ControlRequest", hear::<ControlRequest>), ("ControlReply", hear::<ControlReply>)];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

/// The golden bytes of each.
fn seeds() -> Vec<Vec<u8>> {
    seeds_of(&[
        &["00020102", "01", "02050001610173", "03", "04", "05", "06"],
        &[
            "01ac0207010001070001640172ac02050601030101",
            "01ac0207010001070101640172ac02050601030101",
            "00020102",
            "01ac0207010000050601030101",
            "020172",
            "03010401610173",
            "04010e016109030102010401020172ac02",
            "05d601ac0256ababababababababababababababababac02ac0201abababababababababababababababababababababababababababababababab01ababababababababababababababababababababababababababababababababac02010172ac02010163ac02016b010161abababababababababababababababab0156ababababababababababababababababac02ac0201abababababababababababababababababababababababababababababababab01abababababababababababababababababababababababababababababababab01ac0202",
            "066e02016b010161abababababababababababababababab0156ababababababababababababababababac02ac0201abababababababababababababababababababababababababababababababab01abababababababababababababababababababababababababababababababab",
            "07160101010203ac020706ac02050401010603010701ac02",
        ],
    ])
}

#[cfg(test)]
mod tests {
    use super::super::kinds::check_variants;
    use super::*;

    #[test]
    fn each_variant_is_among_the_seeds() {
        check_variants::<ControlRequest>(0, &seeds());
        check_variants::<ControlReply>(1, &seeds());
    }
}

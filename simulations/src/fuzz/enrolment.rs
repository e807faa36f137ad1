//! What a machine without an identity says, and what it is answered.

use warren::wire::{EnrollReply, EnrollRequest};

use super::kinds::{Kind, one_of, seeds_of};
use super::message::{hear, read};
use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "enrolment", reads: "the one message that a stranger may send, and the answer", run: target, seeds };

const KINDS: &[Kind] = &[("EnrollRequest", read::<EnrollRequest>), ("EnrollReply", hear::<EnrollReply>)];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

/// The golden bytes of each.
fn seeds() -> Vec<Vec<u8>> {
    seeds_of(&[
        &["08010005302e312e30abababababababababababababababababababababababababababababababab01010161020102"],
        &[
            "0008010005302e312e30abababababababababababababababab01630102020102011102017003613a310103613a32017a01ac02",
            "0105026e6f01016301016801010170010174",
        ],
    ])
}

#[cfg(test)]
mod tests {
    use super::super::kinds::check_variants;
    use super::*;

    #[test]
    fn each_variant_is_among_the_seeds() {
        check_variants::<EnrollReply>(1, &seeds());
    }
}

//! What agent and proxy say over a tunnel's control stream.

use warren::wire::{AgentMessage, ProxyMessage};

use super::kinds::{Kind, one_of, seeds_of};
use super::message::hear;
use super::{Outcome, Target};

pub(super) const TARGET: Target = Target { name: "tunnel", reads: "messages on a tunnel's control stream, both ways", run: target, seeds };

const KINDS: &[Kind] = &[("AgentMessage", hear::<AgentMessage>), ("ProxyMessage", hear::<ProxyMessage>)];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

/// The golden bytes of each.
fn seeds() -> Vec<Vec<u8>> {
    seeds_of(&[
        &[
            "00020102",
            "01",
            "02",
            "03030102010401020172",
            "04ac02",
            "0556ababababababababababababababababac02ac0201abababababababababababababababababababababababababababababababab01abababababababababababababababababababababababababababababababab",
            "060107017303683a3100",
        ],
        &[
            "0008010005302e312e3002ac021a011102017003613a310103613a32017a01ac02020102ac02ac02",
            "011105026e6f01016301016801010170010174ac02",
            "02011102017003613a310103613a32017a01ac02020102ac02ac02",
            "03",
            "04020102",
            "0508010005302e312e30021105026e6f010163010168010101700101741a011102017003613a310103613a32017a01ac02020102ac02ac02",
            "0602",
            "07",
            "08ac02",
            "0908ac02020201020103",
            "0a0172",
            "0b",
            "0c1105026e6f01016301016801010170010174",
        ],
    ])
}

#[cfg(test)]
mod tests {
    use super::super::kinds::check_variants;
    use super::*;

    #[test]
    fn each_variant_is_among_the_seeds() {
        check_variants::<AgentMessage>(0, &seeds());
        check_variants::<ProxyMessage>(1, &seeds());
    }
}

//! What client and ingress proxy say.

use warren::wire::{AuthoritiesReply, ClientRequest, DepartureReply, DialReply, PingReply, ProxiesReply, ServicesReply};

use super::kinds::{Kind, one_of, seeds_of};
use super::message::hear;
use super::{Outcome, Target};

pub(super) const TARGET: Target = Target { name: "client", reads: "a client's requests and what it is answered", run: target, seeds };

const KINDS: &[Kind] = &[
    ("ClientRequest", hear::<ClientRequest>),
    ("DialReply", hear::<DialReply>),
    ("AuthoritiesReply", hear::<AuthoritiesReply>),
    ("PingReply", hear::<PingReply>),
    ("ProxiesReply", hear::<ProxiesReply>),
    ("ServicesReply", hear::<ServicesReply>),
    ("DepartureReply", hear::<DepartureReply>),
];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

/// The golden bytes of each.
fn seeds() -> Vec<Vec<u8>> {
    seeds_of(&[
        &[
            "0008010005302e312e30050001610173ac02abababababababababababababababab",
            "0008010005302e312e300401016116ac02abababababababababababababababab",
            "0008010005302e312e3003020173ac02abababababababababababababababab",
            "0108010005302e312e30020102",
            "0208010005302e312e3056ababababababababababababababababac02ac0201abababababababababababababababababababababababababababababababab01abababababababababababababababababababababababababababababababab",
            "0308010005302e312e30010170ac02",
            "0308010005302e312e3000ac02",
            "0408010005302e312e30",
            "0508010005302e312e30",
            "0608010005302e312e30",
        ],
        &["000161020102abababababababababababababababab08010005302e312e30", "0105026e6f01016301016801010170010174"],
        &["0008ac02020201020103", "0105026e6f01016301016801010170010174"],
        &["00010170ac0208010005302e312e30", "0105026e6f01016301016801010170010174"],
        &["0008010005302e312e30011102017003613a310101613a32017a01ac02", "0105026e6f01016301016801010170010174"],
        &["0008010005302e312e300105016101730101", "0105026e6f01016301016801010170010174"],
        &["0008010005302e312e30", "0105026e6f01016301016801010170010174"],
    ])
}

#[cfg(test)]
mod tests {
    use super::super::kinds::check_variants;
    use super::*;

    #[test]
    fn each_variant_is_among_the_seeds() {
        check_variants::<ClientRequest>(0, &seeds());
        check_variants::<DialReply>(1, &seeds());
        check_variants::<AuthoritiesReply>(2, &seeds());
        check_variants::<PingReply>(3, &seeds());
        check_variants::<ProxiesReply>(4, &seeds());
        check_variants::<ServicesReply>(5, &seeds());
        check_variants::<DepartureReply>(6, &seeds());
    }
}

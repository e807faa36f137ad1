//! What the routing store finds on its disk.

use warren_raft::decoding;

use super::kinds::{Kind, one_of, seeds_of};
use super::message::kept;
use super::{Outcome, Target};

pub(super) const TARGET: Target = Target {
    name: "record",
    reads: "records of the store on its disk: log entries, vote, log ids, numbers, a snapshot's header",
    run: target,
    seeds,
};

const KINDS: &[Kind] = &[
    ("entry", |kind, bytes| kept(kind, bytes, decoding::entry)),
    ("vote", |kind, bytes| kept(kind, bytes, decoding::vote)),
    ("log id", |kind, bytes| kept(kind, bytes, decoding::log_id)),
    ("number", |kind, bytes| kept(kind, bytes, decoding::number)),
    ("header", |kind, bytes| kept(kind, bytes, decoding::header)),
];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

/// The golden bytes of each.
fn seeds() -> Vec<Vec<u8>> {
    seeds_of(&[
        &["0301000201010102010468313a31020468323a31", "03010100", "030102010203040501070606060606060606"],
        &["030101", "040200"],
        &["00", "010301ac02"],
        &["02", "ac02"],
        &["000000000000", "010301ac0201030100010102010468313a31"],
    ])
}

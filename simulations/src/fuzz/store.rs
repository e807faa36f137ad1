//! What members of the routing store say to each other.

use warren_raft::decoding;

use super::kinds::{Kind, one_of, seeds_of};
use super::message::kept;
use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "store", reads: "requests and answers of the routing store's members", run: target, seeds };

const KINDS: &[Kind] =
    &[("Request", |kind, bytes| kept(kind, bytes, decoding::request)), ("Response", |kind, bytes| kept(kind, bytes, decoding::response))];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

/// The golden bytes of each.
fn seeds() -> Vec<Vec<u8>> {
    seeds_of(&[
        &[
            "0003010100030301000201010102010468313a31020468323a310301010003010201020304050107060606060606060601030100",
            "0103010101030102",
            "0203010101030102ac02020102",
            "03000203040501070606060606060606",
            "0301",
            "030207",
            "040301",
            "05",
            "09",
            "060301ac02",
            "0704020001030102",
            "080301ac02",
            "03030100",
            "0303010102",
            "030402",
        ],
        &[
            "0000",
            "000101030102",
            "0002",
            "0003030101",
            "010301010101030102",
            "0203010100ac02",
            "0203010101",
            "0300ac02010000",
            "0301ac02",
            "0302",
            "0303",
            "0400",
            "0401",
            "0402",
            "04030173",
            "0404",
            "040502",
            "0406",
            "0407",
            "05",
            "06",
            "03040002",
            "03040100",
            "03040101",
            "03040102",
            "03040103",
            "03040104ac02",
            "03040105",
            "03040106",
            "03040107",
            "03040108",
            "030500",
            "030501000102",
        ],
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_request_is_among_the_seeds() {
        let mut kinds: Vec<_> = seeds().iter().filter(|seed| seed[0] == 0).map(|seed| u32::from(seed[1])).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds, (0..decoding::REQUESTS).collect::<Vec<_>>());
    }
}

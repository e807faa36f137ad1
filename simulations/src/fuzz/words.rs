//! The records and lists within messages, which later versions add to.

use warren::failure::{Code, Failure, Stage};
use warren::target::Target as Dialled;
use warren::wire::peer::{DiskFault, PeerReport};
use warren::wire::{AgentProgress, ClusterView, Enrolled, Heard, LinkKind, Member, Progress, Waiting, Welcome};
use warren_raft::TokenRole;

use super::kinds::{Kind, one_of, seeds_of};
use super::message::read;
use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "words", reads: "records and growing lists within messages, and words of later versions", run: target, seeds };

const KINDS: &[Kind] = &[
    ("Heard<Target>", read::<Heard<Dialled>>),
    ("Heard<TokenRole>", read::<Heard<TokenRole>>),
    ("Heard<LinkKind>", read::<Heard<LinkKind>>),
    ("Member", read::<Member>),
    ("ClusterView", read::<ClusterView>),
    ("Progress", read::<Progress>),
    ("AgentProgress", read::<AgentProgress>),
    ("PeerReport", read::<PeerReport>),
    ("DiskFault", read::<DiskFault>),
    ("Failure", read::<Failure>),
    ("Code", read::<Code>),
    ("Stage", read::<Stage>),
    ("Welcome", read::<Welcome>),
    ("Waiting", read::<Waiting>),
    ("Enrolled", read::<Enrolled>),
];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

/// The golden bytes of each.
fn seeds() -> Vec<Vec<u8>> {
    seeds_of(&[
        &["050001610173", "0401016116", "03020173", "0109"],
        &["0100", "0101", "0102", "0109"],
        &["0100", "0101", "0107"],
        &["02017003613a310103613a32017a01ac02"],
        &["011102017003613a310103613a32017a01ac02020102ac02ac02", "0004040709ff0506"],
        &["030102010401020172"],
        &["016109030102010401020172ac02"],
        &["ac0207010001070001640172ac02050601030101", "ac0207010001070101640172ac02050601030101", "ac0207010000050601030101"],
        &["00", "01", "07"],
        &["05026e6f01016301016801010170010174"],
        &["00", "01", "02", "03", "04", "05", "06", "07", "08"],
        &["00", "01", "02", "03", "04", "05", "06", "07"],
        &["08010005302e312e3002ac021a011102017003613a310103613a32017a01ac02020102ac02ac02"],
        &["08010005302e312e30021105026e6f010163010168010101700101741a011102017003613a310103613a32017a01ac02020102ac02ac02"],
        &["08010005302e312e30abababababababababababababababab01630102020102011102017003613a310103613a32017a01ac02"],
    ])
}

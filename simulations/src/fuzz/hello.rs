//! How the ends of a connection introduce themselves.

use warren::wire::{AgentHello, Hello, PeerHello};

use super::kinds::{Kind, one_of, seeds_of};
use super::message::read;
use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "hello", reads: "what agents and proxies say first, before anything is known of their version", run: target, seeds };

const KINDS: &[Kind] = &[("AgentHello", read::<AgentHello>), ("PeerHello", read::<PeerHello>), ("Hello", read::<Hello>)];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

/// The golden bytes of each.
fn seeds() -> Vec<Vec<u8>> {
    seeds_of(&[&["08010005302e312e30ac020107017303683a3100"], &["08010005302e312e30010103"], &["010005302e312e30"]])
}

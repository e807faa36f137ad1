//! The proxies of a world.

use std::collections::BTreeMap;

use warren_raft::{ProxyId, Sequence};

use crate::proxy::handover::ModelledHandover;
use crate::wire::{Member, MemberState};

/// Handshakes that a proxy admits in a round.
const ADMITTED: usize = 50;

/// A proxy.
#[derive(Debug)]
pub(super) struct ModelledProxy {
    pub(super) zone: String,
    /// What the table says of it.
    pub(super) state: MemberState,
    /// Whether its process lives.
    pub(super) lives: bool,
    /// The routes to it that are committed, by the agent's place.
    pub(super) routes: BTreeMap<usize, Sequence>,
    pub(super) handover: ModelledHandover,
    /// Handshakes in this round.
    admitted: usize,
}

impl ModelledProxy {
    /// One that has just started.
    pub(super) fn new(zone: &str, seed: u64) -> Self {
        let handover = ModelledHandover::new(seed);
        Self { zone: zone.to_owned(), state: MemberState::Up, lives: true, routes: BTreeMap::new(), handover, admitted: 0 }
    }

    /// As agents are told of it, with so many tunnels.
    pub(super) fn member(&self, id: ProxyId, tunnels: u64) -> Member {
        Member {
            id,
            name: format!("proxy-{id}"),
            peer_address: String::new(),
            public_addresses: vec![format!("proxy-{id}:3024")],
            zone: self.zone.clone(),
            state: self.state,
            tunnels,
        }
    }

    /// A round begins.
    pub(super) fn begin_round(&mut self) {
        self.admitted = 0;
    }

    /// Whether one more handshake is admitted in this round.
    pub(super) fn admits(&mut self) -> bool {
        self.admitted += 1;
        self.admitted <= ADMITTED
    }
}

//! Everything that there is at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use serde::Serialize;
use warren_raft::command::Answers;
use warren_raft::{Command, Epoch, ProxyId, Sequence, Table, decoding};

/// Everything that there is at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What is committed.
    pub(super) table: Table,
    pub(super) rest: Rest,
}

/// What is not in the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Rest {
    pub(super) proxies: Vec<ProxyState>,
    pub(super) agents: Vec<AgentState>,
    /// Proposals that were ever sent: each may arrive now, later, again, or never.
    pub(super) sent: BTreeMap<Ticket, Command>,
    /// Of each proposer the last proposal that was applied, and its answers.
    pub(super) answered: BTreeMap<ProxyId, (Ticket, Answers)>,
    /// Registrations that the table has accepted.
    pub(super) registered: BTreeSet<(Tunnel, Epoch)>,
    pub(super) leader_number: u64,
    pub(super) crashes: u32,
    pub(super) lost_leases: u32,
    /// A route that went for no reason, once there was one.
    pub(super) robbed: bool,
}

/// What names a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ticket {
    pub(super) proposer: ProxyId,
    pub(super) incarnation: u64,
    pub(super) number: u64,
}

/// A tunnel of an agent at a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Tunnel {
    pub(super) agent: usize,
    pub(super) proxy: usize,
    pub(super) sequence: Sequence,
}

/// A proxy's process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ProxyState {
    pub(super) incarnation: u64,
    pub(super) number: u64,
    /// The epoch it holds a lease on, as far as it knows.
    pub(super) lease: Option<Epoch>,
    /// What it has proposed and waits for: one at a time (raft/src/store/proposer.rs).
    pub(super) waits: Option<(Ticket, Wait)>,
    pub(super) tunnels: BTreeMap<Tunnel, Standing>,
    /// The last tunnel of each agent that has asked for a route here (proxy/attempts.rs).
    pub(super) attempts: BTreeMap<usize, Sequence>,
}

/// What an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) enum Wait {
    Start,
    Register(Tunnel, Epoch),
    Withdraw(Tunnel),
}

/// How a tunnel stands (proxy/tunnels.rs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) enum Standing {
    /// It is accepted, and its route is not known to be committed in the present epoch.
    Pending,
    /// Its agent was told that dials may come.
    Welcome(Epoch),
    /// It has ended, and its route is to be withdrawn.
    Ended,
}

/// An agent's process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct AgentState {
    /// The number of its last tunnel (agent/supervisor.rs).
    pub(super) sequence: Sequence,
    /// Hellos on their way to a proxy: they arrive in any order or never.
    pub(super) hellos: BTreeSet<Tunnel>,
}

impl Hash for State {
    /// By the bytes of everything: what is equal has equal ones.
    fn hash<H: Hasher>(&self, state: &mut H) {
        decoding::records(&self.table).hash(state);
        postcard::to_stdvec(&self.rest).expect("a state has nothing that postcard refuses").hash(state);
    }
}

impl State {
    /// Lets go of what no decision and no property asks for any more, so that histories that lead to the same are one state.
    pub(super) fn forget(&mut self) {
        let Rest { proxies, answered, registered, .. } = &mut self.rest;
        answered.retain(|_, (ticket, _)| proxies.iter().any(|proxy| proxy.waits.is_some_and(|(waiting, _)| waiting == *ticket)));
        registered.retain(|(tunnel, _)| proxies[tunnel.proxy].tunnels.contains_key(tunnel));
    }

    /// The tunnels that live at a proxy.
    pub(super) fn living(&self, proxy: usize) -> impl Iterator<Item = &Tunnel> {
        self.rest.proxies[proxy].tunnels.iter().filter(|(_, standing)| **standing != Standing::Ended).map(|(tunnel, _)| tunnel)
    }
}

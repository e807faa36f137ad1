//! What can happen next.

use super::state::{Ticket, Tunnel};

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An agent dials a proxy: its hello is on its way.
    Dial {
        /// The agent.
        agent: usize,
        /// The proxy.
        proxy: usize,
    },
    /// A hello arrives.
    Accept(Tunnel),
    /// A tunnel ends, by either side or by the network.
    End(Tunnel),
    /// A proxy without a lease asks for an epoch.
    Start(usize),
    /// A proxy proposes the route of a tunnel.
    Register(Tunnel),
    /// A proxy proposes the withdrawal of a tunnel's route.
    Withdraw(Tunnel, View),
    /// The group commits a proposal, for the first time or again.
    Commit(Ticket),
    /// A proxy hears the answer that it waits for.
    Hear(usize),
    /// A proxy gives up on an answer: what became of the proposal is unknown.
    GiveUp(usize),
    /// A proxy crashes and runs again, without anything it knew.
    Crash(usize),
    /// A proxy finds that it cannot renew its lease.
    LoseLease(usize),
    /// The leader ends an epoch that was not renewed.
    Expire(usize),
}

/// What a proxy knows of the table: it follows the log, and may lag behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All that is committed.
    Fresh,
    /// So little that it has no route of the agent.
    Stale,
}

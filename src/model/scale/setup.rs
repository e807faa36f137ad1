//! What a world is made of, and what things cost in it.

use std::time::Duration;

use warren_raft::Strategy;

/// What a world is made of.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How many proxies.
    pub proxies: u64,
    /// How many agents.
    pub agents: u32,
    /// How agents hold their tunnels.
    pub strategy: Strategy,
    /// In how many zones the proxies are, by turns.
    pub zones: u64,
    /// What everything follows from.
    pub seed: u64,
    /// What things cost.
    pub costs: Costs,
}

/// What no core decides. Every figure is one of this project's own measurements or of its defaults; the page beside the plots names each source.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// From any machine to any other.
    pub one_way: Duration,
    /// Cores of a proxy that make handshakes.
    pub cores: usize,
    /// A handshake, the hello and what follows from them at the proxy, on one core.
    pub handshake: Duration,
    /// The leader's work for an entry, however many commands it has.
    pub entry: Duration,
    /// The leader's work for a command.
    pub command: Duration,
    /// The leader's work to send one entry to one other member.
    pub send: Duration,
    /// Until a written entry is on the disk of a majority, beside the way there and back.
    pub flush: Duration,
    /// Until there is a new leader when the leader was lost.
    pub election: Duration,
    /// Until a dead proxy's epoch is over: its lease.
    pub lease: Duration,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            one_way: Duration::from_micros(500),
            cores: 2,
            handshake: Duration::from_micros(2_000),
            entry: Duration::from_micros(200),
            command: Duration::from_micros(5),
            send: Duration::from_micros(50),
            flush: Duration::from_millis(3),
            election: Duration::from_millis(1_300),
            lease: Duration::from_secs(3),
        }
    }
}

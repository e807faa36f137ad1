//! What happens in a run.

use serde::{Deserialize, Serialize};

use crate::network::{HostId, Rule};

/// Something that happens at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timed {
    /// When, in milliseconds after the boot.
    pub at_ms: u64,
    /// What.
    pub event: Event,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Event {
    /// The program of a machine dies at once, and is started again after so long, in milliseconds.
    Crash {
        /// Where.
        host: HostId,
        /// How long it is away.
        down_ms: u64,
    },
    /// The same when it comes to a point of its code next.
    CrashAt {
        /// Where.
        host: HostId,
        /// The point.
        place: String,
        /// How long it is away.
        down_ms: u64,
    },
    /// The program dies and its machine comes back with an empty disk.
    Wipe {
        /// Where.
        host: HostId,
        /// How long it is away.
        down_ms: u64,
    },
    /// A machine stands still.
    Pause {
        /// Which.
        host: HostId,
        /// For how long.
        for_ms: u64,
    },
    /// Something is wrong with the network.
    Network {
        /// What.
        rule: Rule,
        /// For how long.
        for_ms: u64,
    },
    /// A machine gets another address.
    Rebind {
        /// Which.
        host: HostId,
    },
    /// Somebody sets a machine's clock.
    WallStep {
        /// Which.
        host: HostId,
        /// How far ahead, or back.
        by_ms: i64,
    },
    /// A machine's clocks go wrong.
    Rate {
        /// Which.
        host: HostId,
        /// How fast, in millionths.
        millionths: u64,
        /// For how long.
        for_ms: u64,
    },
    /// Something is wrong with the disk of a proxy.
    Disk {
        /// Whose.
        host: HostId,
        /// What.
        trouble: DiskTrouble,
        /// For how long, where it passes.
        for_ms: u64,
    },
    /// A client dials.
    Dial(Dial),
    /// An operator does something, at the admin socket of a proxy.
    Operate {
        /// Whose.
        host: HostId,
        /// What.
        operation: Operation,
    },
    /// A program is told to end in good order (SIGTERM), and is started again after so long.
    Restart {
        /// Where.
        host: HostId,
        /// How long it is away, after it has ended.
        down_ms: u64,
    },
    /// An agent stops in good order, and is started again after so long.
    AgentRestart {
        /// Its number.
        agent: u16,
        /// How long it is away.
        down_ms: u64,
    },
    /// A further proxy joins.
    Join {
        /// Its machine.
        host: HostId,
    },
}

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskTrouble {
    /// There is no room.
    Full,
    /// The next write or flush fails, and the process with it.
    FailsOnce,
    /// Each flush takes so long, in milliseconds.
    Slow(u64),
    /// A flush says that it is done and makes nothing durable. Only in plans that are written by hand: it must be seen, and no cluster can be held to anything then.
    Lies,
    /// The machine loses power, and the records of its disk are what they were when it was opened last; for so long the machine is away. By hand too: its member must refuse to open.
    Reverts,
}

/// A dial of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dial {
    /// The machine of the client.
    pub client: HostId,
    /// The agent it means; one that nobody has is unknown.
    pub agent: u16,
    /// What they do when it stands.
    pub mode: Mode,
    /// How many bytes.
    pub bytes: u32,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u64,
}

/// What is done over a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mode {
    /// The service gives every byte back.
    Echo,
    /// The service reads to the end and only then answers with a digest: one direction is closed long before the other.
    Digest,
    /// The service sends so many bytes and ends.
    Source,
    /// The service sends so many bytes and then resets: it must never look like an end.
    Reset,
    /// The client does not read for a while.
    Slow,
    /// A few bytes now and then for as long as the run goes on: what comes must come in time, and what ends must say so.
    Long,
    /// Nobody listens behind the agent.
    Refused,
    /// The agent has no such service.
    Unknown,
    /// The client may not.
    Denied,
    /// Any agent with that service.
    Any,
    /// The client reads nothing for long, and then all of it.
    Stall,
}

/// What an operator does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Operation {
    /// Tunnels of each agent from now on; 0 for one to every proxy.
    Strategy(u32),
    /// A proxy is taken out of service.
    Drain(HostId),
    /// A proxy takes tunnels again.
    Resume(HostId),
    /// Another proxy leads; that one, or whichever.
    Transfer(Option<HostId>),
    /// A proxy leaves the cluster for good.
    Remove(HostId),
    /// A token is made, and machines enrol with it at once: more of them than it has uses.
    Token {
        /// Its uses.
        uses: u32,
        /// Who try.
        tries: u32,
    },
    /// A machine enrols as a client, is removed, and tries what it can.
    Expel,
    /// Somebody looks.
    Look,
}

impl Event {
    /// The machines that it names, one after the other. A rule of the network is about whoever of those that it names is there.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> {
        let (host, other) = match self {
            Self::Operate { host, operation } => (Some(*host), operation.target()),
            Self::Crash { host, .. }
            | Self::CrashAt { host, .. }
            | Self::Wipe { host, .. }
            | Self::Pause { host, .. }
            | Self::Rebind { host }
            | Self::WallStep { host, .. }
            | Self::Rate { host, .. }
            | Self::Disk { host, .. }
            | Self::Restart { host, .. }
            | Self::Join { host } => (Some(*host), None),
            Self::Dial(dial) => (Some(dial.client), None),
            Self::Network { .. } | Self::AgentRestart { .. } => (None, None),
        };
        host.into_iter().chain(other)
    }

    /// The agent that it is about.
    pub fn agent(&self) -> Option<u16> {
        match self {
            Self::Dial(dial) => Some(dial.agent),
            Self::AgentRestart { agent, .. } => Some(*agent),
            Self::Crash { .. }
            | Self::CrashAt { .. }
            | Self::Wipe { .. }
            | Self::Pause { .. }
            | Self::Rebind { .. }
            | Self::WallStep { .. }
            | Self::Rate { .. }
            | Self::Disk { .. }
            | Self::Operate { .. }
            | Self::Restart { .. }
            | Self::Join { .. }
            | Self::Network { .. } => None,
        }
    }
}

impl Operation {
    /// The proxy that it is done to.
    fn target(&self) -> Option<HostId> {
        match self {
            Self::Drain(host) | Self::Resume(host) | Self::Remove(host) => Some(*host),
            Self::Transfer(host) => *host,
            Self::Strategy(_) | Self::Token { .. } | Self::Expel | Self::Look => None,
        }
    }
}

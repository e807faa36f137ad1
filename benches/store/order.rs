//! What the benchmark tells a member to do, and its answers: one JSON object a line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::shared::Worker;

/// A member in a process of its own, seen from the benchmark.
pub(crate) type Process = Worker<Order, Answer>;

/// What a member begins with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Which proxy.
    pub(crate) number: u64,
    /// Where it keeps everything.
    pub(crate) directory: PathBuf,
    /// The public address of a proxy to join, and the file of a token; without them it is the first, or has joined before.
    pub(crate) join: Option<(String, PathBuf)>,
}

/// An order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Write a token with which one more proxy joins.
    Admit { token: PathBuf },
    /// Enrol the agents of these numbers.
    Enrol { from: u64, to: u64 },
    /// Register a route of each of these agents.
    Register { from: u64, to: u64 },
    /// Withdraw the routes of these agents.
    Withdraw { from: u64, to: u64 },
    /// Register routes for so long, by so many at once, each for an agent of its own from `first` on.
    Commit { first: u64, writers: u64, millis: u64 },
    /// Register so many routes of one agent one after the other, and note when each was acknowledged.
    Announce { agent: u64, count: u64 },
    /// Note when each of so many routes of an agent at another proxy is seen here.
    Observe { agent: u64, proxy: u64, count: u64 },
    /// Ask a peer so often.
    Ask { peer: u64, count: u64 },
    /// Look up routes of the agents below a number for so long, on so many threads.
    LookUp { agents: u64, threads: usize, millis: u64 },
    /// Wait until so many agents and routes are here, and so many members vote.
    Await { agents: usize, routes: usize, voters: usize },
    /// Tell how it is.
    State,
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It runs, and took so long from opening its directory to a table to read, and to its lease.
    Ready { readable_nanos: u64, lease_nanos: u64 },
    /// Done.
    Done,
    /// So many registrations were committed in that time, and each took that long in the middle and for the slowest of a hundred.
    Committed { count: u64, nanos: u64, median_nanos: u64, slow_nanos: u64 },
    /// The observer watches.
    Watching,
    /// What was acknowledged or seen, by sequence, and when, by the clock that all processes share.
    Times { of: Vec<(u64, i64)> },
    /// How long each question took.
    RoundTrips { nanos: Vec<u64> },
    /// So many were found, so many were not, and each took a thread so long.
    LookedUp { found: u64, missed: u64, each_nanos: f64 },
    /// How it is: `log` is the last entry, `kept` is how many the log holds.
    State { public: String, leads: bool, routes: u64, log: u64, kept: u64, snapshot: u64, live_bytes: u64 },
}

//! `warren ping`.

use serde::{Deserialize, Serialize};
use warren_raft::AgentName;

use super::Schema;
use crate::failure::Code;

/// What came of a number of pings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PingView {
    /// 1.
    pub schema: Schema,
    /// What was asked for.
    pub target: String,
    /// Those that came back, in order.
    pub replies: Vec<PingRow>,
    /// Those that did not.
    pub failures: Vec<PingFailure>,
    /// How many were sent.
    pub sent: u64,
    /// How many came back.
    pub received: u64,
    /// The shortest, the mean and the longest round trip; `None` when none came back.
    pub round_trip: Option<RoundTrip>,
}

/// One that came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PingRow {
    /// Its number, from 1.
    pub number: u64,
    /// Whose service answered; `None` of a proxy.
    pub agent: Option<AgentName>,
    /// The proxies on the way by name, the one where it entered first; by number where the client does not know it.
    pub path: Vec<String>,
    /// Connections on the way: one to each of the proxies, and one to the agent.
    pub hops: u64,
    /// How long it took, there and back, in milliseconds.
    pub rtt_ms: f64,
    /// Its identity in the log of every hop; `None` of a proxy.
    pub trace: Option<String>,
}

/// One that did not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PingFailure {
    /// Its number, from 1.
    pub number: u64,
    /// The code of interface's table.
    pub code: Code,
    /// What went wrong, as a fragment.
    pub message: String,
}

/// How long those that came back took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundTrip {
    /// The shortest, in milliseconds.
    pub least_ms: f64,
    /// The mean, in milliseconds.
    pub mean_ms: f64,
    /// The longest, in milliseconds.
    pub most_ms: f64,
}

impl PingView {
    /// Of none yet.
    pub fn begin(target: String) -> Self {
        Self { schema: Schema, target, replies: Vec::new(), failures: Vec::new(), sent: 0, received: 0, round_trip: None }
    }

    /// One has come back.
    pub fn reply(&mut self, row: PingRow) {
        (self.sent, self.received) = (self.sent + 1, self.received + 1);
        let rtt = row.rtt_ms;
        self.replies.push(row);
        let before = self.round_trip.unwrap_or(RoundTrip { least_ms: rtt, mean_ms: rtt, most_ms: rtt });
        let mean = self.replies.iter().map(|row| row.rtt_ms).sum::<f64>() / self.replies.len() as f64;
        self.round_trip =
            Some(RoundTrip { least_ms: before.least_ms.min(rtt), mean_ms: (mean * 1e3).round() / 1e3, most_ms: before.most_ms.max(rtt) });
    }

    /// One has not.
    pub fn fail(&mut self, failure: PingFailure) {
        self.sent += 1;
        self.failures.push(failure);
    }
}

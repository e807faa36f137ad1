//! What a proxy says of itself to one that draws the whole cluster.

use serde::{Deserialize, Serialize};
use warren_raft::ProxyId;

use super::Heard;

/// Most links of one [`Vitals`]: those of a cluster beyond it are cut off by number.
pub const MAX_LINKS: usize = 256;

/// How a proxy does just now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vitals {
    /// What it is in the Raft group.
    pub role: Heard<MemberRole>,
    /// Whom it takes for the leader.
    pub leader: Option<ProxyId>,
    /// Its term.
    pub term: u64,
    /// The last entry of its log.
    pub last_log_index: u64,
    /// The last entry that it knows to be committed.
    pub committed_index: u64,
    /// The last entry that it has applied.
    pub applied_index: u64,
    /// Payload bytes from clients towards agents, in a second.
    pub sent_per_second: u64,
    /// Payload bytes from agents towards clients, in a second.
    pub received_per_second: u64,
    /// Dials of its clients that connected, in the last minute.
    pub dials_connected: u64,
    /// Those that failed.
    pub dials_failed: u64,
    /// Its connections to the others, at most [`MAX_LINKS`], by number.
    #[serde(with = "super::growing")]
    pub links: Vec<LinkVitals>,
}

/// What a member of the Raft group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberRole {
    /// 0: it leads.
    Leader,
    /// 1: it follows.
    Follower,
    /// 2: it asks for votes.
    Candidate,
    /// 3: it holds the log and does not vote.
    Learner,
    /// 4: it has stopped for good.
    Stopped,
}

/// How a proxy reaches another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkVitals {
    /// The other one.
    pub peer: ProxyId,
    /// The round trip, in microseconds; `None` while there is no connection.
    pub round_trip_us: Option<u64>,
    /// Packets lost of a million sent in the last minute; `None` where too few were sent to tell.
    pub lost_ppm: Option<u32>,
}

impl MemberRole {
    /// The word that people use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Learner => "learner",
            Self::Stopped => "stopped",
        }
    }
}

impl std::str::FromStr for MemberRole {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let roles = [Self::Leader, Self::Follower, Self::Candidate, Self::Learner, Self::Stopped];
        roles.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// A word that is no role of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no role of a Raft member")]
pub struct UnknownRole;

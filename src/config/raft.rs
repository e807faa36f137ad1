//! `[raft]`: the group that keeps the routing table.

use std::num::NonZeroU32;
use std::time::Duration;

use super::reader::Reader;

/// Most voters: each write waits for more than half of them.
const MAX_VOTERS: u32 = 9;

/// `[raft]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaftTable {
    /// How often a leader shows itself.
    pub heartbeat: Duration,
    /// How long a follower waits for it, more than three heartbeats; the actual time is drawn between once and 1.4 times this.
    pub election_timeout: Duration,
    /// Most voters.
    pub max_voters: NonZeroU32,
    /// How long a learner must have been healthy to become a voter.
    pub promote_after: Duration,
}

impl RaftTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut section = reader.section("raft");
        let table = Self {
            heartbeat: section.get("heartbeat", Duration::from_millis(150)),
            election_timeout: section.get("election_timeout", Duration::from_secs(1)),
            max_voters: section.count("max_voters", NonZeroU32::MIN.saturating_add(4), MAX_VOTERS),
            promote_after: section.get("promote_after", Duration::from_secs(10)),
        };
        section.require_within("heartbeat", table.heartbeat, Duration::from_millis(10)..Duration::from_secs(60));
        section.require_within("promote_after", table.promote_after, Duration::ZERO..Duration::from_secs(24 * 3600));
        // One lost heartbeat must not depose a leader, and the clock of elections ticks every one and a half of them.
        if table.heartbeat.saturating_mul(3) >= table.election_timeout {
            section.refuse("election_timeout", "must be more than three times `raft.heartbeat`: one that is lost must not depose a leader");
        }
        section.require_within("election_timeout", table.election_timeout, Duration::from_millis(20)..Duration::from_secs(300));
        table
    }
}

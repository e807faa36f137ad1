//! `[limits]`: what one party may use.

use std::num::NonZeroU32;
use std::time::Duration;

use super::reader::Reader;
use super::size::Size;
use crate::net::stalled::StalledBudget;

/// Most streams over one tunnel that can be asked for; each takes memory at both ends.
const MAX_STREAMS: u32 = 65_536;

/// What streams that are not read may be given, in bytes: the least window at the least.
const STALLED_MEMORY: std::ops::RangeInclusive<u64> = (64 << 10)..=(1 << 40);

/// `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsTable {
    /// Streams to one agent at once, over one tunnel.
    pub streams_per_agent: NonZeroU32,
    /// The budget of a dial, over all its hops.
    pub dial_timeout: Duration,
    /// What streams whose readers do not read may hold together.
    pub stalled_memory: Size,
    /// From when on a stream that does not move is one of them.
    pub stalled_after: Duration,
}

impl LimitsTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let (mut section, stalled) = (reader.section("limits"), StalledBudget::default());
        let table = Self {
            streams_per_agent: section.get("streams_per_agent", NonZeroU32::MIN.saturating_add(1023)),
            dial_timeout: section.get("dial_timeout", Duration::from_secs(10)),
            stalled_memory: section.get("stalled_memory", Size(stalled.bytes)),
            stalled_after: section.get("stalled_after", stalled.after),
        };
        if table.streams_per_agent.get() > MAX_STREAMS {
            section.refuse("streams_per_agent", format!("is at most {MAX_STREAMS}"));
        }
        section.require_size("stalled_memory", table.stalled_memory, STALLED_MEMORY);
        section.require_within("stalled_after", table.stalled_after, Duration::from_secs(1)..Duration::from_secs(86_400));
        section.require_within("dial_timeout", table.dial_timeout, Duration::from_millis(100)..Duration::from_secs(600));
        table
    }

    /// The budget for streams whose readers do not read.
    pub fn stalled(self) -> StalledBudget {
        StalledBudget { bytes: self.stalled_memory.0, after: self.stalled_after }
    }
}

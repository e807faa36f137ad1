//! `[limits]`: what one party may use.

use std::num::NonZeroU32;
use std::time::Duration;

use super::reader::Reader;

/// Most streams over one tunnel that can be asked for; each takes memory at both ends.
const MAX_STREAMS: u32 = 65_536;

/// `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsTable {
    /// Streams to one agent at once, over one tunnel.
    pub streams_per_agent: NonZeroU32,
    /// The budget of a dial, over all its hops.
    pub dial_timeout: Duration,
}

impl LimitsTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut section = reader.section("limits");
        let table = Self {
            streams_per_agent: section.get("streams_per_agent", NonZeroU32::MIN.saturating_add(1023)),
            dial_timeout: section.get("dial_timeout", Duration::from_secs(10)),
        };
        if table.streams_per_agent.get() > MAX_STREAMS {
            section.refuse("streams_per_agent", format!("is at most {MAX_STREAMS}"));
        }
        section.require_within("dial_timeout", table.dial_timeout, Duration::from_millis(100)..Duration::from_secs(600));
        table
    }
}

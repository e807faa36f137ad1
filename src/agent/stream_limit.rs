//! How many streams a proxy may have open on a tunnel. Pure.
//!
//! quinn sets aside some 80 bytes for each stream that is allowed, whether it is there or not: 4,096 of them were three quarters of an idle agent's memory. So few are allowed at
//! first, and more as they are used.

use quinn::VarInt;

use crate::limits::MAX_TUNNEL_STREAMS;

/// The limit of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamLimit(u32);

impl StreamLimit {
    /// The one that the connection began with.
    pub(super) fn beginning_with(limit: VarInt) -> Self {
        Self(u32::try_from(limit.into_inner()).unwrap_or(MAX_TUNNEL_STREAMS))
    }

    /// The limit that is to be set now that so many streams run, if it is another one: before the last quarter is used up, it is doubled.
    pub(super) fn raised(&mut self, running: usize) -> Option<u32> {
        let is_enough = running as u64 * 4 <= u64::from(self.0) * 3;
        if is_enough || self.0 >= MAX_TUNNEL_STREAMS {
            return None;
        }
        self.0 = self.0.saturating_mul(2).min(MAX_TUNNEL_STREAMS);
        Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_what_runs_up_to_a_bound() {
        let mut limit = StreamLimit::beginning_with(VarInt::from_u32(100));
        let table = [
            (0, None),
            (75, None),
            (76, Some(200)),
            (76, None),
            (150, None),
            (151, Some(400)),
            (10, None),
            (399, Some(800)),
            (700, Some(1_600)),
            (1_500, Some(3_200)),
            (3_000, Some(4_096)),
            (4_096, None),
        ];
        for (running, expected) in table {
            assert_eq!(limit.raised(running), expected, "{running} streams run");
        }
    }
}

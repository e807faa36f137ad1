//! Which span is which.

use std::fmt;

use ring::digest::{Context, SHA256};
use warren_raft::ProxyId;

use crate::wire::TraceId;

/// A span's identity within its trace: 64 bits, as in W3C Trace Context, 16 hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpanId([u8; 8]);

/// What is done in a span, and by whom: what tells it from the others of its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The proxy that a client asked dials.
    Dial(ProxyId),
    /// That proxy, the first one, tries the second one.
    Try(ProxyId, ProxyId),
    /// This proxy asks an agent over a tunnel of its own, for its client or for a peer.
    Carry(ProxyId),
    /// The agent connects to its target, asked by this proxy.
    Connect(ProxyId),
}

impl SpanId {
    /// The span in which that is done for the dial with this trace.
    pub fn of(trace: TraceId, deed: Deed) -> Self {
        let (number, ids) = match deed {
            Deed::Dial(ingress) => (0_u8, [ingress.0, 0]),
            Deed::Try(ingress, owner) => (1, [ingress.0, owner.0]),
            Deed::Carry(owner) => (2, [owner.0, 0]),
            Deed::Connect(owner) => (3, [owner.0, 0]),
        };
        let mut hash = Context::new(&SHA256);
        hash.update(&trace.0);
        hash.update(&[number]);
        ids.iter().for_each(|id| hash.update(&id.to_be_bytes()));
        let digest = hash.finish();
        Self(digest.as_ref()[..8].try_into().expect("a digest is longer"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_deed_of_each_trace_has_an_id_of_its_own_that_every_process_finds() {
        let (one, two) = (ProxyId(1), ProxyId(2));
        let deeds = [Deed::Dial(one), Deed::Dial(two), Deed::Try(one, two), Deed::Try(two, one), Deed::Carry(two), Deed::Connect(two)];
        let ids: std::collections::BTreeSet<_> =
            [[1; 16], [2; 16]].iter().flat_map(|trace| deeds.map(|deed| SpanId::of(TraceId(*trace), deed))).collect();
        assert_eq!(ids.len(), 12);
        assert_eq!(SpanId::of(TraceId([1; 16]), Deed::Dial(one)).to_string(), "a96f5e0015fc57ad", "another version finds the same");
    }
}

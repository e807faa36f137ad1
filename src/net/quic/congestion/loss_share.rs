//! How much of what was sent lately is lost.

/// How many packets back "lately" goes at most; half as many at least.
const SPAN_PACKETS: u64 = 1_000;
/// A share of so few packets says nothing.
const FEW_PACKETS: u64 = 200;
/// One in so many may be lost before it counts as congestion wherever the queue seems to be: what a radio loses beyond that
/// leaves little to win, and a queue too short to be seen in the round trip must not be flooded.
const TOLERATED: u64 = 20;

/// Counts bytes; the older half is forgotten over and over.
#[derive(Clone, Debug, Default)]
pub(super) struct LossShare {
    arrived: u64,
    lost: u64,
}

impl LossShare {
    /// So many bytes have arrived.
    pub(super) fn arrived(&mut self, bytes: u64, mtu: u64) {
        self.arrived += bytes;
        if self.arrived + self.lost > SPAN_PACKETS * mtu {
            self.arrived /= 2;
            self.lost /= 2;
        }
    }

    /// So many bytes are lost.
    pub(super) fn lost(&mut self, bytes: u64) {
        self.lost += bytes;
    }

    /// Whether more is lost than a bad link may lose.
    pub(super) fn is_large(&self, mtu: u64) -> bool {
        self.lost * TOLERATED > (self.arrived + self.lost).max(FEW_PACKETS * mtu)
    }

    /// What was lost has been answered for.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: u64 = 1_200;

    /// Whether it was ever large in 100,000 packets of which every so many-th is lost.
    fn becomes_large(one_in: u64) -> bool {
        let mut share = LossShare::default();
        (1..=100_000_u64).any(|packet| {
            if packet.is_multiple_of(one_in) {
                share.lost(MTU)
            } else {
                share.arrived(MTU, MTU)
            }
            share.is_large(MTU)
        })
    }

    #[test]
    fn only_a_large_share_is_large() {
        for (one_in, expected) in [(1_000, false), (100, false), (33, false), (22, false), (18, true), (10, true), (2, true)] {
            assert_eq!(becomes_large(one_in), expected, "one in {one_in}");
        }
    }

    #[test]
    fn the_first_few_losses_prove_nothing_and_a_burst_does() {
        let mut share = LossShare::default();
        share.lost(10 * MTU);
        assert!(!share.is_large(MTU));
        share.lost(MTU);
        assert!(share.is_large(MTU));
        share.forget();
        assert!(!share.is_large(MTU));
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut share = LossShare::default();
        share.arrived(500 * MTU, MTU);
        share.lost(100 * MTU);
        assert!(share.is_large(MTU));
        (0..4_000).for_each(|_| share.arrived(MTU, MTU));
        assert!(!share.is_large(MTU), "{share:?}");
    }
}

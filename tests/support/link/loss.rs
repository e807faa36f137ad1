//! Which packets a link loses.

use rand::Rng;
use rand::rngs::StdRng;

/// What a link loses of what it carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Loss {
    /// Nothing.
    None,
    /// Each packet with this probability.
    Random(f64),
    /// This share of all packets, in bursts of so many on average (Gilbert's model).
    Bursts {
        /// The share of all packets.
        share: f64,
        /// The mean length of a burst, in packets.
        length: f64,
    },
}

/// [`Loss`] as it goes on.
#[derive(Clone, Debug)]
pub(super) struct Losing {
    loss: Loss,
    in_burst: bool,
}

impl Losing {
    pub(super) fn new(loss: Loss) -> Self {
        Self { loss, in_burst: false }
    }

    /// Whether the next packet is lost.
    pub(super) fn loses(&mut self, rng: &mut StdRng) -> bool {
        match self.loss {
            Loss::None => false,
            Loss::Random(probability) => rng.random_bool(probability),
            Loss::Bursts { share, length } => {
                // How often a burst begins so that its packets are the share of all.
                let change = if self.in_burst { 1.0 / length } else { (share / (1.0 - share) / length).min(1.0) };
                self.in_burst ^= rng.random_bool(change);
                self.in_burst
            }
        }
    }
}

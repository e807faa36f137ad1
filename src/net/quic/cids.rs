//! Connection ids from our own randomness.

use std::sync::{Arc, Mutex, PoisonError};

use quinn::{ConnectionId, ConnectionIdGenerator};
use rand::rngs::StdRng;
use rand::{Rng, RngCore};

/// Long enough that nobody guesses one, short enough to cost little in each packet.
const LOCAL_LEN: usize = 8;
/// What a client picks for the server's first id; RFC 9000, section 7.2 wants 8 bytes at least.
const INITIAL_LEN: usize = 20;

/// Draws connection ids. quinn's own generators all use the process's random state, which no seed reaches.
pub(super) struct Cids(StdRng);

impl Cids {
    pub(super) fn new(rng: StdRng) -> Self {
        Self(rng)
    }
}

impl ConnectionIdGenerator for Cids {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&self.0.random::<[u8; LOCAL_LEN]>())
    }

    fn cid_len(&self) -> usize {
        LOCAL_LEN
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

/// The provider of the first destination ids of outgoing connections.
pub(super) fn initial(rng: StdRng) -> Arc<dyn Fn() -> ConnectionId + Send + Sync> {
    let rng = Mutex::new(rng);
    Arc::new(move || {
        let mut bytes = [0; INITIAL_LEN];
        rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        ConnectionId::new(&bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Entropy;

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let drawn = |seed| {
            let entropy = Entropy::seeded(seed);
            let (mut local, first) = (Cids::new(entropy.rng()), initial(entropy.rng()));
            (local.generate_cid(), local.generate_cid(), first(), first())
        };
        let (a, b, c, d) = drawn(1);
        assert_eq!((a, b, c, d), drawn(1));
        assert_ne!((a, c), (b, d));
        assert_ne!(a, drawn(2).0);
        assert_eq!((a.len(), c.len()), (LOCAL_LEN, INITIAL_LEN));
    }
}

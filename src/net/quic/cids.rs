//! Connection ids from our own randomness.

use std::sync::{Arc, Mutex, PoisonError};

use quinn::{ConnectionId, ConnectionIdGenerator};
use rand::rngs::StdRng;
use rand::{Rng, RngCore};

use super::profile::Profile;

/// Long enough that nobody guesses one, short enough to cost little in each packet.
const LOCAL_LEN: usize = 8;
/// What a client picks for the server's first id; RFC 9000, section 7.2 wants 8 bytes at least.
const INITIAL_LEN: usize = 20;

/// How the first id of a connection begins that the dialler wants to have driven where control is. It says nothing that an acceptor relies on: what the connection is for is
/// in its hello.
const CONTROL_MARK: [u8; 4] = *b"ctrl";

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

/// The provider of the first destination ids of outgoing connections for that purpose.
pub(super) fn initial(profile: Option<Profile>, rng: StdRng) -> Arc<dyn Fn() -> ConnectionId + Send + Sync> {
    let rng = Mutex::new(rng);
    Arc::new(move || {
        let mut bytes = [0; INITIAL_LEN];
        rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        if profile == Some(Profile::PeerControl) {
            // Sixteen random bytes are left.
            bytes[..CONTROL_MARK.len()].copy_from_slice(&CONTROL_MARK);
        }
        ConnectionId::new(&bytes)
    })
}

/// Whether the dialler says that the connection is for control, before there is one.
pub fn is_marked_as_control(first: &ConnectionId) -> bool {
    first.starts_with(&CONTROL_MARK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Entropy;

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let drawn = |seed| {
            let entropy = Entropy::seeded(seed);
            let (mut local, first) = (Cids::new(entropy.rng()), initial(None, entropy.rng()));
            (local.generate_cid(), local.generate_cid(), first(), first())
        };
        let (a, b, c, d) = drawn(1);
        assert_eq!((a, b, c, d), drawn(1));
        assert_ne!((a, c), (b, d));
        assert_ne!(a, drawn(2).0);
        assert_eq!((a.len(), c.len()), (LOCAL_LEN, INITIAL_LEN));
    }

    #[test]
    fn control_is_marked_and_nothing_else() {
        let entropy = Entropy::seeded(1);
        for (profile, expected) in [(Profile::PeerControl, true), (Profile::PeerBulk, false), (Profile::Tunnel, false)] {
            let first = initial(Some(profile), entropy.rng());
            assert_eq!(is_marked_as_control(&first()), expected, "{profile:?}");
            assert_ne!(first(), first(), "the rest is random");
        }
    }
}

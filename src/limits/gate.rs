//! Which handshakes are taken.
//!
//! ```text
//!  first packet --address not proven, and half of all places or of its source's are taken--> proves it first (QUIC Retry, RFC 9000, section 8.1.2)
//!     |       \---all places are taken, or all of its source's with a proven address---------> refused
//!     \--------------------------------------------------------------------------------------> a place, until the handshake is over
//! ```
//! Anybody can send first packets in anybody's name. Hence what is not proven takes no more than half of the places, and nothing of what its source may have once
//! its address is proven.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::crowd::Crowd;
use super::{Limit, LiveLimits, Source};

/// The places for handshakes on one port. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate {
    limits: LiveLimits,
    crowds: Arc<Mutex<Crowds>>,
}

/// Handshakes in progress.
#[derive(Debug, Default)]
struct Crowds {
    /// Of those whose address may be somebody else's.
    claimed: Crowd<Source>,
    /// Of those who have shown that they get what is sent to it.
    proven: Crowd<Source>,
}

/// What becomes of a newcomer.
#[derive(Debug)]
pub enum Entry {
    /// Its handshake may begin.
    Pass(Pass),
    /// It must prove its address first.
    Prove,
    /// Not now, for this limit is reached.
    Refuse(Limit),
}

/// A place for a handshake, given back when dropped.
#[derive(Debug)]
pub struct Pass {
    source: Source,
    address: Address,
    crowds: Arc<Mutex<Crowds>>,
}

/// What is known of a newcomer's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// It says so.
    Claimed,
    /// What was sent there has come back.
    Proven,
}

impl Gate {
    /// Nobody is there.
    pub fn new(limits: LiveLimits) -> Self {
        Self { limits, crowds: Arc::default() }
    }

    /// What becomes of a newcomer from `ip`.
    pub fn enter(&self, ip: IpAddr, address: Address) -> Entry {
        let (source, limits) = (Source::from(ip), self.limits.now());
        let (most, most_per_source) = (limits.handshakes, limits.handshakes_per_source);
        let mut crowds = self.crowds.lock().unwrap_or_else(PoisonError::into_inner);
        let all = crowds.claimed.all() + crowds.proven.all();
        match address {
            Address::Claimed if all >= most / 2 || crowds.claimed.of(&source) >= most_per_source.div_ceil(2) => {
                return Entry::Prove;
            }
            Address::Proven if all >= most => return Entry::Refuse(Limit::Handshakes),
            Address::Proven if crowds.proven.of(&source) >= most_per_source => return Entry::Refuse(Limit::HandshakesPerSource),
            Address::Claimed => crowds.claimed.enter(source),
            Address::Proven => crowds.proven.enter(source),
        }
        Entry::Pass(Pass { source, address, crowds: self.crowds.clone() })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut crowds = self.crowds.lock().unwrap_or_else(PoisonError::into_inner);
        match self.address {
            Address::Claimed => crowds.claimed.leave(&self.source),
            Address::Proven => crowds.proven.leave(&self.source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn gate(handshakes: usize, handshakes_per_source: usize) -> Gate {
        Gate::new(Limits { handshakes, handshakes_per_source, ..Limits::default() }.into())
    }

    fn ip(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    fn enter(gate: &Gate, from: u32, address: Address) -> Result<Pass, Option<Limit>> {
        match gate.enter(ip(from), address) {
            Entry::Pass(pass) => Ok(pass),
            Entry::Prove => Err(None),
            Entry::Refuse(limit) => Err(Some(limit)),
        }
    }

    #[test]
    fn what_is_not_proven_has_half_of_the_places() {
        let gate = gate(10, 8);
        let spoofed: Vec<_> = (0..100).filter_map(|from| enter(&gate, from, Address::Claimed).ok()).collect();
        assert_eq!(spoofed.len(), 5);
        assert_eq!(enter(&gate, 100, Address::Claimed).err(), Some(None));
        let honest: Vec<_> = (0..100).filter_map(|from| enter(&gate, from, Address::Proven).ok()).collect();
        assert_eq!(honest.len(), 5);
        assert_eq!(enter(&gate, 200, Address::Proven).err(), Some(Some(Limit::Handshakes)));
        drop(spoofed);
        assert!(enter(&gate, 200, Address::Proven).is_ok());
        assert_eq!(enter(&gate, 200, Address::Claimed).err(), Some(None), "half of the places are taken still");
        drop(honest);
        assert!(enter(&gate, 200, Address::Claimed).is_ok());
    }

    #[test]
    fn one_source_has_its_share_and_nobody_takes_it_by_its_name() {
        let gate = gate(100, 4);
        let spoofed: Vec<_> = (0..10).filter_map(|_| enter(&gate, 1, Address::Claimed).ok()).collect();
        assert_eq!(spoofed.len(), 2, "from then on it must prove its address");
        let own: Vec<_> = (0..10).filter_map(|_| enter(&gate, 1, Address::Proven).ok()).collect();
        assert_eq!(own.len(), 4);
        assert_eq!(enter(&gate, 1, Address::Proven).err(), Some(Some(Limit::HandshakesPerSource)));
        assert!(enter(&gate, 2, Address::Claimed).is_ok() && enter(&gate, 2, Address::Proven).is_ok(), "others do not notice");
        drop(own);
        assert!(enter(&gate, 1, Address::Proven).is_ok());
    }

    #[test]
    fn whoever_has_left_takes_no_room() {
        let gate = gate(256, 128);
        for from in 0..10_000 {
            drop(enter(&gate, from, Address::Claimed));
            drop(enter(&gate, from, Address::Proven));
        }
        let crowds = gate.crowds.lock().expect("not poisoned");
        assert_eq!((crowds.claimed.all(), crowds.proven.all()), (0, 0));
    }

    #[test]
    fn a_single_place_is_for_whoever_has_proven_its_address() {
        let gate = gate(1, 1);
        assert_eq!(enter(&gate, 1, Address::Claimed).err(), Some(None));
        let one = enter(&gate, 1, Address::Proven);
        assert!(one.is_ok());
        assert_eq!(enter(&gate, 2, Address::Proven).err(), Some(Some(Limit::Handshakes)));
    }
}

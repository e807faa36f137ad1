//! Which address others see of a socket, as behind a router that translates addresses. Pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::wire::HostId;

/// The first port that a change of addresses gives.
const FIRST: u16 = 50_000;

/// The translations of all hosts. A socket without one is seen as it is.
#[derive(Debug, Default)]
pub(super) struct Translation {
    outside: BTreeMap<SocketAddr, SocketAddr>,
    inside: BTreeMap<SocketAddr, SocketAddr>,
    /// Addresses behind which nobody is any more.
    gone: BTreeMap<SocketAddr, HostId>,
    given: u16,
}

impl Translation {
    /// How a socket is seen.
    pub(super) fn outside(&self, socket: SocketAddr) -> SocketAddr {
        self.outside.get(&socket).copied().unwrap_or(socket)
    }

    /// Which socket an address leads to; `None` where it led to one before it was changed.
    pub(super) fn inside(&self, address: SocketAddr) -> Option<SocketAddr> {
        if self.gone.contains_key(&address) {
            return None;
        }
        Some(self.inside.get(&address).copied().unwrap_or(address))
    }

    /// From now on the socket is seen under an address that nobody has had, and the one before leads nowhere.
    pub(super) fn rebind(&mut self, host: HostId, socket: SocketAddr) {
        let before = self.outside(socket);
        self.inside.remove(&before);
        self.gone.insert(before, host);
        let after = SocketAddr::new(socket.ip(), FIRST.wrapping_add(self.given));
        self.given = self.given.wrapping_add(1);
        self.outside.insert(socket, after);
        self.inside.insert(after, socket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_was_changed_leads_nowhere() {
        let mut translation = Translation::default();
        let socket: SocketAddr = "10.0.0.1:4000".parse().expect("an address");
        assert_eq!((translation.outside(socket), translation.inside(socket)), (socket, Some(socket)));
        let mut seen = vec![socket];
        for _ in 0..3 {
            translation.rebind(HostId(1), socket);
            let now = translation.outside(socket);
            assert!(!seen.contains(&now));
            assert_eq!(translation.inside(now), Some(socket));
            assert!(seen.iter().all(|before| translation.inside(*before).is_none()));
            seen.push(now);
        }
    }
}

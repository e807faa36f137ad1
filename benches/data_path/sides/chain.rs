//! Relays one behind the other, each a process of this program.

use std::net::{Ipv4Addr, SocketAddr};

use crate::relay::{Authority, Protocol, Ready, Role, Settings};
use crate::shared::Worker;

/// Relays from the entry to the target. Dropping it kills them.
pub(crate) struct Chain {
    /// The last one first.
    relays: Vec<Worker<(), Ready>>,
    address: SocketAddr,
}

impl Chain {
    /// Entry, proxy, proxy and agent.
    pub(crate) const TWO_HOPS: usize = 4;
    /// Entry, proxy and agent.
    pub(crate) const ONE_HOP: usize = 3;

    /// Starts so many relays.
    pub(crate) fn start(protocol: Protocol, count: usize, target: SocketAddr) -> anyhow::Result<Self> {
        Self::start_over(protocol, count, target, |_, address| Ok(address))
    }

    /// The same, where `between` may put something into the leg behind the relay with that place (the entry's is 0): it gets where the leg leads, and says where to dial instead.
    pub(crate) fn start_over(
        protocol: Protocol,
        count: usize,
        target: SocketAddr,
        mut between: impl FnMut(usize, SocketAddr) -> anyhow::Result<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let authority = Authority::new()?;
        let mut chain = Self { relays: Vec::new(), address: target };
        for place in (0..count).rev() {
            let role = match place {
                0 => Role::Entry,
                place if place + 1 == count => Role::Agent,
                _ => Role::Proxy,
            };
            let next = between(place, chain.address)?;
            let settings = Settings { protocol, role, host: Ipv4Addr::LOCALHOST, next, identity: authority.issue()? };
            let relay = Worker::start("--relay", &settings, format!("{protocol:?} {role:?}"), &[])?;
            let ready: Ready = relay.answer()?;
            chain.address = ready.address;
            chain.relays.push(relay);
        }
        Ok(chain)
    }

    /// Where the entry listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.relays.iter().map(Worker::pid).collect()
    }

    /// Ends them in good order.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.relays.into_iter().try_for_each(Worker::stop)
    }
}

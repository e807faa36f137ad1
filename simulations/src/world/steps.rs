//! All machines, and time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::hooks::comes;
use super::host::{Exit, Host};
use crate::network::{HostId, Network};
use crate::trace::Trace;

/// All machines and the network between them.
pub struct World<Order> {
    now_us: u64,
    tick_us: u64,
    /// The network.
    pub network: Network,
    /// What happened.
    pub trace: Trace,
    hosts: BTreeMap<HostId, Host<Order>>,
}

impl<Order: Send + 'static> World<Order> {
    /// A world without machines that is stepped by `tick`.
    pub fn new(tick: Duration, network: Network, trace: Trace) -> Self {
        let tick_us = u64::try_from(tick.as_micros()).unwrap_or(u64::MAX).max(1);
        Self { now_us: 0, tick_us, network, trace, hosts: BTreeMap::new() }
    }

    /// Adds a machine.
    pub fn add(&mut self, host: Host<Order>) {
        self.hosts.insert(host.id, host);
    }

    /// What time it is, since the beginning.
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.now_us)
    }

    /// The same in microseconds.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// A machine.
    pub fn host(&self, id: HostId) -> Option<&Host<Order>> {
        self.hosts.get(&id)
    }

    /// A machine, to do something to it.
    pub fn host_mut(&mut self, id: HostId) -> Option<&mut Host<Order>> {
        self.hosts.get_mut(&id)
    }

    /// All machines.
    pub fn hosts(&self) -> impl Iterator<Item = &Host<Order>> {
        self.hosts.values()
    }

    /// The process of a machine dies in the middle of whatever it does.
    pub fn crash(&mut self, id: HostId) {
        self.network.kill(id);
        if let Some(host) = self.hosts.get_mut(&id) {
            host.crash();
        }
    }

    /// Starts the program of a machine, if it does not run.
    ///
    /// # Errors
    /// The system's, which gives no runtime.
    pub fn start(&mut self, id: HostId) -> std::io::Result<()> {
        self.network.revive(id);
        self.hosts.get_mut(&id).map_or(Ok(()), Host::start)
    }

    /// Lets a tick pass. Tells whose program has ended, and how.
    pub fn step(&mut self) -> Vec<(HostId, Exit)> {
        self.now_us += self.tick_us;
        self.trace.at(self.now_us);
        comes(self.now_us);
        self.network.advance(self.now_us);
        let mut ended = Vec::new();
        for (id, host) in &mut self.hosts {
            if let Some(exit) = host.step(self.now_us, self.tick_us) {
                self.network.kill(*id);
                ended.push((*id, exit));
            }
        }
        ended
    }
}

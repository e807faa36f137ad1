//! Who is there, and how they are set.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use warren::net::stalled::StalledBudget;
use warren_raft::Level;

use crate::network::HostId;

/// Who is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Proxies at the beginning: 1 to 5.
    pub proxies: u8,
    /// Further proxies that may join.
    pub spares: u8,
    /// Agents on each machine that has some.
    pub farms: Vec<u8>,
    /// Machines of clients.
    pub clients: u8,
    /// Zones that the proxies are spread over.
    pub zones: u8,
}

/// Where they are: proxies first, then farms, clients, and the machine of the services behind the agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seats;

impl Seats {
    /// The machine of the services.
    pub const SERVICES: HostId = HostId(40);

    /// The machine of a proxy, from 0.
    pub fn proxy(number: u8) -> HostId {
        HostId(number)
    }

    /// A machine of agents, from 0.
    pub fn farm(number: u8) -> HostId {
        HostId(16 + number)
    }

    /// A machine of a client, from 0.
    pub fn client(number: u8) -> HostId {
        HostId(32 + number)
    }
}

impl Topology {
    /// The agents, each with its machine.
    pub fn agents(&self) -> impl Iterator<Item = (u16, HostId)> {
        let farms = (0_u8..).zip(self.farms.clone());
        farms.flat_map(|(farm, count)| std::iter::repeat_n(Seats::farm(farm), count.into())).enumerate().map(|(number, host)| {
            // There are at most 16 farms of at most 255.
            (u16::try_from(number).unwrap_or(u16::MAX), host)
        })
    }

    /// The machines of the proxies, those that may join among them.
    pub fn proxy_hosts(&self) -> impl Iterator<Item = HostId> {
        (0..self.proxies + self.spares).map(Seats::proxy)
    }

    /// The machines of agents.
    pub fn farm_hosts(&self) -> impl Iterator<Item = HostId> {
        (0_u8..).zip(&self.farms).map(|(number, _)| Seats::farm(number))
    }

    /// The machines of clients.
    pub fn client_hosts(&self) -> impl Iterator<Item = HostId> {
        (0..self.clients).map(Seats::client)
    }
}

/// How they are set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How far all machines are stepped at a time, in microseconds.
    pub tick_us: u64,
    /// How long a datagram takes, in microseconds; up to a quarter more.
    pub latency_us: u64,
    /// How often a leader shows itself, in milliseconds.
    pub heartbeat_ms: u64,
    /// How long a follower waits for it, in milliseconds.
    pub election_ms: u64,
    /// How long a lease lasts, in milliseconds.
    pub lease_ms: u64,
    /// How long a learner must have been healthy, in milliseconds.
    pub promote_after_ms: u64,
    /// How long streams may run on when a proxy goes away, in milliseconds.
    pub drain_ms: u64,
    /// Tunnels of each agent; 0 for one to every proxy.
    pub connections: u32,
    /// Connections for dials between each two proxies.
    pub data_connections: u8,
    /// A snapshot is taken at the latest after so many entries.
    pub snapshot_after: u64,
    /// So many entries are kept behind one.
    pub keep_behind_snapshot: u64,
    /// Streams of one agent's tunnel at the same time.
    pub streams_per_agent: u64,
    /// What streams that nobody reads may hold in each process, in KiB, and from when on they count, in milliseconds; as by default where there is none.
    pub stalled: Option<(u64, u64)>,
    /// The feature level of the version that each proxy runs, from the first proxy on: in its first life, its second and so on, and the last one ever after. The newest where there is none.
    pub levels: Vec<Vec<u64>>,
    /// Bugs of the product that are switched on.
    pub mutants: Vec<String>,
}

impl Settings {
    /// The feature level of what runs on a machine in a life of its program, from 0.
    pub fn level(&self, host: HostId, life: usize) -> Level {
        let levels = self.levels.get(usize::from(host.0));
        levels.and_then(|levels| levels.get(life).or(levels.last())).map_or(Level::CURRENT, |level| Level(*level))
    }

    /// What streams that nobody reads may hold.
    pub fn stalled_budget(&self) -> StalledBudget {
        self.stalled.map_or_else(StalledBudget::default, |(kib, after_ms)| StalledBudget {
            bytes: kib << 10,
            after: Duration::from_millis(after_ms),
        })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tick_us: 2_000,
            latency_us: 5_000,
            heartbeat_ms: 150,
            election_ms: 1_000,
            lease_ms: 3_000,
            promote_after_ms: 500,
            drain_ms: 5_000,
            connections: 2,
            data_connections: 2,
            snapshot_after: 500,
            keep_behind_snapshot: 100,
            streams_per_agent: 1024,
            stalled: None,
            levels: Vec::new(),
            mutants: Vec::new(),
        }
    }
}

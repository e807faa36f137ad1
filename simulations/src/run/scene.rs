//! What a checker sees.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use warren_raft::ProxyId;
use warren_raft::disk::Disk;

use super::conditions::Conditions;
use crate::cast::Stage;
use crate::disk::{Durable, SimVolume};
use crate::invariants::{Durables, Glimpse};
use crate::network::HostId;
use crate::plan::Plan;
use crate::world::Census;

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everybody is started.
    Boot,
    /// Faults and work.
    Safety,
    /// No fault any more; everybody finds together.
    Converge,
    /// Everybody is found.
    Serve,
    /// It is looked at for the last time.
    Scan,
}

/// What a checker sees.
pub struct Scene<'a> {
    /// The time, in microseconds of the world.
    pub now_us: u64,
    /// Where the run is.
    pub phase: Phase,
    /// What is to happen.
    pub plan: &'a Plan,
    /// What everybody tells.
    pub stage: &'a Stage,
    /// The disks.
    pub disks: &'a BTreeMap<HostId, Arc<SimVolume>>,
    /// The machines whose programs run and do not stand still.
    pub up: BTreeSet<HostId>,
    /// Since when nothing was wrong, in microseconds of the world; `None` while something is.
    pub calm_since_us: Option<u64>,
    /// When machines stood still, in microseconds of the world.
    pub pauses: &'a [(HostId, u64, u64)],
    /// What each proxy that runs shows.
    pub glimpses: &'a BTreeMap<HostId, Glimpse>,
    /// What is wrong, and since when.
    pub conditions: &'a Conditions,
    /// Tasks that are alive and sockets that are open, by machine.
    pub held: BTreeMap<HostId, Held>,
    /// Machines whose disks are gone since the beginning.
    pub wiped: &'a BTreeSet<HostId>,
}

/// What the program of a machine holds.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Tasks that are alive.
    pub tasks: usize,
    /// Where they were spawned.
    pub census: Census,
    /// Sockets and listeners.
    pub sockets: usize,
    /// Streams that do not move.
    pub stalled: u64,
    /// What it holds for them, in bytes.
    pub bytes: u64,
}

impl Scene<'_> {
    /// Whether the proxy of a machine has never run.
    pub fn is_spare(&self, host: HostId) -> bool {
        self.plan.topology.proxy_hosts().any(|proxy| proxy == host) && self.stage.id(host).is_none()
    }
}

/// The disks of the members as a loss of power would leave them.
pub(super) struct OnDisk {
    durables: BTreeMap<ProxyId, Durable>,
}

impl OnDisk {
    pub(super) fn of(stage: &Stage, disks: &BTreeMap<HostId, Arc<SimVolume>>) -> Self {
        let durables = disks.iter().filter_map(|(host, disk)| Some((stage.id(*host)?, disk.durable())));
        Self { durables: durables.collect() }
    }
}

impl Durables for OnDisk {
    fn of(&self, member: ProxyId) -> Option<&dyn Disk> {
        self.durables.get(&member).map(|disk| disk as &dyn Disk)
    }
}

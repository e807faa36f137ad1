//! The world of a plan, with everybody in it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use warren::audit::Audit;
use warren::net::quic::{Paths, Settings as Quic};
use warren::net::stalled::{Readers, StalledCount};
use warren::net::{Entropy, Env, Threading};
use warren::traces::Traces;

use super::stores::HostStores;
use crate::cast::{self, Order, Stage};
use crate::disk::SimVolume;
use crate::files::SimFiles;
use crate::network::{HostId, HostNet, Network};
use crate::plan::{Plan, Seats};
use crate::trace::Trace;
use crate::world::{Exit, Host, HostWall, Points, Program, World};

/// What the process of each machine holds for readers that do not read. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Stalled(Arc<Mutex<BTreeMap<HostId, StalledCount>>>);

impl Stalled {
    fn note(&self, host: HostId, count: StalledCount) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(host, count);
    }

    /// That of a machine's last process.
    pub fn get(&self, host: HostId) -> Option<StalledCount> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&host).cloned()
    }
}

/// A plan that is being run.
pub struct Run {
    /// What is to happen.
    pub plan: Plan,
    /// The machines.
    pub world: World<Order>,
    /// What they tell.
    pub stage: Stage,
    /// The disks of the proxies.
    pub disks: BTreeMap<HostId, Arc<SimVolume>>,
    /// The small files of all machines.
    pub files: BTreeMap<HostId, SimFiles>,
    /// Where the product's code has come to.
    pub points: Points,
    /// What their processes hold for readers that do not read.
    pub stalled: Stalled,
    pub(super) entropy: Entropy,
}

impl Run {
    /// The world of `plan`, with all machines switched off.
    pub fn new(plan: Plan, home: PathBuf, trace: Trace) -> Self {
        let entropy = Entropy::seeded(plan.seed);
        let latency = Duration::from_micros(plan.settings.latency_us);
        let network = Network::new(u64::from_be_bytes(entropy.split("network").bytes()), latency, trace.clone());
        let world = World::new(Duration::from_micros(plan.settings.tick_us), network, trace.clone());
        let stage = Stage::new(home, trace);
        let mut run = Self {
            plan,
            world,
            stage,
            disks: BTreeMap::new(),
            files: BTreeMap::new(),
            points: Points::default(),
            stalled: Stalled::default(),
            entropy,
        };
        run.populate();
        run
    }

    fn populate(&mut self) {
        let (topology, settings, stage) = (self.plan.topology.clone(), self.plan.settings.clone(), self.stage.clone());
        for host in topology.proxy_hosts() {
            let rng = self.entropy.split(&format!("disk {}", host.0)).rng();
            self.disks.insert(host, Arc::new(SimVolume::new(format!("disk of {}", host.0), rng)));
            self.add(host, "proxy", cast::proxy(stage.clone(), host, topology.clone(), settings.clone()));
        }
        for host in topology.farm_hosts() {
            self.add(host, "farm", cast::farm(stage.clone(), host, topology.clone(), settings.clone()));
        }
        for host in topology.client_hosts() {
            self.add(host, "client", cast::client(stage.clone(), host, topology.clone()));
        }
        let agents = u16::try_from(topology.agents().count()).unwrap_or(u16::MAX);
        self.add(Seats::SERVICES, "services", cast::services(stage, agents));
    }

    fn add(&mut self, id: HostId, name: &str, program: Program<Order>) {
        let entropy = self.entropy.split(&format!("host {}", id.0));
        self.files.insert(id, SimFiles::new(&entropy));
        let outside = self.outside(id);
        self.world.add(Host::new(id, format!("{name}-{}", id.0), entropy, outside, program));
    }

    /// What the production is given on that host.
    fn outside(&self, host: HostId) -> Arc<dyn Fn(Entropy, HostWall) -> Env + Send + Sync> {
        let (network, settings) = (self.world.network.clone(), self.plan.settings.clone());
        let volume =
            self.disks.get(&host).cloned().unwrap_or_else(|| Arc::new(SimVolume::new("nowhere", self.entropy.split("nowhere").rng())));
        let (files, stalled, lives) = (self.files[&host].clone(), self.stalled.clone(), AtomicUsize::new(0));
        Arc::new(move |entropy, wall| {
            let stores = HostStores {
                volume: volume.clone(),
                snapshot_after: settings.snapshot_after,
                keep_behind_snapshot: settings.keep_behind_snapshot,
                level: settings.level(host, lives.fetch_add(1, Ordering::Relaxed)),
            };
            files.revive();
            let quic = Quic::default();
            let readers = Readers::new(settings.stalled_budget());
            stalled.note(host, readers.count());
            Env {
                net: Arc::new(HostNet::new(network.clone(), host, quic.max_udp_payload)),
                wall: Arc::new(wall),
                entropy,
                files: Arc::new(files.clone()),
                stores: Arc::new(stores),
                quic,
                paths: Paths::new(&quic),
                threading: Threading::One,
                readers,
                audit: Audit::default(),
                traces: Traces::default(),
            }
        })
    }

    /// The process of a machine dies, with what its disk had not flushed.
    pub fn crash(&mut self, host: HostId) {
        self.world.trace.event(format_args!("{} crashes", host.0));
        if let Some(disk) = self.disks.get(&host) {
            disk.crash();
        }
        if let Some(files) = self.files.get(&host) {
            files.crash();
        }
        self.forget(host);
        self.world.crash(host);
    }

    fn forget(&self, host: HostId) {
        let agents: Vec<_> = self.plan.topology.agents().filter(|(_, at)| *at == host).map(|(agent, _)| agent).collect();
        self.stage.gone(host, agents.into_iter());
    }

    /// One tick. Programs that have ended are told of.
    pub fn step(&mut self) -> Vec<(HostId, Exit)> {
        let ended = self.world.step();
        for (host, exit) in &ended {
            self.world.trace.event(format_args!("the program of {} has ended: {exit:?}", host.0));
            self.forget(*host);
        }
        ended
    }

    /// Steps until `done`, for at most so long. Whether it was done.
    pub fn until(&mut self, most: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.world.now() + most;
        while self.world.now() < end {
            if done(self) {
                return true;
            }
            self.step();
        }
        done(self)
    }

    /// A machine's files are gone.
    pub fn wipe_home(&self, host: HostId) {
        if let Some(files) = self.files.get(&host) {
            files.wipe();
        }
    }

    /// Whether the proxy of a machine has not joined yet.
    pub fn is_spare(&self, host: HostId) -> bool {
        self.world.host(host).is_some_and(|host| host.lives() == 0)
    }

    /// How many machines with proxies run.
    pub fn proxies_running(&self) -> usize {
        self.plan.topology.proxy_hosts().filter(|host| self.world.host(*host).is_some_and(Host::runs)).count()
    }
}

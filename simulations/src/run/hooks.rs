//! What happens at the points of the product while a plan runs.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use warren_raft::fault::{Hooks, Observation, install};

use super::watch::Watch;
use crate::disk::SimVolume;
use crate::files::SimFiles;
use crate::network::{HostId, Network};
use crate::world::{Points, running};

/// The disks of the proxies' stores, and the small files of all machines.
pub(super) type Disks = (BTreeMap<HostId, Arc<SimVolume>>, BTreeMap<HostId, SimFiles>);

/// Until it is dropped, the points of the product are those of this run.
pub(super) struct Installed;

impl Installed {
    pub(super) fn new(points: Points, network: Network, (disks, files): Disks, watch: Watch, mutants: &[String]) -> Self {
        let mutants = mutants.iter().cloned().collect();
        install(Some(Rc::new(Of { points, network, disks, files, watch, mutants })));
        Self
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        install(None);
    }
}

struct Of {
    points: Points,
    network: Network,
    disks: BTreeMap<HostId, Arc<SimVolume>>,
    files: BTreeMap<HostId, SimFiles>,
    watch: Watch,
    mutants: BTreeSet<String>,
}

impl Hooks for Of {
    fn reached(&self, place: &'static str) {
        let here = running();
        if let Some(host) = here {
            self.watch.reached(host, place);
        }
        if self.points.reached(here, place)
            && let Some(host) = here
        {
            // From here on nothing that its code still does in this turn is seen by anybody.
            self.network.kill(host);
            if let Some(disk) = self.disks.get(&host) {
                disk.crash();
            }
            if let Some(files) = self.files.get(&host) {
                files.crash();
            }
        }
    }

    fn is_mutant(&self, name: &'static str) -> bool {
        self.mutants.contains(name)
    }

    fn observe(&self, observation: &Observation) {
        if running().is_none_or(|host| !self.points.is_dead(host)) {
            self.watch.observe(observation);
        }
    }
}

//! The members, which come and go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use warren_raft::command::ProxyStart;
use warren_raft::{Command, DiskDrive, MemoryDisk, ProxyId, RoutingStore, StoreConfig, TokenRole, Tuning};

use crate::network::weather::{Random, Storm};
use crate::network::{Network, PATIENCE, config, enroll, open, start, three_with, until};

/// Longer than any run: the membership stays as it is, and no epoch ends by itself, so that each epoch is somebody's command.
const NEVER: Duration = Duration::from_secs(100_000);

/// Three members; a place is empty while one is down.
pub(crate) struct Group {
    pub(crate) network: Network,
    places: Mutex<[Place; 3]>,
}

struct Place {
    store: Option<RoutingStore>,
    disk: Arc<MemoryDisk>,
}

impl Group {
    pub(crate) async fn new(random: &mut Random) -> Self {
        let network = Network::default();
        network.seed(random.next());
        let disks = std::array::from_fn(|_| Arc::new(MemoryDisk::default()));
        let all = three_with(&network, &disks, |config| StoreConfig { lease: Duration::from_secs(2), ..tuned(config) }).await;
        let places = disks.map(|disk| Place { store: None, disk });
        let group = Self { network, places: Mutex::new(places) };
        for (store, index) in all.into_iter().zip(0..) {
            group.network.unplug(index + 1);
            store.shutdown().await;
            drop(store);
            group.reopen(index).await;
        }
        for index in 0..3 {
            group.member(index).expect("it runs").confirm(PATIENCE).await.expect("a quorum");
        }
        group
    }

    /// The member at a place, while it runs.
    pub(crate) fn member(&self, index: u64) -> Option<RoutingStore> {
        self.places.lock().expect("nobody panics with it")[usize::try_from(index % 3).expect("small")].store.clone()
    }

    /// One that runs, if any.
    pub(crate) fn any(&self, random: &mut Random) -> Option<RoutingStore> {
        self.member(random.below(3))
    }

    /// The loss of power: what was not flushed is gone.
    pub(crate) async fn kill(&self, index: u64) {
        self.network.unplug(index + 1);
        let store = {
            let mut places = self.places.lock().expect("nobody panics with it");
            let place = &mut places[usize::try_from(index).expect("small")];
            place.disk = Arc::new(place.disk.after_crash());
            place.store.take()
        };
        if let Some(store) = store {
            store.shutdown().await;
        }
    }

    pub(crate) async fn reopen(&self, index: u64) {
        let disk = self.places.lock().expect("nobody panics with it")[usize::try_from(index).expect("small")].disk.clone();
        disk.reopen();
        let settled = StoreConfig { lease: NEVER, promote_after: NEVER, ..tuned(config(index + 1, &[])) };
        let store = open(&self.network, settled, disk).await;
        self.places.lock().expect("nobody panics with it")[usize::try_from(index).expect("small")].store = Some(store);
    }

    /// Ends the storm: everybody is there and hears everybody, and follows the same leader.
    pub(crate) async fn calm(&self) {
        self.network.storm(Storm::default());
        for index in 0..3 {
            self.network.mend(index + 1);
            if self.member(index).is_none() {
                self.reopen(index).await;
            }
        }
        for index in 0..3 {
            self.member(index).expect("it runs").confirm(PATIENCE).await.expect("a quorum is back");
        }
        let newest = self.member(0).expect("it runs").status().applied_index;
        for index in 0..3 {
            until(&self.member(index).expect("it runs"), |store| store.status().applied_index >= newest).await;
        }
    }

    pub(crate) async fn stop(&self) {
        for index in 0..3 {
            self.kill(index).await;
        }
    }

    /// Proxies that only exist in the table, each with an id to be given epochs.
    pub(crate) async fn phantoms(&self, count: u32, name: &str) -> Vec<ProxyId> {
        let store = self.member(0).expect("it runs");
        let token = token_of(&store, name, count).await;
        let mut ids = Vec::new();
        for number in 0..count {
            let key = u8::try_from(number % 251).expect("small");
            let named = format!("{name}-{number}");
            ids.push(enroll(&store, TokenRole::Proxy, token, &named, key).await.expect("a proxy has an id"));
        }
        ids
    }
}

async fn token_of(store: &RoutingStore, name: &str, uses: u32) -> warren_raft::TokenId {
    let id = warren_raft::TokenId(std::array::from_fn(|place| name.as_bytes()[place % name.len()]));
    let new = warren_raft::command::NewToken {
        id,
        secret: crate::network::hash(99),
        role: TokenRole::Proxy,
        name: "*".parse().expect("a glob"),
        allow: vec![],
        expires_at: warren_raft::Timestamp(u64::MAX),
        uses,
    };
    store.propose(Command::CreateToken(new), PATIENCE).await.expect("a token");
    id
}

/// Gives a phantom an epoch. Nobody reaches it, so that it becomes no member.
pub(crate) fn begin(phantom: ProxyId) -> Command {
    Command::StartProxy(ProxyStart { proxy: phantom, peer_address: String::new(), public_addresses: Vec::new(), ..start(0) })
}

/// A disk without a thread of its own, and snapshots often enough to be part of it.
fn tuned(config: StoreConfig) -> StoreConfig {
    let tuning = Tuning { drive: DiskDrive::Task, snapshot_after: 150, keep_behind_snapshot: 20, ..config.tuning };
    StoreConfig { tuning, ..config }
}

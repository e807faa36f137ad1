//! Bugs of the store that are seen at the reply: a group of three on simulated disks, with its promises checked as they leave.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;
use warren_raft::command::{Bootstrap, Enrollment, NewToken, ProxyStart};
use warren_raft::fault::{Hooks, Observation, install};
use warren_raft::{
    ClusterId, Command, DiskDrive, Incarnation, KeyHash, Level, ProxyId, RoutingStore, StoreConfig, Strategy, Timestamp, TokenId,
    TokenRole, Transport, TransportError, Tuning,
};

use super::{Committed, Synced, Violation, purged_is_covered};
use crate::disk::{Durable, SimVolume};

const LONG: Duration = Duration::from_secs(60);
const TOKEN: TokenId = TokenId([5; 8]);

/// Checks what is observed, with one bug switched on.
struct Checks {
    mutant: Option<&'static str>,
    disks: BTreeMap<ProxyId, Durable>,
    state: RefCell<(Synced, Committed, Vec<Violation>)>,
    seen: RefCell<BTreeMap<&'static str, u64>>,
}

impl Hooks for Checks {
    fn reached(&self, place: &'static str) {
        *self.seen.borrow_mut().entry(place).or_default() += 1;
    }

    fn is_mutant(&self, name: &'static str) -> bool {
        self.mutant == Some(name)
    }

    fn observe(&self, observation: &Observation) {
        let (synced, committed, violations) = &mut *self.state.borrow_mut();
        violations.extend(synced.observe(observation, &self.disks).err());
        violations.extend(committed.observe(observation).err());
        if let Observation::Stands(stand) = observation {
            violations.extend(self.disks.get(&stand.member).and_then(|disk| purged_is_covered(stand.member, disk).err()));
        }
    }
}

/// Who is plugged in, and who is cut off.
#[derive(Clone, Default)]
struct Plugs(Arc<Mutex<(BTreeMap<ProxyId, RoutingStore>, Option<ProxyId>)>>);

struct Plug(ProxyId, Plugs);

#[async_trait::async_trait]
impl Transport for Plug {
    async fn call(&self, target: ProxyId, _: &str, request: Bytes, _: Duration) -> Result<Bytes, TransportError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let found = {
            let plugs = self.1.0.lock().expect("nobody panics with it");
            plugs.0.get(&target).filter(|_| plugs.1 != Some(target) && plugs.1 != Some(self.0)).cloned()
        };
        let unreachable = || TransportError::Unreachable { target, reason: "it is cut off".to_owned() };
        let member = found.ok_or_else(unreachable)?;
        member.handle(self.0, request).await.map_err(|error| TransportError::Lost { target, reason: error.to_string() })
    }
}

fn config(id: u64) -> StoreConfig {
    StoreConfig {
        id: ProxyId(id),
        opened: Incarnation(0),
        peer_address: format!("host-{id}:3021"),
        seeds: (1..=3).filter(|other| *other != id).map(|other| (ProxyId(other), format!("host-{other}:3021"))).collect(),
        heartbeat: Duration::from_millis(100),
        election_timeout: Duration::from_secs(1),
        max_voters: 5,
        promote_after: Duration::from_millis(200),
        lease: Duration::from_secs(3),
        seed: id,
        wall: Arc::new(|| Timestamp(1)),
        tuning: Tuning { drive: DiskDrive::Task, snapshot_after: 15, keep_behind_snapshot: 4, ..Tuning::default() },
    }
}

fn start(id: u64) -> ProxyStart {
    ProxyStart {
        proxy: ProxyId(id),
        peer_address: format!("host-{id}:3021"),
        public_addresses: Vec::new(),
        zone: String::new(),
        version: String::new(),
        level: Level::CURRENT,
    }
}

async fn until(store: &RoutingStore, so: impl Fn(&RoutingStore) -> bool) {
    let wait = async {
        while !so(store) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap_or_else(|_| panic!("in time, not {:?}", store.status()));
}

async fn first(store: &RoutingStore) {
    let bootstrap = Bootstrap {
        id: ClusterId([7; 16]),
        name: "warren".to_owned(),
        ca_certificate: vec![1; 30],
        ca_key: vec![2; 10],
        strategy: Strategy::default(),
        proxy: "proxy-1".parse().expect("a name"),
        key: KeyHash([1; 32]),
    };
    store.bootstrap(bootstrap).await.expect("a group of one");
    let token = NewToken {
        id: TOKEN,
        secret: KeyHash([9; 32]),
        role: TokenRole::Proxy,
        name: "*".parse().expect("a glob"),
        allow: Vec::new(),
        expires_at: Timestamp(u64::MAX),
        uses: 2,
    };
    store.propose(Command::CreateToken(token), LONG).await.expect("a token");
}

/// Writes at once so often; whatever becomes of it.
async fn write(store: &RoutingStore, count: u64, patience: Duration) {
    let writes = (0..count).map(|number| {
        let store = store.clone();
        async move { drop(store.propose(Command::RevokeToken { id: TokenId(number.to_be_bytes()) }, patience).await) }
    });
    for write in writes {
        write.await;
    }
}

/// A group of three grows, writes, loses its leader for a while and takes it back. What was violated first.
async fn violated(mutant: Option<&'static str>) -> (Vec<&'static str>, BTreeMap<&'static str, u64>) {
    let volumes: Vec<_> = (1..=3).map(|id| Arc::new(SimVolume::new(format!("disk {id}"), StdRng::seed_from_u64(id)))).collect();
    let disks = volumes.iter().zip(1..).map(|(volume, id)| (ProxyId(id), volume.durable())).collect();
    let checks = Rc::new(Checks { mutant, disks, state: RefCell::default(), seen: RefCell::default() });
    install(Some(checks.clone()));
    let plugs = Plugs::default();
    let mut stores: Vec<RoutingStore> = Vec::new();
    for id in 1..=3_u64 {
        if let Some(first) = stores.first() {
            let (secret, key) = (KeyHash([9; 32]), KeyHash([u8::try_from(id).expect("small"); 32]));
            let enrollment = Enrollment { token: TOKEN, secret, role: TokenRole::Proxy, name: format!("proxy-{id}"), key };
            first.propose(Command::Enroll(enrollment), LONG).await.expect("enrolled");
        }
        let volume = volumes[usize::try_from(id - 1).expect("small")].clone();
        let store = RoutingStore::open(config(id), volume, Arc::new(Plug(ProxyId(id), plugs.clone()))).await.expect("it opens");
        plugs.0.lock().expect("nobody panics with it").0.insert(ProxyId(id), store.clone());
        if id == 1 {
            first(&store).await;
        }
        store.live(start(id));
        stores.push(store);
        until(&stores[0], |store| store.status().voters.len() as u64 == id && store.status().learners.is_empty()).await;
    }
    write(&stores[0], 40, LONG).await;
    let leader = stores[0].status().leader.expect("a leader");
    plugs.0.lock().expect("nobody panics with it").1 = Some(leader);
    let (old, others): (Vec<_>, Vec<_>) = stores.iter().partition(|store| store.status().id == leader);
    write(old[0], 4, Duration::from_millis(200)).await;
    until(others[0], |store| store.status().leader.is_some_and(|new| new != leader)).await;
    plugs.0.lock().expect("nobody panics with it").1 = None;
    // A bug may keep it from ever coming to this.
    let _ = tokio::time::timeout(LONG, async { write(old[0], 30, LONG).await }).await;
    install(None);
    for store in &stores {
        store.shutdown().await;
    }
    let violations = checks.state.borrow().2.iter().map(|violation| violation.invariant).collect();
    (violations, checks.seen.borrow().clone())
}

#[tokio::test(start_paused = true)]
async fn what_is_promised_holds() {
    let (violations, seen) = violated(None).await;
    assert_eq!(violations, [""; 0]);
    for place in ["raft.vote_saved", "raft.append_flushed", "raft.applied", "raft.truncating", "raft.purging", "raft.snapshot_current"] {
        assert!(seen.contains_key(place), "{place} was not come to: {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn bugs_of_the_store_are_seen_at_the_reply() {
    for (mutant, invariant) in [("vote_not_flushed", "R9"), ("append_not_flushed", "R9"), ("truncation_dropped", "R2")] {
        let (violations, _) = violated(Some(mutant)).await;
        assert!(violations.contains(&invariant), "{mutant}: {violations:?}");
    }
}

//! A group of members in one process: a transport that can be cut, and what every test does first.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod weather;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::sleep;
use warren_raft::command::{Bootstrap, Enrollment, NewToken, ProxyStart};
use warren_raft::{
    Accepted, ClusterId, Command, Incarnation, KeyHash, LeaseState, Level, MemoryDisk, OpenError, ProxyId, RoutingStore, StoreConfig,
    Strategy, StrategyKind, Timestamp, TokenId, TokenRole, Transport, TransportError, Tuning, Volume,
};

use weather::{Fate, Storm, Weather};

/// Longest message that a member may send.
const MAX_MESSAGE: usize = 1024 * 1024;
/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Longest time between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Carries requests between the members that are plugged in.
#[derive(Clone, Default)]
pub(crate) struct Network(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    members: BTreeMap<ProxyId, RoutingStore>,
    cut: BTreeSet<ProxyId>,
    /// The life of each member that is plugged in: what an earlier one still says is not heard.
    lives: BTreeMap<ProxyId, u64>,
    begun: u64,
    weather: Weather,
    /// Requests that begin with this byte, the number of their kind, are lost.
    lost: Option<u8>,
}

impl Network {
    pub(crate) fn plug(&self, id: u64, store: &RoutingStore) {
        self.lock().members.insert(ProxyId(id), store.clone());
    }

    /// From now on nothing comes from it nor goes to it, and nothing that is on its way arrives.
    pub(crate) fn unplug(&self, id: u64) {
        let mut state = self.lock();
        state.members.remove(&ProxyId(id));
        state.lives.remove(&ProxyId(id));
    }

    fn begin_life(&self, id: ProxyId) -> u64 {
        let mut state = self.lock();
        state.begun += 1;
        let life = state.begun;
        state.lives.insert(id, life);
        life
    }

    fn life(&self, id: ProxyId) -> Option<u64> {
        self.lock().lives.get(&id).copied()
    }

    /// The way of a member to the others.
    pub(crate) fn transport(&self, me: u64) -> Arc<dyn Transport> {
        Arc::new(Plug { me: ProxyId(me), life: self.begin_life(ProxyId(me)), network: self.clone() })
    }

    /// Cuts a member off, both ways.
    pub(crate) fn cut(&self, id: u64) {
        self.lock().cut.insert(ProxyId(id));
    }

    pub(crate) fn mend(&self, id: u64) {
        self.lock().cut.remove(&ProxyId(id));
    }

    /// From now on the messages have this to go through, as drawn from the seed.
    pub(crate) fn seed(&self, seed: u64) {
        self.lock().weather.seed(seed);
    }

    pub(crate) fn storm(&self, storm: Storm) {
        self.lock().weather.storm = storm;
    }

    fn fate(&self, request: (ProxyId, ProxyId, Bytes)) -> Fate {
        self.lock().weather.fate(request)
    }

    /// Loses every request of this kind from now on.
    pub(crate) fn lose(&self, kind: Option<u8>) {
        self.lock().lost = kind;
    }

    fn loses(&self, request: &[u8]) -> bool {
        self.lock().lost.is_some_and(|kind| request.first() == Some(&kind))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds this")
    }

    fn reach(&self, from: ProxyId, target: ProxyId) -> Option<RoutingStore> {
        let state = self.lock();
        let open = !state.cut.contains(&from) && !state.cut.contains(&target);
        state.members.get(&target).filter(|_| open).cloned()
    }
}

/// One member's plug.
struct Plug {
    me: ProxyId,
    life: u64,
    network: Network,
}

#[async_trait]
impl Transport for Plug {
    async fn call(&self, target: ProxyId, address: &str, request: Bytes, _: Duration) -> Result<Bytes, TransportError> {
        assert!(request.len() <= MAX_MESSAGE, "a request of {} bytes", request.len());
        let expected = format!("host-{target}:3021");
        assert_eq!(address, expected, "the address of proxy {target}");
        let unreachable = || TransportError::Unreachable { target, reason: "cut off".to_owned() };
        let lost = |reason: &str| TransportError::Lost { target, reason: reason.to_owned() };
        let fate = self.network.fate((self.me, target, request.clone()));
        sleep(fate.delays[0]).await;
        if let Some(old) = fate.again {
            self.network.repeat(old).await;
        }
        let member = self.reach(target).ok_or_else(unreachable)?;
        let life = self.network.life(target);
        if fate.request_lost || self.network.loses(&request) {
            return Err(lost("the request was lost"));
        }
        let answer = if fate.twice {
            tokio::join!(member.handle(self.me, request.clone()), member.handle(self.me, request)).1
        } else {
            member.handle(self.me, request).await
        };
        let answer = answer.map_err(|error| lost(&error.to_string()))?;
        assert!(answer.len() <= MAX_MESSAGE, "an answer of {} bytes", answer.len());
        sleep(fate.delays[1]).await;
        if fate.answer_lost {
            return Err(lost("the answer was lost"));
        }
        self.reach(target).filter(|_| self.network.life(target) == life).map(|_| answer).ok_or_else(unreachable)
    }
}

impl Plug {
    fn reach(&self, target: ProxyId) -> Option<RoutingStore> {
        self.network.reach(self.me, target).filter(|_| self.network.life(self.me) == Some(self.life))
    }
}

impl Network {
    /// Delivers an old request again; nobody waits for what is answered.
    async fn repeat(&self, (from, target, request): (ProxyId, ProxyId, Bytes)) {
        if let Some(member) = self.reach(from, target) {
            // It may wait for a quorum that is not there; the new request does not wait with it.
            let _ = tokio::time::timeout(LOOK, member.handle(from, request)).await;
        }
    }
}

pub(crate) fn address(id: u64) -> String {
    format!("host-{id}:3021")
}

pub(crate) fn hash(of: u8) -> KeyHash {
    KeyHash([of; 32])
}

pub(crate) fn config(id: u64, seeds: &[u64]) -> StoreConfig {
    StoreConfig {
        id: ProxyId(id),
        opened: Incarnation(0),
        peer_address: address(id),
        seeds: seeds.iter().map(|seed| (ProxyId(*seed), address(*seed))).collect(),
        heartbeat: Duration::from_millis(30),
        election_timeout: Duration::from_millis(300),
        max_voters: 5,
        promote_after: Duration::from_millis(100),
        lease: Duration::from_millis(600),
        seed: id,
        wall: Arc::new(|| Timestamp(1_000_000)),
        tuning: Tuning::default(),
    }
}

pub(crate) fn start(id: u64) -> ProxyStart {
    ProxyStart {
        proxy: ProxyId(id),
        peer_address: address(id),
        public_addresses: vec![format!("host-{id}:3024")],
        zone: String::new(),
        version: "0.1.0".to_owned(),
        level: Level::CURRENT,
    }
}

/// Opens a member and plugs it in.
pub(crate) async fn open(network: &Network, config: StoreConfig, disk: Arc<dyn Volume>) -> RoutingStore {
    let id = config.id;
    let store = RoutingStore::open(config, disk, Arc::new(Plug { me: id, life: network.begin_life(id), network: network.clone() }))
        .await
        .expect("it opens");
    network.plug(id.0, &store);
    store
}

/// Opens a member on an empty disk that is expected to be refused.
pub(crate) async fn try_open(network: &Network, config: StoreConfig) -> Result<RoutingStore, OpenError> {
    let plug = Plug { me: config.id, life: network.begin_life(config.id), network: network.clone() };
    RoutingStore::open(config, Arc::new(MemoryDisk::default()), Arc::new(plug)).await
}

/// Proxy 1, alone, with its epoch.
pub(crate) async fn first(network: &Network, config: StoreConfig, disk: Arc<dyn Volume>) -> RoutingStore {
    let store = open(network, config, disk).await;
    store.bootstrap(bootstrap()).await.expect("a group of one");
    store.live(start(1));
    has_lease(&store).await;
    store
}

pub(crate) fn bootstrap() -> Bootstrap {
    Bootstrap {
        id: ClusterId([7; 16]),
        name: "warren".to_owned(),
        ca_certificate: vec![1; 300],
        ca_key: vec![2; 100],
        strategy: Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: 1 },
        proxy: "proxy-1".parse().expect("a name"),
        key: hash(1),
    }
}

/// Creates a token for `uses` machines of a role.
pub(crate) async fn token(store: &RoutingStore, role: TokenRole, uses: u32) -> TokenId {
    let id = TokenId([role as u8; 8]);
    let token =
        NewToken { id, secret: hash(99), role, name: "*".parse().expect("a glob"), allow: vec![], expires_at: Timestamp(u64::MAX), uses };
    store.propose(Command::CreateToken(token), PATIENCE).await.expect("a token");
    id
}

/// Enrols a machine through a member.
pub(crate) async fn enroll(store: &RoutingStore, role: TokenRole, token: TokenId, name: &str, key: u8) -> Option<ProxyId> {
    let enrollment = Enrollment { token, secret: hash(99), role, name: name.to_owned(), key: hash(key) };
    match store.propose(Command::Enroll(enrollment), PATIENCE).await.expect("enrolled").answer {
        Accepted::Enrolled { proxy } => proxy,
        Accepted::Done | Accepted::Epoch(_) => panic!("an enrolment is answered by an identity"),
    }
}

/// Three members that all vote, all with an epoch.
pub(crate) async fn three<D: Volume>(network: &Network, disks: &[Arc<D>; 3]) -> Vec<RoutingStore> {
    three_with(network, disks, |config| config).await
}

/// The same with other settings; member 3 finds the leader through member 2.
pub(crate) async fn three_with<D: Volume>(
    network: &Network,
    disks: &[Arc<D>; 3],
    adapt: impl Fn(StoreConfig) -> StoreConfig,
) -> Vec<RoutingStore> {
    let one = first(network, adapt(config(1, &[])), disks[0].clone()).await;
    // One more than it takes, for tests that go on.
    let token = token(&one, TokenRole::Proxy, 3).await;
    assert_eq!(enroll(&one, TokenRole::Proxy, token, "proxy-2", 2).await, Some(ProxyId(2)));
    let two = open(network, adapt(config(2, &[1])), disks[1].clone()).await;
    two.live(start(2));
    has_lease(&two).await;
    assert_eq!(enroll(&two, TokenRole::Proxy, token, "proxy-3", 3).await, Some(ProxyId(3)));
    let three = open(network, adapt(config(3, &[2])), disks[2].clone()).await;
    three.live(start(3));
    has_lease(&three).await;
    let all = vec![one, two, three];
    for store in &all {
        // A change that is not settled yet could not be once a member is gone.
        until(store, |store| store.status().voters.len() == 3 && !store.status().is_changing).await;
    }
    all
}

pub(crate) fn disks() -> [Arc<MemoryDisk>; 3] {
    std::array::from_fn(|_| Arc::new(MemoryDisk::default()))
}

/// Waits until the store holds its lease.
pub(crate) async fn has_lease(store: &RoutingStore) {
    let mut lease = store.lease();
    let held = lease.wait_for(|state| matches!(state, LeaseState::Held(_)));
    let held = tokio::time::timeout(PATIENCE, held).await.map(|held| drop(held.expect("a running store")));
    assert!(held.is_ok(), "a lease in time, not {:#?}", store.status());
}

/// Waits until something is so; looked at whenever an entry was applied, and now and then: what a member says of the group may be
/// a moment younger than the entry that made it so.
pub(crate) async fn until(store: &RoutingStore, so: impl Fn(&RoutingStore) -> bool) {
    let mut applied = store.applied();
    let wait = async {
        while !so(store) {
            if let Ok(changed) = tokio::time::timeout(LOOK, applied.changed()).await {
                changed.expect("a running store");
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "in time, not {:#?}", store.status());
}

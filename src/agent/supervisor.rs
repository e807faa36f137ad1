//! Keeps the tunnels that the agent ought to hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use warren_raft::{ProxyId, Sequence};

use super::enrollment::AgentError;
use super::events::{Event, Way};
use super::placement::{Knowledge, State, Step};
use super::tunnel::Tunnels;
use crate::identity::{CredentialStore, CredentialsHandle, KnownProxies};
use crate::net::{Backoff, Env};
use crate::wire::{ClusterView, Member};

/// The waits before a way that failed is tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// The waits before a further tunnel is tried beside those that wait for a quorum.
const ELSEWHERE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How long a proxy that has just started may take to get its first epoch.
const FIRST_EPOCH: Duration = Duration::from_secs(2);

/// What an agent has now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentStatus {
    /// The proxies it has a tunnel to, whose route is committed.
    pub tunnels: Vec<ProxyId>,
}

/// A tunnel that is no more.
struct Ended {
    sequence: Sequence,
    proxy: Option<ProxyId>,
    retry_after: Option<Duration>,
}

/// A way that failed: how often, and when it may be tried again.
#[derive(Debug)]
struct Failing {
    backoff: Backoff,
    until: Instant,
}

/// The key of a way: a proxy, or the configured addresses.
type WayKey = Option<ProxyId>;

/// Keeps an agent's tunnels.
pub(super) struct Supervisor {
    entry: Vec<String>,
    knowledge: Knowledge,
    failures: BTreeMap<WayKey, Failing>,
    /// When a tunnel may be tried beside those that wait for a quorum.
    elsewhere: Failing,
    /// The number of the tunnel that counts, by proxy: the end of an older one changes nothing.
    current: BTreeMap<ProxyId, Sequence>,
    sequence: Sequence,
    /// Whether another proxy was found where a known one should be, since the proxies were last told.
    is_outdated: bool,
    tunnels: Arc<Tunnels>,
    credentials: CredentialsHandle,
    store: CredentialStore,
    known: KnownProxies,
    status: watch::Sender<AgentStatus>,
}

impl Supervisor {
    /// One that has no tunnel yet and may dial the addresses of `entry`.
    pub(super) fn new(
        entry: Vec<String>,
        sequence: Sequence,
        tunnels: Arc<Tunnels>,
        (credentials, store): (CredentialsHandle, CredentialStore),
        status: watch::Sender<AgentStatus>,
    ) -> Self {
        let (knowledge, known) = (Knowledge::default(), KnownProxies::new(store.dir()));
        let elsewhere = Failing { backoff: Backoff::new(ELSEWHERE.0, ELSEWHERE.1), until: Instant::now() };
        Self {
            entry,
            knowledge,
            failures: BTreeMap::new(),
            elsewhere,
            current: BTreeMap::new(),
            sequence,
            is_outdated: false,
            tunnels,
            credentials,
            store,
            known,
            status,
        }
    }

    /// Takes in what happens and keeps what ought to be, until `cancel`.
    pub(super) async fn run(mut self, mut events: mpsc::Receiver<Event>, env: Env, cancel: CancellationToken) {
        let mut rng = env.entropy.split("agent").rng();
        loop {
            // One moment for both: a way that is over its wait in between would be tried neither now nor later.
            let now = Instant::now();
            self.reconcile(now, &mut rng);
            let next_try = self.next_try(now);
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(event, &mut rng),
                    None => return,
                },
                () = wait_until(next_try) => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    /// Begins every tunnel that is wanting and may be tried now.
    fn reconcile(&mut self, now: Instant, rng: &mut impl rand::Rng) {
        if self.knowledge.waiting() > 0 && self.elsewhere.until > now {
            return;
        }
        // After a recovery or a restore the proxies have other ids. Without a tunnel nobody tells this agent, and those it knows are silent, each for a while.
        if self.is_outdated && self.knowledge.is_adrift() && !self.is_failing(None, now) {
            self.enter(rng);
        }
        while let Some(step) = self.knowledge.next(|proxy| self.is_failing(Some(proxy), now), rng) {
            match step {
                Step::Open(member) => self.open(member),
                Step::Enter if self.is_failing(None, now) => return,
                Step::Enter => self.enter(rng),
            }
        }
    }

    fn open(&mut self, member: Member) {
        self.knowledge.tunnels.insert(member.id, State::Connecting);
        let addresses = member.public_addresses.clone();
        let id = member.id;
        let sequence = self.begin(Way::Chosen(member), addresses);
        self.current.insert(id, sequence);
    }

    fn enter(&mut self, rng: &mut impl rand::Rng) {
        use rand::seq::SliceRandom;
        self.knowledge.entering = true;
        let mut addresses = self.entry.clone();
        addresses.shuffle(rng);
        // The proxies of the configuration may be gone for good, while others of which it was told are there.
        for known in self.remembered() {
            if !addresses.contains(&known) {
                addresses.push(known);
            }
        }
        self.begin(Way::Entry, addresses);
    }

    /// The addresses of the proxies that were there when the agent last heard of them, perhaps in an earlier life of its process.
    fn remembered(&self) -> Vec<String> {
        self.known.load().map(|proxies| KnownProxies::addresses(&proxies)).unwrap_or_else(|error| {
            tracing::warn!(%error, "the list of proxies cannot be read");
            Vec::new()
        })
    }

    fn begin(&mut self, way: Way, addresses: Vec<String>) -> Sequence {
        self.sequence = Sequence(self.sequence.0 + 1);
        let (tunnels, sequence) = (self.tunnels.clone(), self.sequence);
        self.tunnels.tasks.spawn(async move { tunnels.run(way, addresses, sequence).await });
        sequence
    }

    fn take(&mut self, event: Event, rng: &mut impl rand::Rng) {
        match event {
            Event::Welcomed { way, sequence, proxy, cluster } => {
                tracing::info!(%proxy, "tunnel open");
                self.failures.remove(&key(&way));
                self.held(&way, sequence, (proxy, State::Up));
                self.learn(cluster);
            }
            Event::Waiting { way, sequence, proxy, cluster, reason } => {
                tracing::warn!(%proxy, reason, "not registered yet: only proxies that ask for it reach this agent");
                // A proxy that has just started has its first epoch in a moment. A lost lease, everybody learned of at the same moment.
                let was_up = self.knowledge.tunnels.get(&proxy) == Some(&State::Up);
                let least = if was_up { Duration::ZERO } else { FIRST_EPOCH };
                self.elsewhere.until = Instant::now() + least + self.elsewhere.backoff.next(rng);
                self.held(&way, sequence, (proxy, State::Waiting));
                self.learn(cluster);
            }
            Event::Cluster(cluster) => self.learn(cluster),
            Event::Stranger => self.is_outdated = true,
            Event::Leaving { proxy, sequence } if self.current.get(&proxy) == Some(&sequence) => {
                tracing::info!(%proxy, "proxy is going away");
                self.knowledge.tunnels.insert(proxy, State::Leaving);
            }
            Event::Leaving { .. } => {}
            Event::Ended { way, sequence, proxy, reason, retry_after } => {
                let failed = Ended { sequence, proxy, retry_after };
                tracing::info!(proxy = proxy.map(tracing::field::display), reason, "tunnel lost");
                self.ended(&way, &failed, rng);
            }
            Event::Renewed { certificate } => self.renewed(&certificate),
        }
        self.report();
    }

    /// Notes that a tunnel is held.
    fn held(&mut self, way: &Way, sequence: Sequence, (proxy, state): (ProxyId, State)) {
        self.knowledge.entering &= *way != Way::Entry;
        // A proxy that is going away stays so, whatever becomes of the route.
        let is_leaving = self.current.get(&proxy) == Some(&sequence) && self.knowledge.tunnels.get(&proxy) == Some(&State::Leaving);
        // The proxy has closed an older tunnel for this one.
        self.current.insert(proxy, sequence);
        if !is_leaving {
            self.knowledge.tunnels.insert(proxy, state);
        }
        if self.knowledge.waiting() == 0 {
            self.elsewhere.backoff.reset();
        }
    }

    fn learn(&mut self, ClusterView { proxies, strategy, .. }: ClusterView) {
        if self.knowledge.proxies != proxies {
            if let Err(error) = self.known.save(&proxies) {
                tracing::warn!(%error, "the list of proxies was not kept");
            }
            self.knowledge.proxies = proxies;
        }
        self.knowledge.strategy = Some(strategy);
        self.is_outdated = false;
    }

    fn ended(&mut self, way: &Way, ended: &Ended, rng: &mut impl rand::Rng) {
        if *way == Way::Entry && ended.proxy.is_none() {
            self.knowledge.entering = false;
        }
        if let Some(proxy) = ended.proxy.or(key(way))
            && self.current.get(&proxy) == Some(&ended.sequence)
        {
            self.current.remove(&proxy);
            self.knowledge.tunnels.remove(&proxy);
        }
        // A way that worked is tried again soon, one that never did less and less often.
        let new = || Failing { backoff: Backoff::new(BACKOFF.0, BACKOFF.1), until: Instant::now() };
        let failing = self.failures.entry(key(way)).or_insert_with(new);
        let wait = failing.backoff.next(rng).max(ended.retry_after.unwrap_or_default());
        failing.until = Instant::now() + wait;
    }

    fn renewed(&mut self, certificate: &[u8]) {
        let renewed = self.credentials.current().with_certificate(certificate).map_err(AgentError::from).and_then(|credentials| {
            self.store.save(&credentials)?;
            Ok(self.credentials.replace(credentials)?)
        });
        match renewed {
            Ok(()) => tracing::info!("certificate renewed"),
            Err(error) => tracing::warn!(%error, "renewed certificate not taken"),
        }
    }

    fn report(&self) {
        let up = self.knowledge.tunnels.iter().filter(|(_, state)| **state == State::Up);
        let status = AgentStatus { tunnels: up.map(|(proxy, _)| *proxy).collect() };
        self.status.send_if_modified(|known| {
            let changed = *known != status;
            *known = status;
            changed
        });
    }

    fn is_failing(&self, key: WayKey, now: Instant) -> bool {
        self.failures.get(&key).is_some_and(|failing| failing.until > now)
    }

    /// When the first failed way may be tried again.
    fn next_try(&self, now: Instant) -> Option<Instant> {
        let elsewhere = (self.knowledge.waiting() > 0).then_some(self.elsewhere.until);
        self.failures.values().map(|failing| failing.until).chain(elsewhere).filter(|until| *until > now).min()
    }
}

fn key(way: &Way) -> WayKey {
    match way {
        Way::Chosen(member) => Some(member.id),
        Way::Entry => None,
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

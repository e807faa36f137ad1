//! Keeps the tunnels that the agent ought to hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use warren_raft::{ProxyId, Sequence, reached};

use super::dialling::{Addresses, Socket};
use super::enrollment::AgentError;
use super::events::{Event, What};
use super::placement::{Hearing, Knowledge, Meeting, Moved, State, Step};
use super::tunnel::{Tunnels, Wish};
use super::ways::{WayKey, Ways};
use crate::identity::{CredentialStore, CredentialsHandle, KnownProxies};
use crate::net::Env;
use crate::wire::{Authorities, ClusterView, Member};

/// How long a proxy that has just started may take to get its first epoch.
const FIRST_EPOCH: Duration = Duration::from_secs(2);

/// What an agent has now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentStatus {
    /// The proxies it has a tunnel to, whose route is committed.
    pub tunnels: Vec<ProxyId>,
}

/// A tunnel whose task runs.
#[derive(Debug)]
pub(super) struct Running {
    /// What it was meant for.
    pub(super) aim: WayKey,
    /// Where it leads, once that is known.
    pub(super) proxy: Option<ProxyId>,
    /// When it was welcomed first.
    pub(super) welcomed: Option<Instant>,
    /// Cancelled when it is wanted no more.
    retire: CancellationToken,
    /// The index of the last view of the cluster that was told over it.
    told: u64,
    /// The same when its proxy said that it goes away.
    left: Option<u64>,
}

/// What an agent is told to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Orders {
    /// The addresses by which it enters.
    pub(super) entry: Vec<String>,
    /// Whether it is to give up its tunnels, each when its last stream has ended.
    pub(super) is_leaving: bool,
}

/// Keeps an agent's tunnels.
pub(super) struct Supervisor {
    entry: Vec<String>,
    orders: watch::Receiver<Orders>,
    pub(super) knowledge: Knowledge,
    pub(super) ways: Ways,
    pub(super) running: BTreeMap<Sequence, Running>,
    sequence: Sequence,
    pub(super) tunnels: Arc<Tunnels>,
    credentials: CredentialsHandle,
    store: CredentialStore,
    known: KnownProxies,
    /// Over which tunnel the newest word of the cluster has come, and how new it is.
    told: Option<(Sequence, u64)>,
    /// The same of the word about the authorities.
    announced: Option<(Sequence, u64)>,
    pub(super) status: watch::Sender<AgentStatus>,
}

impl Supervisor {
    /// One that has no tunnel yet.
    pub(super) fn new(
        mut orders: watch::Receiver<Orders>,
        sequence: Sequence,
        tunnels: Arc<Tunnels>,
        (credentials, store): (CredentialsHandle, CredentialStore),
        status: watch::Sender<AgentStatus>,
    ) -> Self {
        let (knowledge, ways, running) = (Knowledge::default(), Ways::default(), BTreeMap::new());
        let known = KnownProxies::new(&store);
        let entry = orders.borrow_and_update().entry.clone();
        Self { entry, orders, knowledge, ways, running, sequence, tunnels, credentials, store, known, told: None, announced: None, status }
    }

    /// Takes in what happens and keeps what ought to be, until `cancel`.
    pub(super) async fn run(mut self, mut events: mpsc::Receiver<Event>, env: Env, cancel: CancellationToken) {
        let mut rng = env.entropy.split("agent").rng();
        loop {
            // One moment for both: a way that is over its wait in between would be tried neither now nor later.
            let now = Instant::now();
            if self.orders.borrow().is_leaving {
                self.give_up();
                if self.running.is_empty() {
                    return;
                }
            } else {
                self.reconcile(now, &mut rng);
            }
            self.report(now);
            let is_leaving = self.orders.borrow().is_leaving;
            let next = self.ways.next_try(now).into_iter().chain(self.knowledge.next_change(now)).min();
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(event, &mut rng),
                    None => return,
                },
                () = wait_until(next), if !is_leaving => {}
                Ok(()) = self.orders.changed() => self.entry = self.orders.borrow_and_update().entry.clone(),
                () = cancel.cancelled() => return,
            }
        }
    }

    /// Begins every tunnel that is wanting and may be tried now, and gives up those that nobody wants.
    fn reconcile(&mut self, now: Instant, rng: &mut impl Rng) {
        while let Some(step) = self.knowledge.next(&self.ways, now, rng) {
            match step {
                Step::Open(member) => self.open(&member, now, rng),
                Step::Enter => self.enter(now, rng),
                Step::Retire(proxy, sequence) => self.retire(proxy, sequence),
            }
        }
    }

    /// Gives up every tunnel; what runs over them runs on.
    fn give_up(&mut self) {
        for running in self.running.values().filter(|running| !running.retire.is_cancelled()) {
            running.retire.cancel();
        }
    }

    fn open(&mut self, member: &Member, now: Instant, rng: &mut impl Rng) {
        if self.ways.is_draw(&member.public_addresses) {
            self.ways.draws(self.knowledge.proxies.len(), now, rng);
        }
        self.begin(Some(member.id), Addresses { preferred: member.public_addresses.clone(), others: Vec::new() }, now);
    }

    fn enter(&mut self, now: Instant, rng: &mut impl Rng) {
        let mut preferred = self.entry.clone();
        preferred.shuffle(rng);
        // The proxies of the configuration may be gone for good, while others of which it was told are there.
        let mut others = KnownProxies::addresses(&self.remembered());
        others.retain(|known| !preferred.contains(known));
        self.begin(None, Addresses { preferred, others }, now);
    }

    /// Whether there is but one address to dial, whoever is meant.
    pub(super) fn has_one_address(&self) -> bool {
        let listed = self.knowledge.proxies.iter().flat_map(|proxy| &proxy.public_addresses);
        let mut others = self.entry.iter().chain(listed).filter(|address| self.entry.first() != Some(address));
        self.entry.len() <= 1 && others.next().is_none()
    }

    /// Chooses among the proxies of an earlier life of the process too, until one has told who is there: the one that the configuration leads to does not take
    /// it. Those that were not up are left out: how they stand by now, nobody knows.
    pub(super) fn recall(&mut self) {
        if self.knowledge.proxies.is_empty() {
            let mut proxies = self.remembered();
            proxies.retain(Member::is_up);
            self.knowledge.learn(proxies);
        }
    }

    /// The proxies that were there when the agent last heard of them, perhaps in an earlier life of its process.
    fn remembered(&self) -> Vec<Member> {
        self.known.load().unwrap_or_else(|error| {
            tracing::warn!(%error, "the list of proxies cannot be read");
            Vec::new()
        })
    }

    fn begin(&mut self, aim: WayKey, addresses: Addresses, now: Instant) {
        self.sequence = Sequence(self.sequence.0 + 1);
        let (tunnels, sequence, retire) = (self.tunnels.clone(), self.sequence, CancellationToken::new());
        self.knowledge.begun(sequence, aim, now);
        self.running.insert(sequence, Running { aim, proxy: None, welcomed: None, retire: retire.clone(), told: 0, left: None });
        let socket = if self.ways.is_draw(&addresses.preferred) { Socket::Fresh } else { Socket::Shared };
        self.tunnels.tasks.spawn(tunnels.run(Wish { sequence, addresses, socket, retire }));
    }

    fn retire(&mut self, proxy: ProxyId, sequence: Sequence) {
        tracing::info!(%proxy, name = self.name(proxy), "tunnel retired: it is not wanted any more");
        self.knowledge.retire(proxy);
        if let Some(running) = self.running.get(&sequence) {
            running.retire.cancel();
        }
    }

    fn take(&mut self, Event { sequence, what }: Event, rng: &mut impl Rng) {
        let now = Instant::now();
        match what {
            What::Met { proxy, address, answer } => self.met(sequence, (proxy, &address), answer, now),
            What::Welcomed { proxy, cluster } => {
                self.learn(sequence, cluster);
                tracing::info!(%proxy, name = self.name(proxy), "tunnel open");
                reached!("agent.welcomed");
                self.welcomed(proxy, sequence, now);
            }
            What::Waiting { proxy, cluster, reason } => {
                self.learn(sequence, cluster);
                tracing::warn!(%proxy, name = self.name(proxy), reason, "not registered yet: only proxies that ask for it reach this agent");
                reached!("agent.waiting");
                self.waits(proxy, sequence, now, rng);
            }
            What::Cluster(cluster) => self.learn(sequence, cluster),
            What::Leaving { proxy } => {
                tracing::info!(%proxy, name = self.name(proxy), "proxy is going away");
                self.knowledge.leaves(proxy, sequence);
                if let Some(running) = self.running.get_mut(&sequence) {
                    running.left = Some(running.told);
                }
            }
            What::Move { proxy, to } => {
                reached!("agent.asked_to_move");
                let moved = self.knowledge.moves(proxy, sequence, to);
                tracing::info!(%proxy, name = self.name(proxy), %to, to_name = self.name(to), goes = moved == Moved::Goes, "asked to move");
            }
            What::Retired { proxy } => {
                tracing::debug!(%proxy, "route withdrawn");
                reached!("agent.retired");
                self.knowledge.withdrawn(sequence);
            }
            What::Hearing { proxy, hearing } => {
                match hearing {
                    Hearing::Silent => {
                        reached!("agent.silent");
                        tracing::warn!(%proxy, name = self.name(proxy), "no sign of life: another tunnel is opened beside");
                    }
                    Hearing::Heard => tracing::info!(%proxy, name = self.name(proxy), "heard again"),
                }
                self.knowledge.hears(proxy, sequence, hearing);
            }
            What::Renewed { certificate } => self.renewed(&certificate),
            What::NotRenewed { proxy, reason } => self.not_renewed(proxy, &reason),
            What::Authorities(authorities) => self.trusts(sequence, &authorities),
            What::Ended(end) => {
                reached!("agent.tunnel_ended");
                self.ended(sequence, end, now, rng);
            }
        }
    }

    fn met(&mut self, sequence: Sequence, (proxy, address): (ProxyId, &str), answer: tokio::sync::oneshot::Sender<Meeting>, now: Instant) {
        let aim = self.running.get(&sequence).and_then(|running| running.aim);
        // One that wants to be left alone for a while is: the next address may be another's.
        let is_refused = aim != Some(proxy) && self.ways.is_refused(proxy, now) && !self.has_one_address();
        let meeting = if is_refused { Meeting::Held } else { self.knowledge.met(sequence, proxy, now) };
        let is_held = aim.is_none() && meeting == Meeting::Held && !is_refused && !self.knowledge.is_own(proxy, address);
        let is_another = aim.is_some_and(|aim| aim != proxy) || is_held;
        if is_another {
            self.ways.is_shared(address);
        }
        if meeting == Meeting::Taken
            && let Some(running) = self.running.get_mut(&sequence)
        {
            running.proxy = Some(proxy);
        }
        // The dial may have been given up.
        let _ = answer.send(meeting);
    }

    fn welcomed(&mut self, proxy: ProxyId, sequence: Sequence, now: Instant) {
        self.knowledge.stands(proxy, sequence, State::Up);
        self.ways.worked(Some(proxy), now);
        if let Some(running) = self.running.get_mut(&sequence) {
            running.welcomed.get_or_insert(now);
            if running.aim.is_none() {
                self.ways.worked(None, now);
            }
        }
        if self.knowledge.waiting() == 0 {
            self.ways.none_waits();
        }
    }

    fn waits(&mut self, proxy: ProxyId, sequence: Sequence, now: Instant, rng: &mut impl Rng) {
        // A proxy that has just started has its first epoch in a moment. A lost lease, everybody learned of at the same moment.
        let was_up = self.knowledge.tunnels.get(&proxy).is_some_and(|held| held.state == State::Up);
        let least = if was_up { Duration::ZERO } else { FIRST_EPOCH };
        self.ways.waits(least, now, rng);
        self.knowledge.stands(proxy, sequence, State::Waiting);
        if let Some(running) = self.running.get_mut(&sequence) {
            running.welcomed.get_or_insert(now);
        }
    }

    /// A proxy that was late to hear that it drains no more has asked to be left when others had told already that it does not: its own next word undoes that.
    fn stays(&mut self, sequence: Sequence, cluster: &ClusterView) {
        let Some(running) = self.running.get_mut(&sequence) else { return };
        running.told = running.told.max(cluster.index);
        let is_up = |proxy| cluster.proxies.iter().any(|member| member.id == proxy && member.is_up());
        // Without a quorum the index stands still, and so does what is said of a proxy that goes away.
        if let Some(proxy) = running.proxy.filter(|proxy| is_up(*proxy))
            && running.left.take_if(|left| *left < cluster.index).is_some()
        {
            self.knowledge.stays(proxy, sequence);
        }
    }

    fn learn(&mut self, sequence: Sequence, cluster: ClusterView) {
        self.stays(sequence, &cluster);
        let ClusterView { proxies, strategy, index, .. } = cluster;
        // A proxy that is cut off, or a little behind the others, must not undo what they have told. Indices begin anew only when all proxies do.
        if self.told.is_some_and(|(teller, told)| told > index && self.running.contains_key(&teller)) {
            return;
        }
        self.told = Some((sequence, index));
        if self.knowledge.proxies[..] != proxies[..] {
            if let Err(error) = self.known.save(&proxies) {
                tracing::warn!(%error, "the list of proxies was not kept");
            }
            self.ways.forget_all_but(&proxies);
            self.knowledge.learn(proxies);
        }
        if self.knowledge.strategy.replace(strategy) != Some(strategy) {
            tracing::info!(%strategy, "told of the strategy");
        }
    }

    fn renewed(&mut self, certificate: &[u8]) {
        let renewed = self.credentials.current().with_certificate(certificate).map_err(AgentError::from).and_then(|credentials| {
            self.store.save(&credentials)?;
            Ok(self.credentials.replace(credentials)?)
        });
        match renewed {
            Ok(()) => tracing::info!(serial = %self.credentials.current().serial(), "certificate renewed"),
            Err(error) => tracing::warn!(%error, "renewed certificate not taken"),
        }
    }

    fn not_renewed(&self, proxy: ProxyId, reason: &str) {
        let current = self.credentials.current();
        let seconds_left = current.remaining(self.tunnels.env.wall.now()).as_secs();
        tracing::warn!(%proxy, name = self.name(proxy), reason, seconds_left, serial = %current.serial(), "certificate not renewed");
    }

    /// Trusts whom the proxies say, unless one says so that is behind what another has said.
    fn trusts(&mut self, sequence: Sequence, authorities: &Authorities) {
        if self.announced.is_some_and(|(teller, told)| told > authorities.index && self.running.contains_key(&teller)) {
            return;
        }
        self.announced = Some((sequence, authorities.index));
        let told = self.credentials.current().told(authorities).map_err(AgentError::from).and_then(|told| {
            let Some(credentials) = told else { return Ok(()) };
            self.store.save(&credentials)?;
            tracing::info!(authorities = credentials.authorities().len(), "told whom to trust");
            Ok(self.credentials.replace(credentials)?)
        });
        if let Err(error) = told {
            tracing::warn!(%error, "whom to trust was not kept");
        }
    }

    /// What a proxy is called, as far as it is known.
    pub(super) fn name(&self, proxy: ProxyId) -> &str {
        self.knowledge.member(proxy).map_or("", |member| member.name.as_str())
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

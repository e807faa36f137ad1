//! The ingress side of a dial.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, sleep_until};
use warren_raft::{AgentName, ClientName, ProxyId, ProxyName, RoutingStore, ServiceName, Table, mutant, reached};

use super::again::Failed;
use super::attempt::{self, Miss, Open};
use super::candidates::{Candidate, Distance, Fitness, Locality, Place};
use super::loads::Loads;
use super::pace::Pace;
use super::quorum::QuorumMemory;
use super::race::{Begin, Race, Rank, Way};
use super::resolve::{Choice, Unresolved, resolve};
use super::suspects::Suspects;
use super::tries::Tries;
use super::{candidates, failures};
use crate::failure::{Code, Failure, Stage};
use crate::net::{Budget, Env};
use crate::proxy::caller::Caller;
use crate::proxy::dial_metrics::{DialMetrics, DialPath, DialStage};
use crate::proxy::mesh::Links;
use crate::proxy::tunnels::Tunnels;
use crate::target::Target;
use crate::traces::{Deed, Span, Timer};
use crate::wire::{DialAnswer, DialHeader, Entered, TraceId};

/// Most ways that are tried for one dial.
const MAX_TRIES: usize = 8;
/// So many ways are compared at most before the first is tried, and those of one agent.
const MAX_COMPARED: usize = 512;
/// So many of them are kept.
const MAX_WAYS: usize = 16;

/// What a client wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Who asks.
    pub caller: Caller,
    /// By which way in, if it is not one of warren's own connections.
    pub ingress: Option<String>,
    /// Where it comes from, `IP:PORT`.
    pub client_address: String,
    /// What for.
    pub target: Target,
    /// How long it waits.
    pub budget: Budget,
    /// The dial's identity in every log.
    pub trace: TraceId,
}

/// A dial that has connected.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The stream to the agent.
    pub open: Open,
    /// Whose service it is.
    pub agent: AgentName,
    /// Which of them.
    pub service: ServiceName,
    /// The proxies on the way, this one first.
    pub path: Vec<ProxyId>,
}

/// Dials agents for the clients of this proxy.
#[derive(Debug)]
pub(crate) struct Dialer {
    /// This proxy.
    pub(super) me: ProxyId,
    /// What is said of who asks where that is nobody in particular: the name of this proxy.
    name: ClientName,
    /// The clock and the randomness.
    env: Env,
    /// Who is where.
    pub(super) store: RoutingStore,
    /// The peers.
    pub(super) links: Links,
    /// The tunnels that are here.
    pub(super) tunnels: Arc<Tunnels>,
    /// Whether there was a quorum when it was asked last.
    pub(super) quorum: QuorumMemory,
    /// The tunnels that gave no answer.
    suspects: Suspects,
    /// How long an answer usually takes.
    pace: Pace,
    /// What is counted.
    pub(super) metrics: DialMetrics,
    /// What each agent has to do for this proxy.
    loads: Loads,
}

impl Dialer {
    /// A dialler for the clients of `me`.
    pub(crate) fn new(
        (me, name): (ProxyId, &ProxyName),
        env: Env,
        store: RoutingStore,
        (links, tunnels): (Links, Arc<Tunnels>),
        metrics: DialMetrics,
    ) -> Self {
        let name = name.as_str().parse().expect("proxies and clients are named by the same rules");
        let (quorum, suspects, pace, loads) = (QuorumMemory::default(), Suspects::default(), Pace::default(), Loads::default());
        Self { me, name, env, store, links, tunnels, quorum, suspects, pace, metrics, loads }
    }

    /// Dials until one try connects, an answer is final, or the budget is used up, and counts what came of it.
    ///
    /// # Errors
    /// The [`Failure`] that the client is to be told.
    pub(crate) async fn dial(&self, wanted: &Wanted) -> Result<Connection, Failure> {
        let (begun, timer) = (Instant::now(), Timer::begin(&*self.env.wall));
        let dialled = self.dial_somewhere(wanted).await;
        let path = match &dialled {
            Ok(connection) if connection.path.len() == 1 => DialPath::Local,
            Ok(_) => DialPath::Peer,
            Err(_) => DialPath::Nowhere,
        };
        if dialled.is_ok() {
            self.metrics.took(DialStage::Whole, begun.elapsed());
        }
        self.metrics.ended(dialled.as_ref().err().map(Failure::code), path);
        self.env.traces.record(|| self.span(timer, wanted, &dialled));
        dialled
    }

    /// All of a dial.
    fn span(&self, timer: Timer, wanted: &Wanted, dialled: &Result<Connection, Failure>) -> Span {
        let span = timer.end(wanted.trace, (Deed::Dial(self.me), None)).with("caller", &wanted.caller).with("target", &wanted.target);
        match dialled {
            Ok(connection) => span.with("outcome", "connected").with("agent", &connection.agent).with("service", &connection.service),
            Err(failure) => span.with("outcome", failure.code()).failed(Some(failure.message().to_owned())),
        }
    }

    async fn dial_somewhere(&self, wanted: &Wanted) -> Result<Connection, Failure> {
        let table = self.store.table();
        let stale = match self.dial_in(&table, wanted).await {
            Ok(connection) => return Ok(connection),
            Err(Failed::Final(failure)) => return Err(failure),
            Err(failed) => failed,
        };
        // What this proxy knows may lag behind.
        self.settle(&table, stale, wanted).await
    }

    pub(super) async fn dial_in(&self, table: &Table, wanted: &Wanted) -> Result<Connection, Failed> {
        let choices = resolve(table, &wanted.caller, &wanted.target, self.somewhere(&wanted.target)).map_err(|why| {
            let failure = failures::unresolved(&wanted.target, &why);
            match why {
                Unresolved::AgentUnknown(_) | Unresolved::ServiceUnknown | Unresolved::Denied => Failed::Doubtful(failure),
            }
        })?;
        let online = choices.iter().take_while(|choice| table.routes_of(&choice.agent).next().is_some()).count();
        let ways = self.ways(table, &choices[..online]);
        match choices.last() {
            Some(choice) if ways.is_empty() => Err(Failed::Doubtful(failures::offline(table, choice, self.env.wall.now().0))),
            _ => self.race(table, (&choices, ways), wanted).await,
        }
    }

    /// The ways to these services, the best first: of agents that are about as near, the one that has less to do for this proxy, and of its tunnels the one whose proxy has.
    fn ways(&self, table: &Table, choices: &[Choice]) -> Vec<Way> {
        let mut candidates = Vec::new();
        for (number, choice) in choices.iter().enumerate() {
            candidates.extend(table.routes_of(&choice.agent).map(|route| Candidate {
                fitness: self.fitness(table, &choice.agent, route.into()),
                since: route.since,
                way: Way { choice: number, place: route.into() },
            }));
            // The others are not worth looking at: so many are not tried.
            if candidates.len() >= MAX_COMPARED {
                break;
            }
        }
        let load = |way: Way| (self.loads.of(&choices[way.choice].agent), self.links.streams(way.place.proxy));
        let mut ways = candidates::order(candidates, load, &mut self.env.entropy.rng());
        ways.truncate(MAX_WAYS);
        ways
    }

    /// How good the way to the agent by this place is.
    pub(super) fn fitness(&self, table: &Table, agent: &AgentName, place: Place) -> Fitness {
        let is_own = place.proxy == self.me;
        let own = if is_own { self.tunnels.get(agent) } else { None };
        let own_round_trip = || own.as_ref().map_or(Duration::ZERO, |tunnel| tunnel.connection.rtt());
        let round_trip = if is_own { Some(own_round_trip()) } else { self.links.rtt(place.proxy) };
        let is_silent = if is_own { own.is_none_or(|tunnel| tunnel.is_suspect()) } else { self.links.is_silent(place.proxy) };
        let distance = Distance { locality: self.locality(table, place.proxy), round_trip: round_trip.unwrap_or(Duration::MAX) };
        // Only a way that is good otherwise is tried again by this dial.
        if is_silent || round_trip.is_none() || self.suspects.doubts(agent, place, Instant::now()) {
            return Fitness::Doubtful(distance);
        }
        if table.is_draining(place.proxy) { Fitness::Draining(distance) } else { Fitness::Sound(distance) }
    }

    fn locality(&self, table: &Table, proxy: ProxyId) -> Locality {
        let zone = |id| table.proxy(id).map(|proxy| proxy.zone.as_str());
        match proxy {
            own if own == self.me => Locality::Own,
            other if zone(other) == zone(self.me) => Locality::Zone,
            _ => Locality::Beyond,
        }
    }

    /// Tries these ways until one connects, the next beside those before it when they take longer than usual.
    pub(super) async fn race(&self, table: &Table, (choices, ways): (&[Choice], Vec<Way>), wanted: &Wanted) -> Result<Connection, Failed> {
        let (mut race, mut tries) = (Race::new(ways, MAX_TRIES), Tries::default());
        let mut last = None;
        loop {
            self.begin(&mut race, &mut tries, (choices, wanted));
            if tries.is_empty() {
                return Err(last.unwrap_or_else(|| Failed::Doubtful(too_many_tries())));
            }
            let ended = tokio::select! {
                ended = tries.next() => ended,
                () = wait_until(race.due()) => {
                    self.look(&mut race, choices);
                    continue;
                }
            };
            let (way, choice) = (ended.way, &choices[ended.way.choice]);
            match ended.tried {
                Ok(open) => {
                    self.connected(&race, (way, ended.since), choices);
                    return Ok(Connection {
                        open,
                        agent: choice.agent.clone(),
                        service: choice.service.clone(),
                        path: self.path(way.place.proxy),
                    });
                }
                Err(miss) => {
                    reached!("proxy.dial_missed");
                    tracing::debug!(owner = %way.place.proxy, agent = %choice.agent, %miss, "try failed");
                    self.missed(&mut race, (way, ended.since), (choice, &miss));
                    let failure = failures::missed(table, choice, way.place.proxy, &miss);
                    if miss.is_final() {
                        tries.cancel(way.choice);
                        last = Some(Failed::Final(failure));
                    } else if !miss.is_superseded() || last.is_none() {
                        last = Some(Failed::after(last, &miss, failure));
                    }
                }
            }
        }
    }

    /// Begins what may begin now.
    fn begin<'a>(&'a self, race: &mut Race, tries: &mut Tries<'a>, (choices, wanted): (&'a [Choice], &'a Wanted)) {
        while let Some(begin) = race.next(Instant::now()) {
            let way = match begin {
                Begin::Alone(way) => way,
                Begin::Beside(way) => {
                    tracing::debug!(owner = %way.place.proxy, agent = %choices[way.choice].agent, "tried beside those that take long");
                    reached!("proxy.dial_hedged");
                    self.pace.hedged();
                    way
                }
            };
            let owner = way.place.proxy;
            let usual = self.pace.usual(owner, self.links.rtt(owner));
            race.begun(begin, usual, Instant::now());
            tries.begin(way, self.try_owner(owner, &choices[way.choice], wanted, wanted.budget));
        }
    }

    /// Looks where else the agents are by now whose known ways take longer than usual.
    fn look(&self, race: &mut Race, choices: &[Choice]) {
        let now = Instant::now();
        if !race.wants_more(now) {
            return;
        }
        let overdue: Vec<_> = race.overdue(now).map(|way| way.choice).collect();
        let mut is_new = false;
        self.store.with_table(|table| {
            for choice in overdue {
                for route in table.routes_of(&choices[choice].agent) {
                    is_new |= race.found(Way { choice, place: route.into() }, Rank::Last);
                }
            }
        });
        if !is_new {
            race.looked(now);
        }
    }

    /// A way has connected: those to the same agent that gave no answer for so long are tried last for a while.
    fn connected(&self, race: &Race, (way, since): (Way, Instant), choices: &[Choice]) {
        let (now, agent) = (Instant::now(), &choices[way.choice].agent);
        self.pace.answered(way.place.proxy, now - since);
        self.suspects.answered(agent, way.place.proxy);
        for silent in race.overdue(now).filter(|silent| silent.choice == way.choice && *silent != way) {
            tracing::info!(owner = %silent.place.proxy, %agent, "a tunnel gave no answer to a dial that another one took: it is tried last for a while");
            self.suspects.unanswered(agent, silent.place, now);
        }
    }

    /// A way came to nothing.
    fn missed(&self, race: &mut Race, (way, since): (Way, Instant), (choice, miss): (&Choice, &Miss)) {
        let now = Instant::now();
        if miss.is_unanswered() {
            self.suspects.unanswered(&choice.agent, way.place, now);
        }
        if miss.is_superseded() {
            self.suspects.answered(&choice.agent, way.place.proxy);
            return race.superseded(way);
        }
        if miss.is_final() {
            self.pace.answered(way.place.proxy, now - since);
            self.suspects.answered(&choice.agent, way.place.proxy);
            return race.settled(way.choice, now);
        }
        if let Some(hint) = hint(miss) {
            race.found(Way { choice: way.choice, place: Place::at(hint) }, Rank::First);
        }
        race.missed(way, now);
    }

    async fn try_owner(&self, owner: ProxyId, choice: &Choice, wanted: &Wanted, budget: Budget) -> Result<Open, Miss> {
        let (client, entered) = match &wanted.caller {
            Caller::Client(client) => (client.clone(), None),
            Caller::Ingress { rule, .. } => (self.name.clone(), Some(Entered { rule: *rule })),
        };
        let header = DialHeader {
            trace: wanted.trace,
            client,
            client_address: wanted.client_address.clone(),
            agent: choice.agent.clone(),
            service: choice.service.clone(),
            budget_ms: budget.left_ms(),
            entered,
        };
        let counted = Some(self.loads.begin(&choice.agent));
        let (begun, timer) = (Instant::now(), Timer::begin(&*self.env.wall));
        let (stage, tried) = if owner == self.me && !mutant!("forwarded_to_itself") {
            (DialStage::Local, attempt::local(&self.tunnels, &header, budget).await)
        } else {
            (DialStage::Peer, attempt::peer(&self.links, owner, &header, budget).await)
        };
        if matches!(tried, Ok(_) | Err(Miss::Answered(_))) {
            self.metrics.took(stage, begun.elapsed());
        }
        self.env.traces.record(|| {
            let deed = if stage == DialStage::Local { Deed::Carry(owner) } else { Deed::Try(self.me, owner) };
            let span = timer.end(wanted.trace, (deed, Some(Deed::Dial(self.me)))).with("owner", owner).with("agent", &choice.agent);
            span.failed(tried.as_ref().err().map(ToString::to_string))
        });
        tried.map(|open| Open { _counted: counted, ..open })
    }

    fn path(&self, owner: ProxyId) -> Vec<ProxyId> {
        if owner == self.me { vec![self.me] } else { vec![self.me, owner] }
    }

    /// Where among all agents it is begun to look for some that publish what is wanted.
    fn somewhere(&self, target: &Target) -> u64 {
        match target {
            Target::Any(_) => self.env.entropy.rng().random(),
            Target::Service(..) | Target::Port(..) => 0,
        }
    }
}

/// Where a miss says that the tunnel is now.
fn hint(miss: &Miss) -> Option<ProxyId> {
    match miss {
        Miss::Answered(DialAnswer::NotHere { hint } | DialAnswer::Draining { hint }) => *hint,
        Miss::Answered(_) | Miss::Unreachable(_) | Miss::Deadline => None,
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn too_many_tries() -> Failure {
    Failure::new(Code::LimitReached, Stage::Route, format!("{MAX_TRIES} ways were tried"))
}

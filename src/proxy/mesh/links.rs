//! Every peer this proxy knows of, and the way to open a stream to one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::{ProxyId, Serial, Table, mutant};

use super::PeerConnection;
use super::calls::Calls;
use super::dialer::Dialer;
use super::keeper::keep;
use super::link::{Link, LinkTraffic};
use super::load::InUse;
use super::pulse;
use super::slot::NoConnection;
use crate::identity::{CredentialsHandle, peer_serial};
use crate::net::quic::StreamWindow;
use crate::net::{Budget, Elapsed, Env, shown};
use crate::proxy::threads::Threads;
use crate::target::Target;
use crate::wire::peer::{MAX_HELD, MAX_UNSETTLED, PeerReport};
use crate::wire::{AgentProgress, CertificateReport, ControlReply, ControlRequest, Heard, Held, LiveCertificates, Vitals, frame};

/// Most peers that are asked who has a tunnel.
const MAX_ASKED: usize = 64;

/// The peers of this proxy. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    me: ProxyId,
    dialer: Arc<Dialer>,
    data_connections: u8,
    threads: Threads,
    calls: Calls,
    links: Mutex<BTreeMap<ProxyId, Arc<Link>>>,
    tasks: TaskTracker,
    cancel: CancellationToken,
    /// Rings when a peer has refused this proxy as one that was removed.
    refused_as_removed: Arc<Notify>,
}

/// What the connections to peers are made with.
#[derive(Debug)]
pub(crate) struct PeerPort {
    /// Where they go out.
    pub endpoint: quinn::Endpoint,
    /// Who this proxy is.
    pub credentials: CredentialsHandle,
    /// Where those that are made go, to be served.
    pub made: mpsc::Sender<PeerConnection>,
    /// How many are kept to each peer for dials.
    pub data_connections: u8,
    /// Where they are driven.
    pub threads: Threads,
}

/// What peers said when they were asked who has a tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// How many answered.
    pub answered: usize,
    /// What they have.
    pub held: Vec<(ProxyId, Held)>,
}

/// What a table says of who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Known {
    /// What was so at some time: in this life of the process it has had no lease yet, and still catches up.
    Replayed,
    /// What is so.
    Current,
}

/// Why no stream to a peer could be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    /// Nothing is known of the proxy.
    #[error("proxy {0} is not known here")]
    Unknown(ProxyId),
    /// There is no connection to it.
    #[error("no connection to proxy {peer}: {reason}")]
    Unreachable {
        /// The proxy.
        peer: ProxyId,
        /// Why, as a fragment.
        reason: String,
    },
    /// Its connection gives no stream in time.
    #[error("proxy {0} took no stream in time")]
    Deadline(ProxyId),
}

impl Links {
    /// No peers yet.
    pub(crate) fn new(me: ProxyId, env: Env, port: PeerPort) -> Self {
        let PeerPort { endpoint, credentials, made, data_connections, threads } = port;
        let refused_as_removed = Arc::new(Notify::new());
        let dialer = Arc::new(Dialer { me, env, endpoint, credentials, made, refused_as_removed: refused_as_removed.clone() });
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        Self {
            shared: Arc::new(Shared {
                me,
                dialer,
                data_connections,
                threads,
                calls: Calls::default(),
                links: Mutex::default(),
                tasks,
                cancel,
                refused_as_removed,
            }),
        }
    }

    /// Makes the links agree with the table: one for each other proxy that has said where it is. Nobody is cut off for a table that may be of long ago: of those that are not
    /// in it yet the rest of it is to come.
    pub(in crate::proxy) fn follow(&self, table: &Table, known: Known) {
        for (id, proxy) in table.proxies().filter(|(id, proxy)| *id != self.shared.me && !proxy.peer_address.is_empty()) {
            self.link(id, &proxy.peer_address);
        }
        let mut links = self.lock();
        links.retain(|id, link| {
            let stays = known == Known::Replayed || table.proxy(*id).is_some();
            if !stays && !mutant!("link_kept") {
                link.cancel.cancel();
                link.cut();
            }
            stays
        });
    }

    /// The link to `peer`, made if there is none, now known at `address`.
    pub(super) fn link(&self, peer: ProxyId, address: &str) -> Arc<Link> {
        let mut links = self.lock();
        if let Some(link) = links.get(&peer) {
            link.moved_to(address);
            return link.clone();
        }
        let link = Arc::new(Link::new((self.shared.me, peer), address, self.shared.data_connections, self.shared.cancel.child_token()));
        links.insert(peer, link.clone());
        drop(links);
        for lane in link.lanes() {
            let (link, dialer) = (link.clone(), self.shared.dialer.clone());
            // A connection is driven where it is dialled.
            self.shared.tasks.spawn_on(async move { keep(&link, lane, &dialer).await }, self.shared.threads.of(lane));
        }
        let (watched, shared) = (link.clone(), Arc::downgrade(&self.shared));
        let peers = move || shared.upgrade().map_or(0, |shared| Self { shared }.lock().len());
        self.shared.tasks.spawn_on(async move { pulse::watch(&watched, peers).await }, &self.shared.threads.control);
        link
    }

    /// What dials peers.
    #[cfg(test)]
    pub(super) fn dialer(&self) -> &Dialer {
        &self.shared.dialer
    }

    /// Takes in a connection that the peer has dialled. A peer that is not known yet has just joined, and its table is still to come over
    /// this very connection: until it tells more, the peer is where it dialled from.
    pub(super) fn accepted(&self, made: &PeerConnection) {
        let known = self.lock().get(&made.peer).cloned();
        let link = known.unwrap_or_else(|| self.link(made.peer, &shown(made.connection.remote_address()).to_string()));
        link.put(made, made.peer);
    }

    /// Resolves when a peer refuses this proxy as one that was removed, or has done so since the last call.
    pub(crate) async fn refused_as_removed(&self) {
        self.shared.refused_as_removed.notified().await;
    }

    /// Opens a stream for a dial to `peer`.
    ///
    /// # Errors
    /// [`OpenError`], at once while the peer is known to be out of reach.
    pub(crate) async fn open(&self, peer: ProxyId, budget: Budget) -> Result<(InUse, SendStream, RecvStream), OpenError> {
        let link = self.lock().get(&peer).cloned().ok_or(OpenError::Unknown(peer))?;
        let live = link.data(budget).await.map_err(|error| unreachable(peer, &error))?;
        // Counted before it is there: dials that come together must not all take the same connection.
        let in_use = live.load.begin();
        let (send, recv) = open(&live, budget).await?;
        Ok((in_use, send, recv))
    }

    /// How much of a stream of `peer` may wait here.
    pub(crate) fn received(&self, peer: ProxyId) -> StreamWindow {
        let link = self.lock().get(&peer).cloned();
        link.and_then(|link| link.received(&self.shared.dialer.env.paths)).unwrap_or(StreamWindow::MOST)
    }

    /// How many data connections there may be with `peer`, those that it keeps beyond this proxy's included.
    pub(crate) fn lanes(&self, peer: ProxyId) -> usize {
        self.lock().get(&peer).map_or(0, |link| {
            let (live, missing) = link.data_connections();
            live + missing
        })
    }

    /// The round trip to `peer`, while it is connected.
    pub(crate) fn rtt(&self, peer: ProxyId) -> Option<Duration> {
        self.lock().get(&peer).cloned().and_then(|link| link.rtt())
    }

    /// What the routing store's calls take.
    pub(crate) fn calls(&self) -> &Calls {
        &self.shared.calls
    }

    /// Streams that run between this proxy and `peer`, whichever side has dialled.
    pub(crate) fn streams(&self, peer: ProxyId) -> usize {
        self.lock().get(&peer).cloned().map_or(0, |link| link.streams())
    }

    /// Whether nothing has been heard of `peer` for about a second, though there is a connection to it.
    pub(crate) fn is_silent(&self, peer: ProxyId) -> bool {
        self.lock().get(&peer).is_some_and(|link| link.is_silent())
    }

    /// The peers that questions or dials do not get to, since there is no control connection or none for dials.
    pub(crate) fn unreachable(&self) -> Vec<ProxyId> {
        self.lock().iter().filter(|(_, link)| !link.is_usable()).map(|(peer, _)| *peer).collect()
    }

    /// How many data connections to all peers live, and how many of those that are kept do not.
    pub(crate) fn data_connections(&self) -> (usize, usize) {
        let links: Vec<_> = self.lock().values().cloned().collect();
        links.iter().map(|link| link.data_connections()).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// How long a question to `peer` takes, there and back; `None` when it is not answered within the budget.
    pub(crate) async fn ping(&self, peer: ProxyId, budget: Budget) -> Option<Duration> {
        let link = self.lock().get(&peer).cloned()?;
        let asked = Instant::now();
        match ask(&link, &ControlRequest::Ping, budget).await {
            Ok(ControlReply::Pong(_)) => Some(asked.elapsed()),
            Ok(_) | Err(_) => None,
        }
    }

    /// Closes the connections of peers whose certificate is revoked, and returns how many.
    pub(crate) fn cut_revoked(&self, is_revoked: impl Fn(Serial) -> bool) -> usize {
        let links: Vec<_> = self.lock().values().cloned().collect();
        links.iter().map(|link| link.cut_where(|connection| peer_serial(connection).is_some_and(&is_revoked))).sum()
    }

    /// Asks every peer how it and its machines stand to the authorities. Those that do not answer within the budget are missing.
    pub(crate) async fn certificates(&self, budget: Budget) -> BTreeMap<ProxyId, CertificateReport> {
        let answers = self.ask_all(ControlRequest::Certificates, budget).await;
        let reports = answers
            .into_iter()
            .filter_map(|(peer, answer)| if let ControlReply::Certificates(report) = answer { Some((peer, report)) } else { None });
        reports.collect()
    }

    /// Asks every peer which certificates are in use at it.
    pub(crate) async fn live_certificates(&self, budget: Budget) -> Vec<LiveCertificates> {
        let answers = self.ask_all(ControlRequest::LiveCertificates, budget).await;
        let live = answers.into_iter().filter_map(|(peer, answer)| {
            if let ControlReply::LiveCertificates(live) = answer { Some(LiveCertificates { proxy: peer, ..live }) } else { None }
        });
        live.collect()
    }

    /// Asks every peer how it does just now. Those that do not answer within the budget, and those of an older version, are missing.
    pub(crate) async fn vitals(&self, budget: Budget) -> BTreeMap<ProxyId, Vitals> {
        let answers = self.ask_all(ControlRequest::Vitals, budget).await.into_iter();
        answers.filter_map(|(peer, answer)| if let ControlReply::Vitals(vitals) = answer { Some((peer, vitals)) } else { None }).collect()
    }

    /// The round trip to each peer, and the packets sent to it and lost over the connections that live now. Without a control connection there is no round trip.
    pub(crate) fn traffic(&self) -> Vec<(ProxyId, LinkTraffic)> {
        let links: Vec<_> = self.lock().values().cloned().collect();
        links.iter().map(|link| (link.peer, link.traffic())).collect()
    }

    /// What every peer answers that does so within the budget.
    async fn ask_all(&self, request: ControlRequest, budget: Budget) -> Vec<(ProxyId, ControlReply)> {
        let (links, request): (Vec<_>, _) = (self.lock().values().cloned().collect(), Arc::new(request));
        let mut questions = JoinSet::new();
        for link in links {
            let request = request.clone();
            questions.spawn(async move { (link.peer, ask(&link, &request, budget).await) });
        }
        let mut answers = Vec::new();
        while let Some(answered) = questions.join_next().await {
            if let Ok((peer, Ok(answer))) = answered {
                answers.push((peer, answer));
            }
        }
        answers
    }

    /// Asks every peer how it is. Those that do not answer within the budget are missing.
    pub(crate) async fn reports(&self, budget: Budget) -> BTreeMap<ProxyId, PeerReport> {
        let links: Vec<_> = self.lock().values().cloned().collect();
        let mut questions = JoinSet::new();
        for link in links {
            questions.spawn(async move { (link.peer, ask(&link, &ControlRequest::Ping, budget).await) });
        }
        let mut reports = BTreeMap::new();
        while let Some(answered) = questions.join_next().await {
            if let Ok((peer, Ok(ControlReply::Pong(report)))) = answered {
                reports.insert(peer, report);
            }
        }
        reports
    }

    /// Asks every peer which agents lack tunnels. What those that do not answer within the budget would have said is missing.
    pub(crate) async fn unsettled(&self, budget: Budget) -> Vec<(ProxyId, AgentProgress)> {
        let links: Vec<_> = self.lock().values().cloned().collect();
        let mut questions = JoinSet::new();
        for link in links {
            questions.spawn(async move { (link.peer, ask(&link, &ControlRequest::Unsettled, budget).await) });
        }
        let mut told = Vec::new();
        while let Some(answered) = questions.join_next().await {
            if let Ok((peer, Ok(ControlReply::Unsettled(agents)))) = answered {
                told.extend(agents.into_iter().take(MAX_UNSETTLED).map(|told| (peer, told)));
            }
        }
        told
    }

    /// Asks the peers that are connected and not silent, nearest first, which tunnels of theirs lead to `target`, and stops at the first that has one. What a
    /// silent peer would have said is not waited for beyond the budget.
    pub(crate) async fn who_has(&self, target: &Target, budget: Budget) -> Found {
        let mut links: Vec<_> = self.lock().values().filter_map(|link| Some((link.rtt()?, link.clone()))).collect();
        links.retain(|(_, link)| !link.is_silent());
        links.sort_by_key(|(rtt, link)| (*rtt, link.peer));
        let mut questions = JoinSet::new();
        for (_, link) in links.into_iter().take(MAX_ASKED) {
            let question = ControlRequest::WhoHas(Heard::Known(target.clone()));
            questions.spawn(async move { (link.peer, ask(&link, &question, budget).await) });
        }
        let mut found = Found::default();
        while let Some(answered) = questions.join_next().await {
            if let Ok((peer, Ok(ControlReply::Held(held)))) = answered {
                found.answered += 1;
                found.held.extend(held.into_iter().take(MAX_HELD).map(|held| (peer, held)));
                if !found.held.is_empty() {
                    break;
                }
            }
        }
        found
    }

    /// Ends every loop; connections close with the endpoint.
    pub(crate) async fn shutdown(&self) {
        self.shared.cancel.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ProxyId, Arc<Link>>> {
        self.shared.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// It was not sent.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It was sent, or may have been.
    #[error(transparent)]
    Frame(#[from] frame::FrameError),
    /// The answer is of a later version.
    #[error("answer {0} is not known to this version of warren")]
    Unknown(u32),
    /// No answer in time.
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
}

/// Asks a question on the control connection.
pub(super) async fn ask(link: &Link, request: &ControlRequest, budget: Budget) -> Result<ControlReply, AskError> {
    let control = link.control(budget).await.map_err(|error| unreachable(link.peer, &error))?;
    let (mut send, mut recv) = open(&control, budget).await?;
    let exchange = async {
        frame::write(&mut send, request, frame::MAX_CONTROL).await?;
        frame::hear(&mut recv, frame::MAX_CONTROL).await
    };
    match budget.run(exchange).await?? {
        Heard::Known(reply) => Ok(reply),
        Heard::Unknown(number) => Err(AskError::Unknown(number)),
    }
}

async fn open(live: &PeerConnection, budget: Budget) -> Result<(SendStream, RecvStream), OpenError> {
    let peer = live.peer;
    match budget.run(live.connection.open_bi()).await {
        Ok(opened) => opened.map_err(|error| OpenError::Unreachable { peer, reason: error.to_string() }),
        Err(Elapsed) => Err(OpenError::Deadline(peer)),
    }
}

fn unreachable(peer: ProxyId, error: &NoConnection) -> OpenError {
    OpenError::Unreachable { peer, reason: error.to_string() }
}

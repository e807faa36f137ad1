//! A tunnel that has been welcomed or waits to be: what is said on its control stream, its signs of life, and its streams.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::{ProxyId, Sequence};

use super::events::{Event, What};
use super::placement::Hearing;
use super::publishing::{Offered, Verdict};
use super::pulse::{Pulse, Seen, Sign};
use super::service;
use super::stream_limit::StreamLimit;
use super::tunnel::{TunnelError, Tunnels, refused};
use crate::identity::renewal::{self, Due};
use crate::net::Budget;
use crate::net::quic::{Profile, SendRoom, Side};
use crate::wire::{AgentMessage, ClusterView, Heard, ProxyMessage, Waiting, Welcome, frame};

/// How long the withdrawal of a route is waited for: it outlasts an election. Without a quorum it does not happen; then the end of the tunnel has to do.
const RETIRE: Duration = Duration::from_secs(15);
/// How long a retired tunnel is kept beyond its last stream: other proxies learn of the withdrawal a moment later, and a dial may be under way.
const LINGER: Duration = Duration::from_secs(1);
/// How long a proxy may leave no room for what it is told: longer than it may be silent.
const SAY: Duration = Duration::from_secs(10);
/// How often a proxy is told how far the agent is, at most.
const PROGRESS: Duration = Duration::from_secs(1);

/// What is published, and whenever that changes.
type Published = watch::Receiver<Offered>;

/// A tunnel that is held.
pub(super) struct Live<'a> {
    tunnels: &'a Tunnels,
    sequence: Sequence,
    proxy: ProxyId,
    connection: quinn::Connection,
    /// It is wanted no more.
    retire: CancellationToken,
    /// Its route is withdrawn.
    retired: CancellationToken,
    streams: TaskTracker,
    /// The lists of services that the proxy was told of and has said nothing to yet, in their order.
    unanswered: Mutex<VecDeque<Offered>>,
    /// How many streams it has carried.
    carried: AtomicU64,
    /// After how many milliseconds the proxy wants to be asked for a sign of life.
    pulse_ms: AtomicU32,
    /// The proxy's name, once it has said who is in the cluster.
    name: OnceLock<Arc<str>>,
}

impl<'a> Live<'a> {
    /// A tunnel to `proxy`, whose first message has been read.
    pub(super) fn new(
        tunnels: &'a Tunnels,
        sequence: Sequence,
        proxy: ProxyId,
        (connection, retire): (quinn::Connection, CancellationToken),
    ) -> Self {
        let (retired, streams) = (CancellationToken::new(), TaskTracker::new());
        // Closed, it still takes tasks, and tells when there are none.
        streams.close();
        let unanswered = Mutex::default();
        let (carried, pulse_ms) = (AtomicU64::new(0), AtomicU32::new(1_000));
        Self { tunnels, sequence, proxy, connection, retire, retired, streams, unanswered, carried, pulse_ms, name: OnceLock::new() }
    }

    /// Holds it until it is retired and its last stream has ended, or it breaks.
    pub(super) async fn run(&self, send: SendStream, recv: RecvStream, services: Published) -> Result<(), TunnelError> {
        // One at a time: what is not understood costs no more than what is.
        let (not_understood, to_answer) = mpsc::channel(1);
        tokio::select! {
            ended = self.listen(recv, not_understood) => ended,
            ended = self.speak(send, to_answer, services) => ended,
            ended = self.accept() => ended,
            () = self.run_out() => Ok(()),
        }
    }

    /// Takes in what the proxy pushes. The number of a message that only a later version knows is answered.
    async fn listen(&self, mut recv: RecvStream, not_understood: mpsc::Sender<u32>) -> Result<(), TunnelError> {
        loop {
            match frame::hear(&mut recv, frame::MAX_MESSAGE).await? {
                Heard::Known(message) => self.take(message).await?,
                Heard::Unknown(number) => not_understood.send(number).await.map_err(|_| TunnelError::Stopping)?,
            }
        }
    }

    /// Takes in a message of the proxy.
    pub(super) async fn take(&self, message: ProxyMessage) -> Result<(), TunnelError> {
        let proxy = self.proxy;
        let what = match message {
            ProxyMessage::Welcome(Welcome { cluster, .. }) => What::Welcomed { proxy, cluster: self.heed(cluster) },
            ProxyMessage::Waiting(Waiting { cluster, failure, .. }) => {
                let reason = failure.causes().first().map_or_else(|| failure.message().to_owned(), Clone::clone);
                What::Waiting { proxy, cluster: self.heed(cluster), reason }
            }
            ProxyMessage::Cluster(cluster) => What::Cluster(self.heed(cluster)),
            ProxyMessage::Leaving => What::Leaving { proxy },
            ProxyMessage::Renewed { certificate } => What::Renewed { certificate },
            ProxyMessage::NotRenewed { reason } => What::NotRenewed { proxy, reason },
            ProxyMessage::Authorities(authorities) => What::Authorities(authorities),
            ProxyMessage::Move { to } => What::Move { proxy, to },
            ProxyMessage::Refused { failure, retry_after_ms } => return Err(refused(failure, retry_after_ms)),
            ProxyMessage::Published => {
                tracing::info!(%proxy, "the proxy has taken over what is published");
                self.answered(Verdict::Published);
                return Ok(());
            }
            ProxyMessage::NotPublished { failure } => {
                tracing::warn!(%proxy, failure = failure.message(), "the proxy has not taken over what is published");
                self.answered(Verdict::Refused(failure));
                return Ok(());
            }
            ProxyMessage::NotUnderstood { number: AgentMessage::PUBLISH } => {
                tracing::warn!(%proxy, "the proxy is of an older version: it learns of what is published with the next tunnel");
                self.answered(Verdict::NotUnderstood);
                return Ok(());
            }
            // A proxy that does not know how to retire a tunnel withdraws the route when it is closed.
            ProxyMessage::Retired | ProxyMessage::NotUnderstood { number: AgentMessage::RETIRE } => {
                if self.retire.is_cancelled() {
                    self.retired.cancel();
                }
                return Ok(());
            }
            ProxyMessage::NotUnderstood { number } => {
                tracing::debug!(%proxy, number, "the proxy did not understand a message");
                return Ok(());
            }
        };
        self.tell(what).await
    }

    /// Notes what the proxy says to the oldest list that it was told of.
    fn answered(&self, verdict: Verdict) {
        let oldest = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some(offer) = oldest {
            self.tunnels.publishing.note(offer, verdict);
        }
    }

    /// What this proxy says of the cluster tells how often it wants to be asked, too.
    fn heed(&self, cluster: ClusterView) -> ClusterView {
        self.pulse_ms.store(cluster.pulse_ms, Ordering::Relaxed);
        if let Some(member) = cluster.proxies.iter().find(|member| member.id == self.proxy) {
            self.name.get_or_init(|| member.name.as_str().into());
        }
        cluster
    }

    /// Says what the proxy has to know, and watches for its signs of life.
    async fn speak(&self, mut send: SendStream, mut to_answer: mpsc::Receiver<u32>, mut services: Published) -> Result<(), TunnelError> {
        let mut progress = self.tunnels.progress.subscribe();
        progress.mark_changed();
        let mut pulse = Pulse::new(Instant::now());
        // What this machine holds is said at once, and whenever it changes.
        let mut replaced = self.tunnels.credentials.replaced();
        replaced.mark_changed();
        let mut due = self.due();
        let mut progress_at = Instant::now();
        let mut asked_to_retire = self.retire.is_cancelled();
        loop {
            let message = tokio::select! {
                () = self.retire.cancelled(), if !asked_to_retire => {
                    asked_to_retire = true;
                    AgentMessage::Retire
                }
                changed = replaced.changed() => {
                    changed.map_err(|_| TunnelError::Stopping)?;
                    due = self.due();
                    AgentMessage::Holds(self.tunnels.credentials.current().holdings())
                }
                changed = services.changed() => {
                    changed.map_err(|_| TunnelError::Stopping)?;
                    let offer = services.borrow_and_update().clone();
                    let message = AgentMessage::Publish { services: offer.services.clone() };
                    self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).push_back(offer);
                    message
                }
                () = sleep(due.wait(self.tunnels.env.wall.now())) => {
                    let current = self.tunnels.credentials.current();
                    // Asked again until it succeeds, be it over another tunnel.
                    if !due.is_over(self.tunnels.env.wall.now()) {
                        continue;
                    }
                    due = Due::after(renewal::pause(&current, &mut self.tunnels.env.entropy.rng()), self.tunnels.env.wall.now());
                    AgentMessage::Renew { request: current.key().csr() }
                }
                () = sleep_until(pulse.next()) => match self.feel(&mut pulse).await? {
                    Sign::Ask | Sign::Silent => AgentMessage::Pulse,
                    Sign::Nothing | Sign::Heard | Sign::Dead => continue,
                },
                Some(number) = to_answer.recv() => {
                    tracing::debug!(proxy = %self.proxy, number, "the proxy said what only a later version of warren knows");
                    AgentMessage::NotUnderstood { number }
                }
                changed = changed_from(&mut progress, progress_at) => {
                    if !changed {
                        return Err(TunnelError::Stopping);
                    }
                    progress_at = Instant::now() + PROGRESS;
                    AgentMessage::Progress(progress.borrow_and_update().clone())
                }
            };
            Budget::new(SAY).run(frame::write(&mut send, &message, frame::MAX_MESSAGE)).await??;
        }
    }

    fn due(&self) -> Due {
        let env = &self.tunnels.env;
        Due::of(&self.tunnels.credentials.current(), env.wall.now(), &mut env.entropy.rng())
    }

    /// Looks for signs of life, and tells the supervisor when they stop or come again.
    async fn feel(&self, pulse: &mut Pulse) -> Result<Sign, TunnelError> {
        let every = Duration::from_millis(self.pulse_ms.load(Ordering::Relaxed).into());
        let stats = self.connection.stats();
        let seen = Seen { acknowledged: stats.frame_rx.acks, rtt: stats.path.rtt };
        let sign = pulse.look(seen, every, Instant::now());
        let proxy = self.proxy;
        match sign {
            Sign::Silent => self.tell(What::Hearing { proxy, hearing: Hearing::Silent }).await?,
            Sign::Heard => self.tell(What::Hearing { proxy, hearing: Hearing::Heard }).await?,
            Sign::Dead => return Err(TunnelError::Silent),
            Sign::Nothing | Sign::Ask => {}
        }
        Ok(sign)
    }

    async fn accept(&self) -> Result<(), TunnelError> {
        let room = SendRoom::new(&self.connection, &self.tunnels.env.paths);
        let mut limit = StreamLimit::beginning_with(Profile::Tunnel.streams(Side::Dialler));
        loop {
            let stream = self.connection.accept_bi().await?;
            self.carried.fetch_add(1, Ordering::Relaxed);
            let (tunnels, cancel, proxy) = (
                self.tunnels.serving(self.name.get().cloned().unwrap_or_else(|| format!("proxy {}", self.proxy).into())),
                self.tunnels.cancel.clone(),
                self.proxy,
            );
            let sending = room.enter();
            let running = self.streams.token();
            if let Some(limit) = limit.raised(self.streams.len()) {
                self.connection.set_max_concurrent_bi_streams(limit.into());
            }
            self.tunnels.tasks.spawn(async move {
                tokio::select! {
                    () = service::carry(&tunnels, stream, (proxy, sending.received())) => {}
                    () = cancel.cancelled() => {}
                }
                drop((running, sending));
            });
        }
    }

    /// Waits until the tunnel has been retired and its last stream has ended.
    async fn run_out(&self) {
        self.retire.cancelled().await;
        // A proxy that cannot withdraw the route is not waited for.
        let _ = Budget::new(RETIRE).run(self.retired.cancelled()).await;
        let _ = self.tell(What::Retired { proxy: self.proxy }).await;
        loop {
            self.streams.wait().await;
            let carried = self.carried.load(Ordering::Relaxed);
            sleep(LINGER).await;
            if self.streams.is_empty() && carried == self.carried.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    async fn tell(&self, what: What) -> Result<(), TunnelError> {
        self.tunnels.events.send(Event { sequence: self.sequence, what }).await.map_err(|_| TunnelError::Stopping)
    }
}

/// Waits for a change that is told not before `at`; gives whether there can be any.
async fn changed_from<T>(watched: &mut watch::Receiver<T>, at: Instant) -> bool {
    sleep_until(at).await;
    watched.changed().await.is_ok()
}

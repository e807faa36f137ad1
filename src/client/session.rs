//! A client's connection to the cluster, made when it is needed and made anew when it is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use warren_raft::{AgentName, ProxyId};

use super::asking::{Asking, broken};
use super::custody::Custody;
use super::departure::{Departure, depart};
use super::entering::Purpose;
use super::entrances::Entrances;
use super::refuge::Refuge;
use crate::failure::{Code, Failure, Stage};
use crate::identity::{CredentialStore, Credentials, CredentialsHandle, renewal};
use crate::net::quic::{SendRoom, Sending};
use crate::net::stalled::Readers;
use crate::net::{Backoff, Budget, Env, shown};
use crate::target::Target;
use crate::wire::close::Close;
use crate::wire::{DialRequest, Heard, Hello, TraceId};

/// What is added to a dial's budget while its answer is waited for: the proxy is to say why, not the client.
const GRACE: Duration = Duration::from_millis(500);
/// How long what was just sent is given at least before the connection is closed.
const SETTLE: Duration = Duration::from_millis(20);

/// How long a closed connection is there to say so again, beside ten round trips: three probe timeouts (RFC 9000, section 10.2) of one that has just been made, each three round trips and how long
/// an acknowledgement may take.
const CLOSING: Duration = Duration::from_millis(75);
/// How long a connection may take that nobody waits for.
const CONNECT: Duration = Duration::from_secs(10);
/// The waits between tries to connect that nobody waits for.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How often it is looked whether the connection is still the one that is used.
const LOOK: Duration = Duration::from_secs(10);

/// A client of one cluster. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Session {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) env: Env,
    pub(super) endpoint: quinn::Endpoint,
    pub(super) credentials: CredentialsHandle,
    pub(super) store: CredentialStore,
    pub(super) entrances: Entrances,
    /// Held while a connection is made, so that many dials at once make one.
    connection: Mutex<Option<quinn::Connection>>,
    renewal_tried: std::sync::Mutex<Option<Instant>>,
    /// Looks after the certificate over the newest connection, for as long as that is there.
    custody: std::sync::Mutex<JoinSet<()>>,
    /// By connection: there are two while one that was silent is being replaced.
    rooms: std::sync::Mutex<BTreeMap<usize, SendRoom>>,
    /// Whether it is where it wants to be.
    refuge: std::sync::Mutex<Refuge>,
    /// Looks whether a nearer proxy is there again, goes elsewhere when the one that is connected goes away, and closes what was left.
    beside: std::sync::Mutex<JoinSet<()>>,
}

/// A dial that has connected.
#[derive(Debug)]
pub struct Dialled {
    /// Bytes to the service.
    pub send: SendStream,
    /// Bytes from the service.
    pub recv: RecvStream,
    /// The room for it on the connection, for as long as it lives.
    pub sending: Sending,
    /// Whose service it is.
    pub agent: AgentName,
    /// The proxies on the way.
    pub path: Vec<ProxyId>,
    /// The dial's identity in every log.
    pub trace: TraceId,
}

impl Session {
    /// A session that connects to the nearest of `entrances` when it first needs to.
    pub fn new(env: Env, endpoint: quinn::Endpoint, store: CredentialStore, credentials: CredentialsHandle, entrances: Entrances) -> Self {
        Self {
            shared: Arc::new(Shared {
                env,
                endpoint,
                credentials,
                store,
                entrances,
                connection: Mutex::default(),
                renewal_tried: std::sync::Mutex::default(),
                custody: std::sync::Mutex::default(),
                rooms: std::sync::Mutex::default(),
                refuge: std::sync::Mutex::default(),
                beside: std::sync::Mutex::default(),
            }),
        }
    }

    /// Reaches `target` within `timeout`. Where the proxy that is connected does not even acknowledge the request, another one is asked beside it.
    ///
    /// # Errors
    /// The [`Failure`] of the cluster, or of the way to it.
    pub async fn dial(&self, target: &Target, timeout: Duration) -> Result<Dialled, Failure> {
        let (budget, trace) = (Budget::new(timeout), TraceId(self.shared.env.entropy.bytes()));
        let (hello, target) = (Hello::ours(), Heard::Known(target.clone()));
        let mut asking = Asking::new(self, DialRequest { hello, target, budget_ms: 0, trace }, budget);
        match Budget::new(timeout + GRACE).run(asking.dial()).await {
            Ok(dialled) => dialled,
            Err(_) => Err(asking.late()),
        }
    }

    /// Connects to the nearest proxy, unless it is connected, and tells how far away that is.
    ///
    /// # Errors
    /// The [`Failure`] of the way to it.
    pub async fn connect_within(&self, timeout: Duration) -> Result<Duration, Failure> {
        self.connection(Budget::new(timeout)).await.map(|connection| connection.rtt())
    }

    /// Sees from now on that it is connected, whether anybody dials or not, until it is [closed](Self::close): over the connection the certificate is renewed and whom to trust is told, without which
    /// a process that stays would be locked out one day. For one that dials once the dial is enough.
    pub fn stay_connected(&self) {
        let session = self.clone();
        self.beside(async move { session.stay().await });
    }

    async fn stay(&self) {
        let (mut backoff, mut is_told) = (Backoff::new(AGAIN.0, AGAIN.1), false);
        loop {
            let failure = match self.connection(Budget::new(CONNECT)).await {
                // Another one may have taken its place meanwhile.
                Ok(connection) => match Budget::new(LOOK).run(connection.closed()).await.map(|ended| broken(&connection, &ended)) {
                    // For a client the handshake is over before the proxy has judged it.
                    Ok(failure) if failure.code() == Code::Denied => failure,
                    Ok(_) | Err(_) => {
                        if is_told {
                            tracing::info!(proxy = %shown(connection.remote_address()), "connected again");
                        }
                        is_told = false;
                        backoff.reset();
                        continue;
                    }
                },
                Err(failure) => failure,
            };
            if !is_told {
                let (causes, hint) = (failure.causes().join(": "), failure.hint());
                tracing::warn!(code = %failure.code(), reason = failure.message(), causes, hint, "not connected: tried again, and with each dial");
            }
            is_told = true;
            sleep(backoff.next(&mut self.shared.env.entropy.rng())).await;
        }
    }

    /// The streams of this process.
    pub(super) fn readers(&self) -> &Readers {
        &self.shared.env.readers
    }

    /// Makes room for a stream on a connection of this session.
    pub(super) fn sending(&self, connection: &quinn::Connection) -> Sending {
        let mut rooms = self.shared.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|_, room| room.connection().close_reason().is_none());
        rooms.entry(connection.stable_id()).or_insert_with(|| SendRoom::new(connection, &self.shared.env.paths)).enter()
    }

    /// Closes the connection and sees that the proxy is told, for at most `grace`.
    pub async fn close(&self, grace: Duration) {
        let budget = Budget::new(grace);
        self.shared.beside.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        let Some(connection) = self.shared.connection.lock().await.take() else {
            // There is nobody to be told.
            return self.shared.endpoint.close(Close::DONE.code(), Close::DONE.reason().as_bytes());
        };
        // The next command is to know where the proxies are; one that does not say so is not waited for.
        let _ = Budget::new(grace / 4).run(self.shared.entrances.until_asked()).await;
        // quinn-proto 0.11.19 never sends the close of a connection whose congestion window is full (quinn#2785), and a reset that was just asked
        // for, or the search for the path's packet size, can fill it. A few round trips empty it.
        sleep((connection.rtt() * 4).max(SETTLE).min(grace / 4)).await;
        Close::DONE.close(&connection);
        // A proxy that does not answer is not waited for, nor are addresses where nobody has answered, of which the endpoint forgets only after seconds.
        let closing = CLOSING + connection.rtt() * 10;
        let _ = budget.at_most(closing).run(self.shared.endpoint.wait_idle()).await;
    }

    /// The connection to the cluster, made if there is none.
    pub(super) async fn connection(&self, budget: Budget) -> Result<quinn::Connection, Failure> {
        let mut held = self.shared.connection.lock().await;
        let connection = match held.as_ref().filter(|connection| connection.close_reason().is_none()) {
            Some(connection) => connection.clone(),
            None if self.has_ended() => return Err(self.ended()),
            None => {
                let was_lost = held.is_some();
                let connection = self.taken(held.insert(self.connect(budget, Purpose::First).await?));
                if was_lost {
                    self.refuge().begin(Instant::now());
                }
                connection
            }
        };
        drop(held);
        self.look_for_nearer(&connection);
        self.renew_if_due(&connection).await;
        Ok(connection)
    }

    /// Whether the certificate has ended, and nobody has enrolled this machine again meanwhile.
    fn has_ended(&self) -> bool {
        let Shared { env, credentials, store, .. } = &*self.shared;
        if !credentials.current().remaining(env.wall.now()).is_zero() {
            return false;
        }
        let fresh = store.load().ok().filter(|fresh| !fresh.remaining(env.wall.now()).is_zero());
        fresh.is_none_or(|fresh| credentials.replace(fresh).is_err())
    }

    fn ended(&self) -> Failure {
        let current = self.shared.credentials.current();
        let dir = self.shared.store.dir().display();
        let ago = Duration::from_secs(self.shared.env.wall.now().0.saturating_sub(current.not_after().0) / 1000);
        let what = format!("the certificate in `{dir}` has expired {} ago", humantime::format_duration(ago));
        Failure::new(Code::Denied, Stage::Local, what).with_hint("`warren enroll ADDR --token-file FILE` with a new token gets another one")
    }

    /// Another connection than `silent`, which takes its place; what runs over that one runs on. Where its proxy goes away that one will do again only when it was started anew.
    pub(super) async fn instead_of(
        &self,
        silent: &quinn::Connection,
        is_leaving: bool,
        budget: Budget,
    ) -> Result<quinn::Connection, Failure> {
        let mut held = self.shared.connection.lock().await;
        // Another dial may have made it already.
        let known = held.as_ref().filter(|known| known.stable_id() != silent.stable_id() && known.close_reason().is_none());
        if let Some(connection) = known {
            return Ok(connection.clone());
        }
        let address = silent.remote_address();
        let purpose = if is_leaving { Purpose::TurnedAway(address) } else { Purpose::InsteadOf(address) };
        let connection = self.taken(held.insert(self.connect(budget, purpose).await?));
        self.refuge().begin(Instant::now());
        let (session, silent) = (self.clone(), silent.clone());
        self.beside(async move { session.let_go(silent).await });
        Ok(connection)
    }

    /// Has it looked, beside whatever is dialled, whether a nearer proxy is there than the one that had to do when another was lost.
    fn look_for_nearer(&self, current: &quinn::Connection) {
        if !self.shared.entrances.are_several() || !self.refuge().is_due(Instant::now()) {
            return;
        }
        let (session, current) = (self.clone(), current.clone());
        self.beside(async move { session.come_back(current).await });
    }

    /// Does this beside whatever is dialled, until the session is closed.
    fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut beside = self.shared.beside.lock().unwrap_or_else(PoisonError::into_inner);
        while beside.try_join_next().is_some() {}
        beside.spawn(work);
    }

    /// Puts `found`, which is nearer, in the place of `current`, if that still has it.
    pub(super) async fn replaced(&self, current: &quinn::Connection, found: &quinn::Connection) -> bool {
        let is_replaced = self.swapped(current, found).await;
        if is_replaced {
            self.refuge().end();
        }
        is_replaced
    }

    /// Puts `found` in the place of `current`, whose proxy goes away, if that still has it.
    pub(super) async fn fled(&self, current: &quinn::Connection, found: &quinn::Connection) -> bool {
        let is_replaced = self.swapped(current, found).await;
        if is_replaced {
            self.refuge().begin(Instant::now());
        }
        is_replaced
    }

    async fn swapped(&self, current: &quinn::Connection, found: &quinn::Connection) -> bool {
        let mut held = self.shared.connection.lock().await;
        let is_current = held.as_ref().is_some_and(|held| held.stable_id() == current.stable_id());
        if is_current {
            self.taken(held.insert(found.clone()));
        }
        is_current
    }

    /// Whether no stream runs over a connection.
    pub(super) fn is_idle(&self, connection: &quinn::Connection) -> bool {
        let rooms = self.shared.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.get(&connection.stable_id()).is_none_or(SendRoom::is_idle)
    }

    fn refuge(&self) -> std::sync::MutexGuard<'_, Refuge> {
        self.shared.refuge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is used from now on: over it the certificate is renewed in time, and whom to trust is asked.
    fn taken(&self, connection: &quinn::Connection) -> quinn::Connection {
        let custody = Custody::new(&self.shared);
        self.shared.entrances.ask();
        let mut tasks = self.shared.custody.lock().unwrap_or_else(PoisonError::into_inner);
        // That of the connection before is wanted no more.
        tasks.abort_all();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(custody.keep(connection.clone()));
        connection.clone()
    }

    /// Has it entered by another proxy, beside whatever is dialled, since the one that is connected goes away.
    pub(super) fn leave(&self, current: quinn::Connection, told: Departure) {
        self.beside(depart(self.shared.clone(), current, told));
    }

    /// Whether the last try to renew is long enough ago.
    fn may_renew(&self, current: &Credentials) -> bool {
        let pause = renewal::pause(current, &mut self.shared.env.entropy.rng());
        let mut tried = self.shared.renewal_tried.lock().unwrap_or_else(PoisonError::into_inner);
        let may = tried.is_none_or(|tried| tried.elapsed() > pause);
        if may {
            *tried = Some(Instant::now());
        }
        may
    }

    /// Gets a fresh certificate when the present one has lived two thirds of its life. A failure leaves the present one, which is still good.
    async fn renew_if_due(&self, connection: &quinn::Connection) {
        let Shared { env, credentials, .. } = &*self.shared;
        let current = credentials.current();
        if current.renew_at() > env.wall.now() || !self.may_renew(&current) {
            return;
        }
        if let Err(reason) = Custody::new(&self.shared).renew(connection).await {
            tracing::warn!(reason, "certificate not renewed");
        }
    }
}

/// Tells of a dial that came to nothing, by whoever answers for many of them: in one line, with what a person is shown in several.
pub(super) fn log_failure(failure: &Failure, service: &Target) {
    let causes = failure.causes().join(": ");
    let causes = Some(causes.as_str()).filter(|causes| !causes.is_empty());
    let (reason, hint, trace) = (failure.message(), failure.hint(), failure.trace());
    tracing::warn!(%service, code = %failure.code(), reason, causes, hint, trace, "dial failed");
}

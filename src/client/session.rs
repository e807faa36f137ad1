//! A client's connection to the cluster, made when it is needed and made anew when it is lost.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use warren_raft::{AgentName, ProxyId};

use super::asking::Asking;
use super::custody::Custody;
use super::nearest::{self, MAX_TRIED, Measured, STAGGER};
use crate::failure::{Code, Failure, Stage};
use crate::identity::entrance::{self, Closed};
use crate::identity::tls::{Expected, SERVER_NAME};
use crate::identity::{Alpn, ClientTls, CredentialStore, Credentials, CredentialsHandle, renewal};
use crate::net::quic::{self, Profile, SendRoom, Sending};
use crate::net::stalled::Readers;
use crate::net::{Access, Budget, Env};
use crate::target::Target;
use crate::wire::close::Close;
use crate::wire::{DialRequest, Heard, Hello, TraceId};

/// The file beside the identity that says which proxy was the nearest.
const NEAREST: &str = "nearest.json";
/// What is added to a dial's budget while its answer is waited for: the proxy is to say why, not the client.
const GRACE: Duration = Duration::from_millis(500);
/// How long what was just sent is given at least before the connection is closed.
const SETTLE: Duration = Duration::from_millis(20);

/// A client of one cluster. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Session {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    env: Env,
    endpoint: quinn::Endpoint,
    credentials: CredentialsHandle,
    store: CredentialStore,
    proxies: Vec<String>,
    /// Held while a connection is made, so that many dials at once make one.
    connection: Mutex<Option<quinn::Connection>>,
    renewal_tried: std::sync::Mutex<Option<Instant>>,
    /// Looks after the certificate over the newest connection, for as long as that is there.
    custody: std::sync::Mutex<JoinSet<()>>,
    /// By connection: there are two while one that was silent is being replaced.
    rooms: std::sync::Mutex<BTreeMap<usize, SendRoom>>,
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
    /// A session that connects to the nearest of `proxies` when it first needs to.
    pub fn new(env: Env, endpoint: quinn::Endpoint, store: CredentialStore, credentials: CredentialsHandle, proxies: Vec<String>) -> Self {
        Self {
            shared: Arc::new(Shared {
                env,
                endpoint,
                credentials,
                store,
                proxies,
                connection: Mutex::default(),
                renewal_tried: std::sync::Mutex::default(),
                custody: std::sync::Mutex::default(),
                rooms: std::sync::Mutex::default(),
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
        let Some(connection) = self.shared.connection.lock().await.take() else {
            // There is nobody to be told.
            return self.shared.endpoint.close(Close::DONE.code(), Close::DONE.reason().as_bytes());
        };
        // quinn-proto 0.11.19 never sends the close of a connection whose congestion window is full (quinn#2785), and a reset that was just asked
        // for, or the search for the path's packet size, can fill it. A few round trips empty it.
        tokio::time::sleep((connection.rtt() * 4).max(SETTLE).min(grace / 4)).await;
        Close::DONE.close(&connection);
        // A proxy that does not answer is not waited for.
        let _ = budget.run(self.shared.endpoint.wait_idle()).await;
    }

    /// The connection to the cluster, made if there is none.
    pub(super) async fn connection(&self, budget: Budget) -> Result<quinn::Connection, Failure> {
        let mut held = self.shared.connection.lock().await;
        let connection = match held.as_ref().filter(|connection| connection.close_reason().is_none()) {
            Some(connection) => connection.clone(),
            None if self.has_ended() => return Err(self.ended()),
            None => self.taken(held.insert(self.connect(budget, None).await?)),
        };
        drop(held);
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

    /// Another connection than `silent`, which takes its place; what runs over that one runs on.
    pub(super) async fn instead_of(&self, silent: &quinn::Connection, budget: Budget) -> Result<quinn::Connection, Failure> {
        let mut held = self.shared.connection.lock().await;
        // Another dial may have made it already.
        let known = held.as_ref().filter(|known| known.stable_id() != silent.stable_id() && known.close_reason().is_none());
        if let Some(connection) = known {
            return Ok(connection.clone());
        }
        Ok(self.taken(held.insert(self.connect(budget, Some(silent.remote_address())).await?)))
    }

    /// Tries the proxies beside each other, and takes the nearest of those that answer about as soon as the first does. An address that was silent comes last.
    async fn connect(&self, budget: Budget, silent: Option<SocketAddr>) -> Result<quinn::Connection, Failure> {
        let known = if silent.is_none() { self.known_nearest() } else { None };
        let planned =
            nearest::plan(&self.shared.proxies, known.as_ref().map(|known| known.proxy.as_str()), &mut self.shared.env.entropy.rng());
        let last = STAGGER * u32::try_from(planned.len()).unwrap_or(u32::MAX);
        let mut tries = JoinSet::new();
        for (proxy, delay) in planned {
            let session = self.clone();
            tries.spawn(async move {
                let connected = session.connect_to(&proxy, delay, silent.map(|silent| (silent, last))).await;
                connected.map(|connection| (proxy, connection))
            });
        }
        // Where nothing is to be compared nobody is waited for.
        let wait = if known.is_some() { |_| Duration::ZERO } else { nearest::patience };
        let mut closed = Vec::new();
        match budget.run(answered(&mut tries, &mut closed, wait)).await {
            Ok(answered) if answered.is_empty() => {
                Err(entrance::failure(closed, "no proxy can be reached", "the proxies are of another cluster"))
            }
            Ok(answered) => Ok(self.taking_nearest(answered, known.as_ref())),
            Err(_) => {
                if closed.is_empty() {
                    closed.extend(self.shared.proxies.iter().map(|proxy| Closed::silent(proxy, "no answer in time")));
                }
                Err(entrance::failure(closed, "no proxy answered in time", "the proxies are of another cluster"))
            }
        }
    }

    /// The nearest of these, which there are, and lets go of the others. What was compared is kept in mind.
    fn taking_nearest(&self, mut answered: Vec<(String, quinn::Connection)>, known: Option<&Measured>) -> quinn::Connection {
        let round_trips: Vec<_> = answered.iter().map(|(_, connection)| connection.rtt()).collect();
        let position = nearest::nearest(&round_trips, &mut self.shared.env.entropy.rng()).expect("somebody has answered");
        let (proxy, connection) = answered.swap_remove(position);
        for (_, other) in answered {
            Close::DONE.close(&other);
        }
        tracing::debug!(%proxy, rtt = ?connection.rtt(), "entering by the nearest proxy");
        let round_trip = connection.rtt();
        match known {
            Some(known) if known.proxy == proxy && known.holds(round_trip) => {}
            // The next one compares again.
            Some(known) if known.proxy == proxy => self.keep_nearest(&Measured { at_ms: 0, ..known.clone() }),
            Some(_) | None => self.keep_nearest(&Measured::new(proxy, round_trip, self.shared.env.wall.now().0)),
        }
        connection
    }

    /// Which proxy was the nearest a while ago, of several.
    fn known_nearest(&self) -> Option<Measured> {
        let Shared { env, store, proxies, .. } = &*self.shared;
        let bytes = if proxies.len() > 1 { env.files.read(&store.dir().join(NEAREST), Access::Public).ok()? } else { return None };
        let measured: Measured = serde_json::from_slice(&bytes).ok()?;
        measured.is_fresh(env.wall.now().0).then_some(measured)
    }

    /// The next process of this identity need not compare again. It is a remark: where it cannot be kept it is measured again.
    fn keep_nearest(&self, measured: &Measured) {
        let Shared { env, store, proxies, .. } = &*self.shared;
        if proxies.len() > 1
            && let Ok(text) = serde_json::to_vec(measured)
            && let Err(error) = env.files.replace(&store.dir().join(NEAREST), &text, Access::Public)
        {
            tracing::debug!(%error, "which proxy is the nearest is not kept");
        }
    }

    /// Tries the addresses of a proxy's name, the first after a delay, each further one a moment later.
    async fn connect_to(&self, proxy: &str, delay: Duration, silent: Option<(SocketAddr, Duration)>) -> Result<quinn::Connection, Closed> {
        let found = self.shared.env.net.resolve(proxy).await.map_err(|error| Closed::silent(proxy, error))?;
        let mut tries = JoinSet::new();
        for (further, address) in (0_u32..).zip(found.into_iter().take(MAX_TRIED)) {
            let delay = silent.filter(|(silent, _)| *silent == address).map_or(delay + STAGGER * further, |(_, last)| last);
            let (session, proxy) = (self.clone(), proxy.to_owned());
            tries.spawn(async move {
                tokio::time::sleep(delay).await;
                session.handshake(&proxy, address).await
            });
        }
        let mut last = Closed::silent(proxy, "its name stands for no address");
        while let Some(tried) = tries.join_next().await {
            match tried {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = error,
                Err(error) => last = Closed::silent(proxy, error),
            }
        }
        Err(last)
    }

    async fn handshake(&self, proxy: &str, address: SocketAddr) -> Result<quinn::Connection, Closed> {
        let Shared { env, endpoint, credentials, .. } = &*self.shared;
        let tls = ClientTls::proxy(credentials, Alpn::Client, Expected::AnyProxy, env);
        let transport = Profile::Client.dialling_with(env.paths.grant(address), address, &env.quic_towards(address));
        let config = quic::client_config(tls, env, transport);
        let connecting = endpoint.connect_with(config, address, SERVER_NAME).map_err(|error| Closed::silent(proxy, error))?;
        let connection = connecting.await.map_err(|error| Closed::by(proxy, &error))?;
        env.paths.met(&connection);
        Ok(connection)
    }

    /// A connection that is used from now on: over it the certificate is renewed in time, and whom to trust is asked.
    fn taken(&self, connection: &quinn::Connection) -> quinn::Connection {
        let custody = Custody::new(&self.shared.env, &self.shared.credentials, &self.shared.store);
        let mut tasks = self.shared.custody.lock().unwrap_or_else(PoisonError::into_inner);
        // That of the connection before is wanted no more.
        tasks.abort_all();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(custody.keep(connection.clone()));
        connection.clone()
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
        let Shared { env, credentials, store, .. } = &*self.shared;
        let current = credentials.current();
        if current.renew_at() > env.wall.now() || !self.may_renew(&current) {
            return;
        }
        let custody = Custody::new(env, credentials, store);
        let kept = custody.renew(connection).await;
        if let Err(reason) = kept {
            tracing::warn!(reason, "certificate not renewed");
        }
    }
}

/// The proxies that answer, and why others do not: the first and those that do so as soon after it as `wait` says; none when all have failed.
async fn answered(
    tries: &mut JoinSet<Result<(String, quinn::Connection), Closed>>,
    closed: &mut Vec<Closed>,
    wait: fn(Duration) -> Duration,
) -> Vec<(String, quinn::Connection)> {
    let (begun, mut answered, mut until) = (Instant::now(), Vec::new(), None);
    loop {
        let tried = match until {
            Some(until) => timeout_at(until, tries.join_next()).await.unwrap_or_default(),
            None => tries.join_next().await,
        };
        match tried {
            Some(Ok(Ok(connected))) => {
                answered.push(connected);
                until.get_or_insert_with(|| Instant::now() + wait(begun.elapsed()));
            }
            Some(Ok(Err(error))) => closed.push(error),
            Some(Err(error)) => closed.push(Closed::silent("a try", error)),
            None => return answered,
        }
    }
}

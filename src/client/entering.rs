//! The way into a cluster: tries at several proxies beside each other, and the nearest of those that answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::nearest::{self, MAX_TRIED, Measured, STAGGER};
use super::session::{Session, Shared};
use crate::failure::Failure;
use crate::identity::entrance::{self, Closed};
use crate::identity::tls::{Expected, SERVER_NAME};
use crate::identity::{Alpn, ClientTls};
use crate::net::quic::{self, Profile};
use crate::net::{Access, Budget, shown};
use crate::wire::close::Close;

/// The file beside the identity that says which proxy was the nearest.
const NEAREST: &str = "nearest.json";

/// How long after a try that came to nothing a proxy is tried again while others have not answered yet: one that is started anew is back soon, and one that is
/// gone for good would use up the time.
const AGAIN: Duration = Duration::from_millis(500);
/// How long after it has turned a dial away a proxy is tried again: it stops, and may have been started anew.
const RESTARTED: Duration = Duration::from_secs(2);
/// How long it may take to look whether a nearer proxy is there.
const LOOK: Duration = Duration::from_secs(5);
/// How often it is looked whether the streams over a connection that was left have ended, at first and in the end.
const LEFT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// What a connection is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// There is none.
    First,
    /// The proxy at this address is silent.
    InsteadOf(SocketAddr),
    /// The proxy at this address goes away, and has turned a dial away.
    TurnedAway(SocketAddr),
    /// The proxy at this address goes away, as others may: only one that is up will do.
    Elsewhere(SocketAddr),
    /// To see whether a nearer proxy is there, whatever is kept in mind.
    Compare,
}

/// What becomes of an address that is not wanted.
#[derive(Clone, Copy, Debug)]
enum Avoid {
    /// It is tried so much later.
    For(Duration),
    /// It is not tried.
    Never,
}

/// A try at a proxy, and what came of it.
type Tried = (String, Result<quinn::Connection, Closed>);

impl Session {
    /// Tries the proxies beside each other, and takes the nearest of those that answer about as soon as the first does. An address that was silent comes last.
    pub(super) async fn connect(&self, budget: Budget, purpose: Purpose) -> Result<quinn::Connection, Failure> {
        let shunned = self.shared.entrances.shunned();
        let known = if purpose == Purpose::First { self.known_nearest().filter(|known| !shunned.contains(&known.proxy)) } else { None };
        let mut proxies = self.shared.entrances.addresses();
        // One that is about to go is not worth to go to however near it is.
        let is_choosy = matches!(purpose, Purpose::Compare | Purpose::Elsewhere(_));
        proxies.retain(|proxy| !(is_choosy && shunned.contains(proxy)));
        let planned = nearest::plan(&proxies, known.as_ref().map(|known| known.proxy.as_str()), &mut self.shared.env.entropy.rng());
        let last = STAGGER * u32::try_from(planned.len()).unwrap_or(u32::MAX);
        let avoided = match purpose {
            Purpose::InsteadOf(silent) => Some((silent, Avoid::For(last))),
            Purpose::TurnedAway(leaving) => Some((leaving, Avoid::For(RESTARTED))),
            Purpose::Elsewhere(leaving) => Some((leaving, Avoid::Never)),
            Purpose::First | Purpose::Compare => None,
        };
        let attempt = |proxy: String, delay: Duration| {
            let session = self.clone();
            async move {
                let connected = session.connect_to(&proxy, delay, avoided).await;
                (proxy, connected)
            }
        };
        let mut tries = JoinSet::new();
        for (proxy, delay) in planned {
            let delay = if shunned.contains(&proxy) { last } else { delay };
            tries.spawn(attempt(proxy, delay));
        }
        // Where nothing is to be compared nobody is waited for.
        let wait = if known.is_some() { |_| Duration::ZERO } else { nearest::patience };
        // Where nobody waits for it, it is not tried again.
        let again = |proxy| (!is_choosy).then(|| attempt(proxy, AGAIN));
        let mut closed = BTreeMap::new();
        match budget.run(answered(&mut tries, &mut closed, wait, again)).await {
            Ok(answered) if answered.is_empty() => {
                Err(entrance::failure(closed.into_values(), "no proxy can be reached", "the proxies are of another cluster"))
            }
            Ok(answered) => Ok(self.taking_nearest(answered, known.as_ref(), purpose)),
            Err(_) => {
                for proxy in proxies {
                    let silent = Closed::silent(&proxy, "no answer in time");
                    closed.entry(proxy).or_insert(silent);
                }
                Err(entrance::failure(closed.into_values(), "no proxy answered in time", "the proxies are of another cluster"))
            }
        }
    }

    /// The nearest of these, which there are, and lets go of the others. What was compared is kept in mind.
    fn taking_nearest(
        &self,
        mut answered: Vec<(String, quinn::Connection)>,
        known: Option<&Measured>,
        purpose: Purpose,
    ) -> quinn::Connection {
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
            found => {
                let measured = Measured::new(proxy, round_trip, self.shared.env.wall.now().0);
                let is_refuge =
                    found.is_some() || matches!(purpose, Purpose::InsteadOf(_) | Purpose::TurnedAway(_) | Purpose::Elsewhere(_));
                self.keep_nearest(&if is_refuge { measured.in_refuge() } else { measured });
            }
        }
        connection
    }

    /// Looks whether a nearer proxy than that of `current` is there, and enters by it from now on. What runs over `current` runs on.
    pub(super) async fn come_back(&self, current: quinn::Connection) {
        let Ok(found) = self.connect(Budget::new(LOOK), Purpose::Compare).await else { return };
        if !nearest::is_nearer(found.rtt(), current.rtt()) || !self.replaced(&current, &found).await {
            return Close::DONE.close(&found);
        }
        tracing::debug!(from = %shown(current.remote_address()), to = %shown(found.remote_address()), "a nearer proxy is there again");
        self.let_go(current).await;
    }

    /// Closes a connection whose place another one has once nothing runs over it: kept alive as it is, it would stay for as long as this process and the proxy do.
    pub(super) async fn let_go(&self, left: quinn::Connection) {
        // A dial may have it in its hands that does not count yet.
        sleep(LEFT.0).await;
        let mut pause = LEFT.0;
        while left.close_reason().is_none() && !self.is_idle(&left) {
            sleep(pause).await;
            pause = (pause * 2).min(LEFT.1);
        }
        Close::DONE.close(&left);
    }

    /// Which proxy was the nearest a while ago, of several.
    fn known_nearest(&self) -> Option<Measured> {
        let Shared { env, store, entrances, .. } = &*self.shared;
        let bytes = if entrances.are_several() { env.files.read(&store.dir().join(NEAREST), Access::Public).ok()? } else { return None };
        let measured: Measured = serde_json::from_slice(&bytes).ok()?;
        measured.is_fresh(env.wall.now().0).then_some(measured)
    }

    /// The next process of this identity need not compare again. It is a remark: where it cannot be kept it is measured again.
    fn keep_nearest(&self, measured: &Measured) {
        let Shared { env, store, entrances, .. } = &*self.shared;
        if entrances.are_several()
            && let Ok(text) = serde_json::to_vec(measured)
            && let Err(error) = env.files.replace(&store.dir().join(NEAREST), &text, Access::Public)
        {
            tracing::debug!(%error, "which proxy is the nearest is not kept");
        }
    }

    /// Tries the addresses of a proxy's name, the first after a delay, each further one a moment later.
    async fn connect_to(&self, proxy: &str, delay: Duration, avoided: Option<(SocketAddr, Avoid)>) -> Result<quinn::Connection, Closed> {
        let found = self.shared.env.net.resolve(proxy).await.map_err(|error| Closed::silent(proxy, error))?;
        let (mut tries, mut last_error) = (JoinSet::new(), Closed::silent(proxy, "its name stands for no address"));
        for (further, address) in (0_u32..).zip(found.into_iter().take(MAX_TRIED)) {
            let delay = match avoided.filter(|(avoided, _)| shown(*avoided) == shown(address)) {
                Some((_, Avoid::Never)) => {
                    last_error = Closed::silent(proxy, "it is about to stop");
                    continue;
                }
                Some((_, Avoid::For(pause))) => pause.max(delay),
                None => delay + STAGGER * further,
            };
            let (session, proxy) = (self.clone(), proxy.to_owned());
            tries.spawn(async move {
                sleep(delay).await;
                session.handshake(&proxy, address).await
            });
        }
        while let Some(tried) = tries.join_next().await {
            match tried {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last_error = error,
                Err(error) => last_error = Closed::silent(proxy, error),
            }
        }
        Err(last_error)
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
}

/// The proxies that answer, and why others do not: the first and those that do so as soon after it as `wait` says; none when each has failed. Whoever went away is
/// tried `again` while others have not answered.
async fn answered<A: Future<Output = Tried> + Send + 'static>(
    tries: &mut JoinSet<Tried>,
    closed: &mut BTreeMap<String, Closed>,
    wait: fn(Duration) -> Duration,
    again: impl Fn(String) -> Option<A>,
) -> Vec<(String, quinn::Connection)> {
    let (begun, asked, mut answered, mut until) = (Instant::now(), tries.len(), Vec::new(), None);
    while closed.len() < asked {
        let tried = match until {
            Some(until) => timeout_at(until, tries.join_next()).await.unwrap_or_default(),
            None => tries.join_next().await,
        };
        match tried {
            Some(Ok((proxy, Ok(connection)))) => {
                closed.remove(&proxy);
                answered.push((proxy, connection));
                until.get_or_insert_with(|| Instant::now() + wait(begun.elapsed()));
            }
            Some(Ok((proxy, Err(error)))) => {
                if !error.is_refusal()
                    && let Some(attempt) = again(proxy.clone())
                {
                    tries.spawn(attempt);
                }
                closed.insert(proxy, error);
            }
            Some(Err(error)) => {
                closed.insert("a try".to_owned(), Closed::silent("a try", error));
            }
            None => break,
        }
    }
    answered
}

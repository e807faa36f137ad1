//! A client's connection to the cluster, made when it is needed and made anew when it is lost.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use quinn::{ConnectionError, RecvStream, SendStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use warren_raft::{AgentName, ProxyId};

use crate::failure::{Code, Failure, Stage};
use crate::identity::entrance::{self, Closed};
use crate::identity::tls::{self, Expected, SERVER_NAME};
use crate::identity::{Alpn, ClientTls, CredentialStore, CredentialsHandle, renew_in};
use crate::net::quic::{self, Profile};
use crate::net::{Budget, Env};
use crate::target::Target;
use crate::wire::close::Close;
use crate::wire::{ClientRequest, DialReply, DialRequest, EnrollReply, TraceId, frame};

/// How much later the next proxy is tried beside those before it (as RFC 8305, section 5 does with addresses).
const STAGGER: Duration = Duration::from_millis(250);
/// Most addresses that are tried for one connection.
const MAX_ADDRESSES: usize = 32;
/// How long a renewal may take.
const RENEWAL: Duration = Duration::from_secs(5);
/// How long after a renewal that failed the next one is tried.
const RENEWAL_PAUSE: Duration = Duration::from_secs(60);
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
}

/// A dial that has connected.
#[derive(Debug)]
pub struct Dialled {
    /// Bytes to the service.
    pub send: SendStream,
    /// Bytes from the service.
    pub recv: RecvStream,
    /// Whose service it is.
    pub agent: AgentName,
    /// The proxies on the way.
    pub path: Vec<ProxyId>,
    /// The dial's identity in every log.
    pub trace: TraceId,
}

impl Session {
    /// A session that connects to `proxies`, in this order, when it first needs to.
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
            }),
        }
    }

    /// Reaches `target` within `timeout`.
    ///
    /// # Errors
    /// The [`Failure`] of the cluster, or of the way to it.
    pub async fn dial(&self, target: &Target, timeout: Duration) -> Result<Dialled, Failure> {
        let (budget, trace) = (Budget::new(timeout), TraceId(self.shared.env.entropy.bytes()));
        let connection = self.connection(budget).await?;
        let lost = |error: &dyn std::fmt::Display| broken(&connection, error);
        let request = ClientRequest::Dial(DialRequest { target: target.clone(), budget_ms: budget.left_ms(), trace });
        let exchange = async {
            let (mut send, mut recv) = connection.open_bi().await.map_err(|error| lost(&error))?;
            frame::write(&mut send, &request, frame::MAX_MESSAGE).await.map_err(|error| lost(&error))?;
            let reply: DialReply = frame::read(&mut recv, frame::MAX_MESSAGE).await.map_err(|error| lost(&error))?;
            match reply {
                DialReply::Connected { agent, path, trace } => Ok(Dialled { send, recv, agent, path, trace }),
                DialReply::Failed(failure) => Err(failure),
            }
        };
        match Budget::new(budget.left() + GRACE).run(exchange).await {
            Ok(dialled) => dialled,
            Err(_) => Err(Failure::new(Code::Timeout, Stage::Ingress, format!("no answer about `{target}` in time"))
                .at(connection.remote_address().to_string())
                .with_hint("`warren status`")),
        }
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

    async fn connection(&self, budget: Budget) -> Result<quinn::Connection, Failure> {
        let mut held = self.shared.connection.lock().await;
        if let Some(connection) = held.as_ref().filter(|connection| connection.close_reason().is_none()) {
            let connection = connection.clone();
            drop(held);
            self.renew_if_due(&connection).await;
            return Ok(connection);
        }
        let connection = self.connect(budget).await?;
        *held = Some(connection.clone());
        drop(held);
        self.renew_if_due(&connection).await;
        Ok(connection)
    }

    /// Tries the proxies beside each other, each a moment later than the one before; the first that answers wins.
    async fn connect(&self, budget: Budget) -> Result<quinn::Connection, Failure> {
        let mut tries = JoinSet::new();
        for (position, proxy) in (0_u32..).zip(self.shared.proxies.iter().take(MAX_ADDRESSES)) {
            let (session, proxy) = (self.clone(), proxy.clone());
            tries.spawn(async move {
                tokio::time::sleep(STAGGER * position).await;
                session.connect_to(&proxy).await
            });
        }
        let mut closed = Vec::new();
        let first = async {
            while let Some(tried) = tries.join_next().await {
                match tried {
                    Ok(Ok(connection)) => return Some(connection),
                    Ok(Err(error)) => closed.push(error),
                    Err(error) => closed.push(Closed::silent("a try", error)),
                }
            }
            None
        };
        match budget.run(first).await {
            Ok(Some(connection)) => Ok(connection),
            Ok(None) => Err(entrance::failure(closed, "no proxy can be reached", "the proxies are of another cluster")),
            Err(_) => {
                if closed.is_empty() {
                    closed.extend(self.shared.proxies.iter().map(|proxy| Closed::silent(proxy, "no answer in time")));
                }
                Err(entrance::failure(closed, "no proxy answered in time", "the proxies are of another cluster"))
            }
        }
    }

    async fn connect_to(&self, proxy: &str) -> Result<quinn::Connection, Closed> {
        let Shared { env, endpoint, credentials, .. } = &*self.shared;
        let mut last = Closed::silent(proxy, "its name stands for no address");
        for address in env.net.resolve(proxy).await.map_err(|error| Closed::silent(proxy, error))? {
            let tls = ClientTls::proxy(credentials, Alpn::Client, Expected::AnyProxy, env);
            let config = quic::client_config(tls, env, Profile::Client.dialling(address));
            match endpoint.connect_with(config, address, SERVER_NAME) {
                Ok(connecting) => match connecting.await {
                    Ok(connection) => return Ok(connection),
                    Err(error) => last = Closed::by(proxy, &error),
                },
                Err(error) => last = Closed::silent(proxy, error),
            }
        }
        Err(last)
    }

    /// Whether the last try to renew is long enough ago.
    fn may_renew(&self) -> bool {
        let mut tried = self.shared.renewal_tried.lock().unwrap_or_else(PoisonError::into_inner);
        let may = tried.is_none_or(|tried| tried.elapsed() > RENEWAL_PAUSE);
        if may {
            *tried = Some(Instant::now());
        }
        may
    }

    /// Gets a fresh certificate when the present one has lived two thirds of its life. A failure leaves the present one, which is still good.
    async fn renew_if_due(&self, connection: &quinn::Connection) {
        let Shared { env, credentials, store, .. } = &*self.shared;
        let current = credentials.current();
        if !renew_in(&current, env).is_zero() || !self.may_renew() {
            return;
        }
        let renewal = async {
            let (mut send, mut recv) = connection.open_bi().await.map_err(|error| error.to_string())?;
            let request = ClientRequest::Renew { request: current.key().csr() };
            frame::write(&mut send, &request, frame::MAX_MESSAGE).await.map_err(|error| error.to_string())?;
            match frame::read(&mut recv, frame::MAX_MESSAGE).await.map_err(|error| error.to_string())? {
                EnrollReply::Enrolled(enrolled) => current.with_certificate(&enrolled.certificate).map_err(|error| error.to_string()),
                EnrollReply::Failed(failure) => Err(failure.message().to_owned()),
            }
        };
        let renewed = Budget::new(RENEWAL).run(renewal).await.unwrap_or_else(|error| Err(error.to_string()));
        let kept = renewed.and_then(|renewed| {
            store.save(&renewed).map_err(|error| error.to_string())?;
            credentials.replace(renewed).map_err(|error| error.to_string())
        });
        if let Err(reason) = kept {
            tracing::warn!(reason, "certificate not renewed");
        }
    }
}

/// What the end of a connection means. A proxy's refusal of this machine comes only now: the handshake is complete for a client before the server has
/// seen its certificate.
fn broken(connection: &quinn::Connection, error: &dyn std::fmt::Display) -> Failure {
    let at = connection.remote_address().to_string();
    let reason = connection.close_reason();
    let enrol = "enrol again with a token made by `warren token create --role client`";
    match &reason {
        Some(ConnectionError::ApplicationClosed(closed)) if closed.error_code == Close::REFUSED.code() => {
            Failure::new(Code::Denied, Stage::Ingress, "the proxy does not know this machine").with_hint(enrol).at(at)
        }
        Some(ConnectionError::ApplicationClosed(closed)) if closed.error_code == Close::UNCONFIRMED.code() => {
            Failure::new(Code::Timeout, Stage::Store, "the proxy could not confirm in time that this machine is enrolled")
                .with_cause("it does not know it yet, and there is no quorum to ask")
                .with_hint("try another proxy: `--proxy`, or again when `warren status` is healthy")
                .at(at)
        }
        Some(reason) if let Some(refused) = tls::refused(reason) => {
            Failure::new(Code::Denied, Stage::Ingress, "the proxy refused this machine")
                .with_cause(refused.to_string())
                .with_hint(enrol)
                .at(at)
        }
        _ => Failure::new(Code::PeerUnreachable, Stage::Local, "the connection to the proxy broke").with_cause(error.to_string()).at(at),
    }
}

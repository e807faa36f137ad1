//! Lets agents, clients and enrolling machines in on port 3024.

use std::sync::Arc;
use std::time::Duration;

use quinn::Incoming;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::KeyHash;

use super::{Agents, Clients, Enrollments};
use crate::audit::{Denial, Port};
use crate::identity::tls::{denied, negotiated};
use crate::identity::{self, Alpn, Identity};
use crate::net::quic::{Door, Profile};
use crate::net::{Budget, Env};
use crate::proxy::metrics::Metrics;
use crate::wire::close::Close;

/// Handshakes at the same time. One costs about a millisecond of one core, so these are the work of a quarter of a second.
pub(super) const MAX_HANDSHAKES: usize = 256;
/// From how many handshakes in progress on a newcomer must first prove its address (QUIC Retry, RFC 9000 section 8.1.2).
const RETRY_FROM: usize = MAX_HANDSHAKES / 2;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The accept loop of the public port.
#[derive(Debug)]
pub(crate) struct PublicAcceptor {
    /// Where it listens.
    pub endpoint: quinn::Endpoint,
    /// How it accepts.
    pub door: Door,
    /// What is known of the ways to agents and clients.
    pub env: Env,
    /// What becomes of agents.
    pub agents: Arc<Agents>,
    /// What becomes of clients.
    pub clients: Arc<Clients>,
    /// What is counted.
    pub metrics: Metrics,
    /// What becomes of machines that enrol.
    pub enrollments: Arc<Enrollments>,
}

impl PublicAcceptor {
    /// Accepts until `cancel`. Each handshake has a task and a deadline of its own; beyond a bound of them a newcomer is refused at once.
    pub(crate) async fn run(self, tasks: TaskTracker, cancel: CancellationToken) {
        let permits = Arc::new(Semaphore::new(MAX_HANDSHAKES));
        let shared = Arc::new(self);
        loop {
            let incoming = tokio::select! {
                incoming = shared.endpoint.accept() => incoming,
                () = cancel.cancelled() => return,
            };
            let Some(incoming) = incoming else { return };
            let under_load = permits.available_permits() < MAX_HANDSHAKES - RETRY_FROM;
            if under_load && !incoming.remote_address_validated() {
                // It fails only for an address that is validated already.
                let _ = incoming.retry();
                continue;
            }
            let Ok(permit) = permits.clone().try_acquire_owned() else {
                shared.metrics.tunnels().handshakes_refused.inc();
                incoming.refuse();
                continue;
            };
            let shared = shared.clone();
            // What a handshake needs is given back when it is over, and a tunnel's task takes no more room than a tunnel.
            let door = shared.clone();
            let handshake = Box::pin(async move { door.handshake(incoming).await });
            tasks.spawn(async move {
                let connection = handshake.await;
                drop(permit);
                if let Some(connection) = connection {
                    shared.serve(connection).await;
                }
            });
        }
    }

    async fn serve(&self, connection: quinn::Connection) {
        match (negotiated(&connection), identity::peer_identity(&connection)) {
            (Some(Alpn::Enroll), None) => {
                Profile::Enroll.settle(&connection);
                Box::pin(self.enrollments.serve(connection)).await;
            }
            (Some(Alpn::Agent), Some((identity, key))) => match identity.name.parse() {
                Ok(agent) => {
                    Profile::Tunnel.settle(&connection);
                    Box::pin(self.agents.serve(agent, key, connection)).await;
                }
                Err(_) => self.refuse(&connection, &identity, key),
            },
            (Some(Alpn::Client), Some((identity, key))) => match identity.name.parse() {
                Ok(client) => {
                    Profile::Client.settle(&connection);
                    Box::pin(self.clients.serve(client, key, connection)).await;
                }
                Err(_) => self.refuse(&connection, &identity, key),
            },
            // The handshake admits nothing else.
            (_, _) => Close::REFUSED.close(&connection),
        }
    }

    fn refuse(&self, connection: &quinn::Connection, identity: &Identity, key: KeyHash) {
        tracing::warn!(%identity, %key, "a certificate of our own with a name that is none");
        let denial = Denial::at(Port::Public, connection.remote_address(), "the certificate's name is none");
        self.env.audit.denied(denial.of(&identity.role.to_string(), &identity.name));
        Close::REFUSED.close(connection);
    }

    async fn handshake(&self, incoming: Incoming) -> Option<quinn::Connection> {
        let from = incoming.remote_address();
        match Budget::new(HANDSHAKE).run(async { self.door.accept(incoming, &self.env)?.await }).await {
            Ok(Ok(connection)) => {
                self.env.paths.met(&connection);
                Some(connection)
            }
            Ok(Err(error)) => {
                tracing::debug!(%from, %error, "not admitted");
                if let Some(denied) = denied(&error) {
                    self.env.audit.denied(Denial::from_handshake(Port::Public, from, &denied));
                }
                None
            }
            Err(error) => {
                tracing::debug!(%from, %error, "not admitted");
                None
            }
        }
    }
}

//! Lets agents, clients and enrolling machines in on port 3024.

use std::sync::Arc;

use quinn::Incoming;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::{KeyHash, TokenRole};

use super::{Agents, Clients, Enrollments};
use crate::audit::{Denial, Port};
use crate::identity::tls::{denied, negotiated};
use crate::identity::{self, Alpn, Identity};
use crate::net::quic::{Door, Profile};
use crate::net::{Env, shown};
use crate::proxy::gatekeeper::Gatekeeper;
use crate::proxy::grants::{Grants, Present};
use crate::proxy::rotation::{Connected, Presence};
use crate::wire::close::Close;

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
    /// Who is connected, and with which certificate.
    pub connected: Connected,
    /// What becomes of machines that enrol.
    pub enrollments: Arc<Enrollments>,
    /// Who is connected by the cluster's leave.
    pub grants: Arc<Grants>,
    /// Who may come in.
    pub keeper: Gatekeeper,
}

impl PublicAcceptor {
    /// Accepts until `cancel`. Each handshake has a task and a deadline of its own; beyond a bound of them a newcomer is refused at once.
    pub(crate) async fn run(self, tasks: TaskTracker, cancel: CancellationToken) {
        let shared = Arc::new(self);
        loop {
            let incoming = tokio::select! {
                incoming = shared.endpoint.accept() => incoming,
                () = cancel.cancelled() => return,
            };
            let Some(incoming) = incoming else { return };
            let Some((incoming, pass)) = shared.keeper.admit(incoming) else { continue };
            let shared = shared.clone();
            // What a handshake needs is given back when it is over, and a tunnel's task takes no more room than a tunnel.
            let door = shared.clone();
            let handshake = Box::pin(async move { door.handshake(incoming).await });
            tasks.spawn(async move {
                let connection = handshake.await;
                drop(pass);
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
                    let Some(_place) = self.keeper.place(&identity, &connection) else { return };
                    let Some(_present) = self.present(key, &connection, Close::REFUSED) else { return };
                    let Some(presence) = self.entered(TokenRole::Agent, &identity, &connection) else { return };
                    Profile::Tunnel.settle(&connection);
                    Box::pin(self.agents.serve(agent, (key, presence), connection)).await;
                }
                Err(_) => self.refuse(&connection, &identity, key),
            },
            (Some(Alpn::Client), Some((identity, key))) => match identity.name.parse() {
                Ok(client) => {
                    let Some(_place) = self.keeper.place(&identity, &connection) else { return };
                    let Some(_present) = self.present(key, &connection, Close::DENIED) else { return };
                    let Some(presence) = self.entered(TokenRole::Client, &identity, &connection) else { return };
                    Profile::Client.settle(&connection);
                    Box::pin(self.clients.serve(client, (key, presence), connection)).await;
                }
                Err(_) => self.refuse(&connection, &identity, key),
            },
            // The handshake admits nothing else.
            (_, _) => Close::REFUSED.close(&connection),
        }
    }

    fn refuse(&self, connection: &quinn::Connection, identity: &Identity, key: KeyHash) {
        tracing::warn!(%identity, %key, "a certificate of our own with a name that is none");
        let denial = Denial::at(Port::Public, shown(connection.remote_address()), "the certificate's name is none");
        self.env.audit.denied(denial.of(&identity.role.to_string(), &identity.name));
        Close::REFUSED.close(connection);
    }

    /// Has the connection closed as soon as the machine is removed, also if that was between the handshake and now.
    fn present(&self, key: KeyHash, connection: &quinn::Connection, close: Close) -> Option<Present> {
        let present = self.grants.machine(key, connection, close);
        if self.agents.store.with_table(|table| table.has_removed_key(key)) {
            close.close(connection);
            return None;
        }
        Some(present)
    }

    /// Notes that a machine is there. Its certificate may have been revoked between the handshake and now: from now on it is cut when that happens.
    fn entered(&self, role: TokenRole, identity: &Identity, connection: &quinn::Connection) -> Option<Presence> {
        let presence = self.connected.enter(role, &identity.name, connection);
        let now = self.env.wall.now();
        let is_revoked = |serial| self.agents.store.with_table(|table| table.is_revoked(serial, now));
        if identity::peer_serial(connection).is_some_and(is_revoked) {
            Close::REFUSED.close(connection);
            return None;
        }
        Some(presence)
    }

    async fn handshake(&self, incoming: Incoming) -> Option<quinn::Connection> {
        let from = shown(incoming.remote_address());
        match self.keeper.in_time(async { self.door.accept(incoming, &self.env)?.await }).await {
            Some(Ok(connection)) => {
                self.env.paths.met(&connection);
                Some(connection)
            }
            Some(Err(error)) => {
                tracing::debug!(%from, %error, "not admitted");
                if let Some(denied) = denied(&error) {
                    self.env.audit.denied(Denial::from_handshake(Port::Public, from, &denied));
                }
                None
            }
            None => {
                tracing::debug!(%from, "not admitted: its handshake took too long");
                None
            }
        }
    }
}

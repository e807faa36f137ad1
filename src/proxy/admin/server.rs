//! Where the questions come in.

use std::io;
use std::net::SocketAddr;
use std::path::Path as FilePath;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use warren_raft::{DiskState, LeaseState};

use super::parts::AdminParts;
use super::{
    authority, credentials, drain, guard, health, machines, page, quorum, reload, removal, snapshot, strategy, tokens, transfer, views,
};
use crate::api::Path;
use crate::http::{Accept, AdminSocket, Bounds, Caller, Handler, HttpServer, Method, Request, Response, StatusCode};
use crate::net::{Listener, LocalError, Stream};
use crate::proxy::metrics::Sample;

/// The media type of OpenMetrics text.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Both listeners, bound.
pub(in crate::proxy) struct Admin {
    parts: AdminParts,
    bounds: Bounds,
    socket: AdminSocket,
    http: HttpListener,
    address: Option<SocketAddr>,
}

/// Why the administration cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The socket.
    #[error(transparent)]
    Socket(#[from] LocalError),
    /// The HTTP address.
    #[error("cannot listen on {address}/tcp: {error}")]
    Http {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
}

impl Admin {
    /// Binds both.
    pub(in crate::proxy) async fn bind(
        parts: AdminParts,
        bounds: Bounds,
        (socket, http): (&FilePath, Option<SocketAddr>),
    ) -> Result<Self, AdminError> {
        let socket = AdminSocket::bind(&*parts.env.net, socket).await?;
        let http = match http {
            Some(address) => {
                let listener = parts.env.net.listen(address).await.map_err(|error| AdminError::Http { address, error })?;
                Some(listener)
            }
            None => None,
        };
        let address = http.as_ref().and_then(|listener| listener.local_addr().ok());
        Ok(Self { parts, bounds, socket, http: HttpListener(http), address })
    }

    /// Where probes and scrapers find it, unless that is switched off.
    pub(in crate::proxy) fn http_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Answers until `stopped`.
    pub(in crate::proxy) async fn run(self, stopped: CancellationToken) {
        let private = Arc::new(Answers { parts: self.parts.clone(), audience: Audience::Operator, listens: None });
        let public = Arc::new(Answers { parts: self.parts, audience: Audience::Anybody, listens: self.address });
        let bounds = self.bounds;
        tokio::join!(
            HttpServer::bounded(private, bounds.clone(), stopped.clone()).serve(self.socket),
            HttpServer::bounded(public, bounds, stopped).serve(self.http),
        );
    }
}

/// The HTTP address as a source of connections; one that is switched off never has any.
struct HttpListener(Option<Box<dyn Listener>>);

impl Accept for HttpListener {
    type Stream = Box<dyn Stream>;

    async fn accept(&mut self) -> io::Result<(Self::Stream, Caller)> {
        match &mut self.0 {
            Some(listener) => listener.accept().await.map(|(stream, from)| (stream, Caller::Remote(from))),
            None => std::future::pending().await,
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Whoever may open the socket.
    Operator,
    /// Whoever reaches the HTTP address.
    Anybody,
}

struct Answers {
    parts: AdminParts,
    audience: Audience,
    /// The HTTP address.
    listens: Option<SocketAddr>,
}

#[async_trait]
impl Handler for Answers {
    async fn handle(&self, request: Request) -> Response {
        let parts = &self.parts;
        let admitted = match self.audience {
            Audience::Operator => guard::operator(parts, request.caller).map(Some),
            Audience::Anybody => guard::visitor(self.listens, request.host.as_deref()).map(|()| None),
        };
        let by = match admitted {
            Ok(by) => by,
            Err(refused) => return *refused,
        };
        match (&request.method, request.path.as_str()) {
            (&Method::GET | &Method::HEAD, "/livez") => Response::text(StatusCode::OK, "live"),
            (&Method::GET | &Method::HEAD, "/readyz") => health::readyz(parts, request.has_parameter("verbose")),
            (&Method::GET | &Method::HEAD, "/metrics") => metrics(parts),
            (&Method::GET | &Method::HEAD, "/") => page::show(parts).await,
            (&Method::GET | &Method::HEAD, "/page.json") => page::sections(parts).await,
            (&Method::GET | &Method::HEAD, "/favicon.svg") => page::favicon(),
            (method, path) => match Path::parse(path) {
                Some(path) => {
                    let act = by.map(|by| guard::Act::begin(&parts.env.audit, by, (method, path), &request));
                    let refused = match self.audience {
                        Audience::Operator => quorum::is_there_for(parts, (method, path)).await.err(),
                        Audience::Anybody => None,
                    };
                    let response = match refused {
                        Some(refused) => *refused,
                        None => self.answer(method, path, &request).await,
                    };
                    act.into_iter().for_each(|act| act.ended(&response));
                    response
                }
                None => not_found(),
            },
        }
    }
}

impl Answers {
    async fn answer(&self, method: &Method, path: Path, request: &Request) -> Response {
        let parts = &self.parts;
        match (method, path, self.audience) {
            (&Method::GET | &Method::HEAD, Path::Status, _) => Response::json(&views::status(parts).await),
            (&Method::GET | &Method::HEAD, Path::Agents, _) => Response::json(&views::agents(&parts.store.table())),
            (&Method::GET | &Method::HEAD, Path::Routes, _) => Response::json(&views::routes(&parts.store)),
            (&Method::GET | &Method::HEAD, Path::Raft, _) => Response::json(&views::raft(&parts.store)),
            (&Method::GET | &Method::HEAD, Path::Strategy, _) => strategy::show(parts).await,
            (&Method::POST, Path::Strategy, Audience::Operator) => strategy::set(parts, &request.body).await,
            (&Method::POST, Path::StrategyPlan, Audience::Operator) => strategy::plan(parts, &request.body).await,
            (&Method::GET, Path::Snapshot(freshness), Audience::Operator) => snapshot::save(parts, freshness).await,
            (&Method::GET | &Method::HEAD, Path::Tokens, Audience::Operator) => Response::json(&tokens::list(parts)),
            (&Method::POST, Path::Tokens, Audience::Operator) => tokens::create(parts, request).await,
            (&Method::POST, Path::Revoke(id), Audience::Operator) => tokens::revoke(parts, id, request).await,
            (&Method::POST, Path::AgentRemoval, Audience::Operator) => machines::remove_agent(parts, &request.body).await,
            (&Method::GET | &Method::HEAD, Path::Clients, Audience::Operator) => Response::json(&machines::clients(&parts.store.table())),
            (&Method::POST, Path::Allow, Audience::Operator) => machines::allow(parts, &request.body).await,
            (&Method::POST, Path::Credential, Audience::Operator) => credentials::issue(parts, &request.body).await,
            (&Method::POST, Path::CredentialRevocation, Audience::Operator) => credentials::revoke(parts, &request.body).await,
            (&Method::POST, Path::ClientRemoval, Audience::Operator) => machines::remove_client(parts, &request.body).await,
            (&Method::POST, Path::Transfer, Audience::Operator) => transfer::transfer(parts, &request.body).await,
            (&Method::POST, Path::Removal, Audience::Operator) => removal::remove(parts, &request.body).await,
            (&Method::POST, Path::RemovalCheck, Audience::Operator) => removal::check(parts, &request.body).await,
            (&Method::POST, Path::Drain, Audience::Operator) => drain::drain(parts, &request.body).await,
            (&Method::POST, Path::Resume, Audience::Operator) => drain::resume(parts, &request.body).await,
            (&Method::POST, Path::Reload, Audience::Operator) => reload::reload(parts).await,
            (&Method::GET | &Method::HEAD, Path::Authority, Audience::Operator) => authority::show(parts).await,
            (&Method::GET | &Method::HEAD, Path::Certificates, Audience::Operator) => authority::certificates(parts).await,
            (&Method::POST, Path::Rotate, Audience::Operator) => authority::rotate(parts, &request.body).await,
            (&Method::POST, Path::Rollback, Audience::Operator) => authority::roll_back(parts, &request.body).await,
            (&Method::POST, Path::RevokeSerial, Audience::Operator) => authority::revoke(parts, &request.body).await,
            (
                _,
                Path::Reload
                | Path::Authority
                | Path::Certificates
                | Path::Rotate
                | Path::Rollback
                | Path::RevokeSerial
                | Path::Tokens
                | Path::Revoke(_)
                | Path::AgentRemoval
                | Path::Clients
                | Path::Allow
                | Path::ClientRemoval
                | Path::Credential
                | Path::CredentialRevocation
                | Path::Snapshot(_)
                | Path::Transfer
                | Path::Removal
                | Path::RemovalCheck
                | Path::Drain
                | Path::Resume
                | Path::StrategyPlan,
                Audience::Anybody,
            ) => not_found(),
            (_, _, _) => Response::text(StatusCode::METHOD_NOT_ALLOWED, "not that way"),
        }
    }
}

fn not_found() -> Response {
    Response::text(StatusCode::NOT_FOUND, "there is nothing here")
}

fn metrics(parts: &AdminParts) -> Response {
    let (table, status) = (parts.store.table(), parts.store.status());
    let peers = table.proxies().filter(|(id, _)| parts.links.rtt(*id).is_some()).count();
    let (data_connections, missing) = parts.links.data_connections();
    let now = parts.env.wall.now();
    let revoked = table.revoked().filter(|(_, until)| *until > now).count() as u64;
    parts.metrics.certificates().sample(revoked, table.rotation().is_some(), parts.rotations.connected.expiring(now));
    parts.metrics.sample(&Sample {
        tunnels: parts.tunnels.all().len() as u64,
        peers_connected: peers as u64,
        data_connections: (data_connections as u64, missing as u64),
        routes: table.routes_by_proxy().values().sum(),
        applied_index: status.applied_index,
        lease_held: u64::from(matches!(*parts.store.lease().borrow(), LeaseState::Held(_))),
        disk_writable: u64::from(*parts.store.disk().borrow() == DiskState::Writable),
        is_leader: u64::from(status.leader == Some(parts.me)),
        term: status.term,
        missed_renewals: parts.store.missed_renewals(),
        certificate_remaining: parts.credentials.current().remaining(parts.env.wall.now()),
        store: parts.store.usage(),
        committed_index: status.committed_index,
        last_log_index: status.last_log_index,
        moved_bytes: parts.env.readers.moved_bytes(),
        process: parts.env.net.process(),
    });
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &parts.registry) {
        Ok(()) => Response::new(StatusCode::OK, OPENMETRICS, text),
        Err(error) => Response::text(StatusCode::INTERNAL_SERVER_ERROR, &format!("the metrics cannot be written: {error}")),
    }
}

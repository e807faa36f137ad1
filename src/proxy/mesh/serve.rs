//! Serves what peers ask on their connections, whoever dialled them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::ProxyId;

use super::{Lane, PeerConnection};
use crate::net::Budget;
use crate::proxy::threads::Threads;
use crate::target::Target;
use crate::wire::close::Close;
use crate::wire::peer::PeerReport;
use crate::wire::{
    AgentProgress, CertificateReport, ControlReply, ControlRequest, DialHeader, Heard, Held, LinkKind, LiveCertificates, frame,
    not_understood,
};

/// How long a request may take to arrive once its stream is open.
const HEADER: Duration = Duration::from_secs(5);
/// How long an answer may take to be written.
const REPLY: Duration = Duration::from_secs(10);
/// Dials of one peer at the same time on one connection.
const MAX_DIALS: u32 = 8192;
/// Control requests of one peer at the same time.
const MAX_REQUESTS: u32 = 256;

/// What a proxy does for its peers.
#[async_trait]
pub(crate) trait PeerService: Send + Sync + 'static {
    /// Answers a request of `from`'s routing store.
    async fn store(&self, from: ProxyId, request: Bytes) -> Result<Bytes, String>;
    /// How this proxy is.
    fn report(&self) -> PeerReport;
    /// What this proxy's own live tunnels lead to, of what `target` may mean.
    fn held(&self, target: &Target) -> Vec<Held>;
    /// The agents with a tunnel here that have not got the tunnels they ought to hold.
    fn unsettled(&self) -> Vec<AgentProgress>;
    /// Whether a connection is still one to be served: its certificate may have been revoked since its handshake.
    fn admits(&self, connection: &quinn::Connection) -> bool;
    /// How this proxy and its machines stand to the authorities.
    fn certificates(&self) -> CertificateReport;
    /// The certificates in use at this proxy.
    fn live_certificates(&self) -> LiveCertificates;
    /// Carries a dial that `from` sends to a tunnel of this proxy, to its end.
    async fn dial(&self, from: ProxyId, header: DialHeader, stream: (SendStream, RecvStream));
}

/// Serves connections as they are made, until `cancel`.
pub(crate) async fn run(
    mut made: mpsc::Receiver<PeerConnection>,
    service: Arc<dyn PeerService>,
    (tasks, threads): (TaskTracker, Threads),
    cancel: CancellationToken,
) {
    loop {
        let connection = tokio::select! {
            connection = made.recv() => connection,
            () = cancel.cancelled() => return,
        };
        let Some(connection) = connection else { return };
        let thread = threads.of(connection.lane).clone();
        tasks.spawn_on(serve(connection, service.clone(), tasks.clone(), cancel.clone()), &thread);
    }
}

async fn serve(made: PeerConnection, service: Arc<dyn PeerService>, tasks: TaskTracker, cancel: CancellationToken) {
    if !service.admits(&made.connection) {
        tracing::warn!(peer = %made.peer, lane = %made.lane, "peer refused: its certificate is revoked");
        return Close::REFUSED.close(&made.connection);
    }
    let limit = match made.lane.kind() {
        LinkKind::Control => MAX_REQUESTS,
        LinkKind::Bulk => MAX_DIALS,
    };
    made.connection.set_max_concurrent_bi_streams(limit.into());
    let reason = loop {
        match cancel.run_until_cancelled(made.connection.accept_bi()).await {
            Some(Ok(stream)) => {
                let (service, made, cancel) = (service.clone(), made.clone(), cancel.clone());
                tasks.spawn(async move { cancel.run_until_cancelled(answer(&made, stream, &*service)).await });
            }
            Some(Err(reason)) => break reason,
            // The connection itself closes with its endpoint: this proxy may still have something to say on it.
            None => return,
        }
    };
    if made.lane == Lane::Control {
        tracing::info!(peer = %made.peer, lane = %made.lane, %reason, "peer disconnected");
    } else {
        tracing::debug!(peer = %made.peer, lane = %made.lane, %reason, "peer disconnected");
    }
}

async fn answer(made: &PeerConnection, (mut send, mut recv): (SendStream, RecvStream), service: &dyn PeerService) {
    let (budget, peer, _in_use) = (Budget::new(HEADER), made.peer, made.load.begin());
    match made.lane.kind() {
        LinkKind::Control => match budget.run(frame::hear(&mut recv, frame::MAX_CONTROL)).await {
            Ok(Ok(request)) => reply(peer, request, send, service).await,
            Ok(Err(error)) => refuse(peer, &error, &mut send, &mut recv),
            Err(error) => refuse(peer, &error, &mut send, &mut recv),
        },
        LinkKind::Bulk => match budget.run(frame::read(&mut recv, frame::MAX_MESSAGE)).await {
            Ok(Ok(header)) => service.dial(peer, header, (send, recv)).await,
            Ok(Err(error)) => refuse(peer, &error, &mut send, &mut recv),
            Err(error) => refuse(peer, &error, &mut send, &mut recv),
        },
    }
}

async fn reply(peer: ProxyId, request: Heard<ControlRequest>, mut send: SendStream, service: &dyn PeerService) {
    let reply = match request {
        Heard::Known(ControlRequest::Ping) => ControlReply::Pong(service.report()),
        Heard::Known(ControlRequest::Certificates) => ControlReply::Certificates(service.certificates()),
        Heard::Known(ControlRequest::LiveCertificates) => ControlReply::LiveCertificates(service.live_certificates()),
        Heard::Known(ControlRequest::Unsettled) => ControlReply::Unsettled(service.unsettled()),
        Heard::Known(ControlRequest::WhoHas(Heard::Known(target))) => ControlReply::Held(service.held(&target)),
        Heard::Known(ControlRequest::WhoHas(Heard::Unknown(form))) => later(&format!("a target of form {form}")),
        Heard::Known(ControlRequest::Store(bytes)) => match service.store(peer, bytes).await {
            Ok(bytes) => ControlReply::Store(bytes),
            Err(reason) => ControlReply::Refused(reason),
        },
        Heard::Unknown(number) => later(&format!("request {number} of a proxy")),
    };
    match Budget::new(REPLY).run(frame::write(&mut send, &reply, frame::MAX_CONTROL)).await {
        // The asker may have given up: it has then stopped the stream by itself.
        Ok(Ok(())) => drop(send.finish()),
        Ok(Err(error)) => tracing::debug!(%peer, %error, "answer not sent"),
        Err(error) => tracing::debug!(%peer, %error, "answer not sent"),
    }
}

/// The answer to what only a later version knows.
fn later(what: &str) -> ControlReply {
    ControlReply::Refused(not_understood(&what).message().to_owned())
}

fn refuse(peer: ProxyId, error: &dyn std::error::Error, send: &mut SendStream, recv: &mut RecvStream) {
    tracing::debug!(%peer, %error, "request not understood");
    Close::PROTOCOL.abort(send, recv);
}

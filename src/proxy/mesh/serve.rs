//! Serves what peers ask on their connections, whoever dialled them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::ProxyId;

use super::{Lane, PeerConnection};
use crate::limits::{Limit, Limits, Reached};
use crate::net::Budget;
use crate::proxy::threads::Threads;
use crate::target::Target;
use crate::wire::close::Close;
use crate::wire::peer::PeerReport;
use crate::wire::{
    AgentProgress, CertificateReport, ControlReply, ControlRequest, DialHeader, Heard, Held, LinkKind, LiveCertificates, Vitals, frame,
    not_understood,
};

/// How long an answer may take to be written.
const REPLY: Duration = Duration::from_secs(10);
/// Control requests of one peer at the same time: an honest one has a few dozen.
const MAX_REQUESTS: u32 = 256;
/// What the requests on one control connection may take together while they arrive, in bytes. An honest peer has a few entries or pieces of a snapshot under way.
const MAX_ARRIVING: usize = 4 * frame::MAX_CONTROL;

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
    /// How this proxy does just now.
    fn vitals(&self) -> Vitals;
    /// Carries a dial that `from` sends to a tunnel of this proxy, to its end.
    async fn dial(&self, from: ProxyId, header: DialHeader, stream: (SendStream, RecvStream));
}

/// What a peer may use.
#[derive(Clone, Debug)]
pub(crate) struct PeerBounds {
    /// Dials over one connection at the same time.
    pub streams: u32,
    /// How long a request may take to arrive once its stream is open.
    pub header: Duration,
    /// What is counted.
    pub reached: Reached,
}

impl PeerBounds {
    /// As `[limits]` says.
    pub(crate) fn new(limits: &Limits, reached: &Reached) -> Self {
        Self { streams: limits.streams_per_peer, header: limits.header_timeout, reached: reached.clone() }
    }
}

/// A connection that is served.
struct Served {
    made: PeerConnection,
    bounds: PeerBounds,
    /// The room for control requests that arrive.
    room: Semaphore,
    running: AtomicU32,
}

/// Serves connections as they are made, until `cancel`.
pub(crate) async fn run(
    mut made: mpsc::Receiver<PeerConnection>,
    service: Arc<dyn PeerService>,
    (tasks, threads): (TaskTracker, Threads),
    bounds: PeerBounds,
    cancel: CancellationToken,
) {
    loop {
        let connection = tokio::select! {
            connection = made.recv() => connection,
            () = cancel.cancelled() => return,
        };
        let Some(connection) = connection else { return };
        let thread = threads.of(connection.lane).clone();
        let served = Served { made: connection, bounds: bounds.clone(), room: Semaphore::new(MAX_ARRIVING), running: AtomicU32::new(0) };
        tasks.spawn_on(serve(Arc::new(served), service.clone(), tasks.clone(), cancel.clone()), &thread);
    }
}

async fn serve(served: Arc<Served>, service: Arc<dyn PeerService>, tasks: TaskTracker, cancel: CancellationToken) {
    let made = &served.made;
    if !service.admits(&made.connection) {
        tracing::warn!(peer = %made.peer, lane = %made.lane, "peer refused: its certificate is revoked");
        return Close::REFUSED.close(&made.connection);
    }
    made.connection.set_max_concurrent_bi_streams(served.most().into());
    let reason = loop {
        match cancel.run_until_cancelled(made.connection.accept_bi()).await {
            Some(Ok(stream)) => {
                let (service, served, cancel) = (service.clone(), served.clone(), cancel.clone());
                tasks.spawn(async move { cancel.run_until_cancelled(served.answer(stream, &*service)).await });
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

/// Counts a stream that is served until it is dropped.
struct Running<'a>(&'a AtomicU32);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Served {
    /// Streams at the same time. QUIC holds back a peer that wants more.
    fn most(&self) -> u32 {
        match self.made.lane.kind() {
            LinkKind::Control => MAX_REQUESTS,
            LinkKind::Bulk => self.bounds.streams,
        }
    }

    fn begin(&self) -> Running<'_> {
        if self.running.fetch_add(1, Ordering::Relaxed) + 1 == self.most() {
            self.bounds.reached.note(Limit::StreamsPerPeer);
        }
        Running(&self.running)
    }

    async fn answer(&self, (mut send, mut recv): (SendStream, RecvStream), service: &dyn PeerService) {
        let (budget, peer) = (Budget::new(self.bounds.header), self.made.peer);
        let (_running, _in_use) = (self.begin(), self.made.load.begin());
        let reached = &self.bounds.reached;
        match self.made.lane.kind() {
            LinkKind::Control => match budget.run(frame::hear_in(&mut recv, frame::MAX_CONTROL, &self.room)).await {
                Ok(Ok(request)) => reply(peer, request, send, service).await,
                Ok(Err(error)) => refuse(peer, &error, &mut send, &mut recv),
                Err(error) => late(reached, || refuse(peer, &error, &mut send, &mut recv)),
            },
            LinkKind::Bulk => match budget.run(frame::read(&mut recv, frame::MAX_MESSAGE)).await {
                Ok(Ok(header)) => service.dial(peer, header, (send, recv)).await,
                Ok(Err(error)) => refuse(peer, &error, &mut send, &mut recv),
                Err(error) => late(reached, || refuse(peer, &error, &mut send, &mut recv)),
            },
        }
    }
}

fn late(reached: &Reached, refuse: impl FnOnce()) {
    reached.note(Limit::HeaderTimeout);
    refuse();
}

async fn reply(peer: ProxyId, request: Heard<ControlRequest>, mut send: SendStream, service: &dyn PeerService) {
    let reply = match request {
        Heard::Known(ControlRequest::Ping) => ControlReply::Pong(service.report()),
        Heard::Known(ControlRequest::Certificates) => ControlReply::Certificates(service.certificates()),
        Heard::Known(ControlRequest::LiveCertificates) => ControlReply::LiveCertificates(service.live_certificates()),
        Heard::Known(ControlRequest::Vitals) => ControlReply::Vitals(service.vitals()),
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

//! `warren ping`: how long the way to a service or to a proxy takes.

use std::time::Duration;

use tokio::time::Instant;
use warren_raft::{AgentName, ProxyId, ProxyName, Timestamp};

use super::asking::broken;
use super::session::Session;
use crate::failure::{Code, Failure, Stage};
use crate::net::{Budget, shown};
use crate::target::Target;
use crate::wire::close::Close;
use crate::wire::{ClientRequest, Heard, Hello, Party, PingReply, PingRequest, TraceId, frame, not_understood};

/// A way that was gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pong<P> {
    /// Whose service it is; `None` of a proxy.
    pub agent: Option<AgentName>,
    /// The proxies on the way, the one where it entered first.
    pub path: Vec<P>,
    /// How long it took, there and back.
    pub round_trip: Duration,
    /// The identity in every log; a proxy logs nothing of a ping.
    pub trace: Option<TraceId>,
}

/// The way to a service: until its target has accepted, which need not say anything and is told that there is nothing to come.
///
/// # Errors
/// The [`Failure`] of the dial.
pub async fn ping_service(session: &Session, target: &Target, timeout: Duration) -> Result<Pong<ProxyId>, Failure> {
    let asked = Instant::now();
    let mut dialled = session.dial(target, timeout).await?;
    let round_trip = asked.elapsed();
    // It fails only when the service has gone.
    let _ = dialled.send.finish();
    let _ = dialled.recv.stop(Close::DONE.code());
    Ok(Pong { agent: Some(dialled.agent), path: dialled.path, round_trip, trace: Some(dialled.trace) })
}

/// The way to the proxy of that name, through whichever one the session is connected to.
///
/// # Errors
/// What the proxy says: there is none of that name, or it gives no answer; and that it is of a version that does not know the question.
pub async fn ping_proxy(session: &Session, proxy: &ProxyName, timeout: Duration) -> Result<Pong<ProxyName>, Failure> {
    let budget = Budget::new(timeout);
    let connection = session.connection(budget).await?;
    let at = shown(connection.remote_address()).to_string();
    let request = PingRequest { hello: Hello::ours(), proxy: Some(proxy.clone()), budget_ms: budget.left_ms() };
    let asked = Instant::now();
    let reply = budget.run(ask(&connection, &ClientRequest::Ping(request))).await;
    let round_trip = asked.elapsed();
    let silent = || Failure::new(Code::Timeout, Stage::Ingress, format!("no answer about `{proxy}` in time")).with_hint("`warren status`");
    match reply.map_err(|_| silent().at(at.clone()))?.map_err(|error| broken(&connection, &error))? {
        Heard::Known(PingReply::Pong { path, hello, .. }) => {
            hello.agree(Party::Proxy).map_err(|error| error.failure().at(at))?;
            Ok(Pong { agent: None, path, round_trip, trace: None })
        }
        Heard::Known(PingReply::Failed(failure)) => Err(failure),
        Heard::Unknown(number) => Err(not_understood(&format!("answer {number} of a proxy")).at(at)),
    }
}

/// What time it is at the proxy of this connection, where it tells and that is within the budget, and how long it took to ask.
pub(crate) async fn time_of(connection: &quinn::Connection, budget: Budget) -> Option<(Timestamp, Duration)> {
    let request = ClientRequest::Ping(PingRequest { hello: Hello::ours(), proxy: None, budget_ms: budget.left_ms() });
    let asked = Instant::now();
    match budget.run(ask(connection, &request)).await {
        Ok(Ok(Heard::Known(PingReply::Pong { at_ms, .. }))) => Some((Timestamp(at_ms), asked.elapsed())),
        Ok(_) | Err(_) => None,
    }
}

async fn ask(connection: &quinn::Connection, request: &ClientRequest) -> Result<Heard<PingReply>, frame::FrameError> {
    let (mut send, mut recv) = connection.open_bi().await.map_err(|error| frame::FrameError::Stream(error.into()))?;
    frame::write(&mut send, request, frame::MAX_MESSAGE).await?;
    frame::hear(&mut recv, frame::MAX_MESSAGE).await
}

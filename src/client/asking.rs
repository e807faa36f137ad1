//! One dial of a client: asked of the proxy that is connected, and of another one beside it when that one is silent or goes away.
//!
//! ```text
//!  ask --(no acknowledgement for half a second, or the connection is gone)--> ask another proxy too --> the first answer counts
//! ```
//! A proxy that is there acknowledges at once and finds the way by itself, however long that takes; one that is stopped or cut off does not. All requests
//! carry one trace: the target sees one connection.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use quinn::{ConnectionError, RecvStream, SendStream};
use tokio::time::sleep;

use super::session::{Dialled, Session};
use crate::failure::{Code, Failure, Stage};
use crate::identity::tls;
use crate::limits::{Limit, reached};
use crate::net::quic::Sending;
use crate::net::{Budget, shown};
use crate::target::Target;
use crate::wire::close::Close;
use crate::wire::{ClientRequest, DialReply, DialRequest, Heard, Party, frame, not_understood};

/// How long an acknowledgement may take; from further away four round trips.
const ACKNOWLEDGED: Duration = Duration::from_millis(500);
/// How long nothing may come while an answer is waited for: more than a keep-alive takes.
const QUIET: Duration = Duration::from_millis(4500);
/// Most proxies that are asked.
const MAX_ASKED: usize = 4;

/// What came of asking a proxy.
type Asked = Result<Dialled, Unanswered>;

/// The same, as the client is told.
type Answer = Result<Dialled, Failure>;

/// Why a proxy gave no stream.
enum Unanswered {
    /// It has answered, or refused this machine.
    Final(Failure),
    /// It went away before it had an answer.
    Gone(Failure),
}

/// A dial that is asked for.
pub(super) struct Asking<'a> {
    session: &'a Session,
    request: DialRequest,
    budget: Budget,
    running: Vec<Pin<Box<dyn Future<Output = Asked> + Send + 'a>>>,
    /// Where was asked last.
    last: Option<SocketAddr>,
}

impl<'a> Asking<'a> {
    /// A dial that waits for its answer as long as the budget lasts, which the request tells each proxy.
    pub(super) fn new(session: &'a Session, request: DialRequest, budget: Budget) -> Self {
        Self { session, request, budget, running: Vec::new(), last: None }
    }

    /// Asks until a proxy has answered.
    pub(super) async fn dial(&mut self) -> Result<Dialled, Failure> {
        let mut connection = self.session.connection(self.budget).await?;
        let mut asked = 0;
        loop {
            self.ask(&connection);
            asked += 1;
            let gone = tokio::select! {
                answered = self.answer() => match answered {
                    Ok(dialled) => return Ok(dialled),
                    Err(Unanswered::Final(failure)) => return Err(failure),
                    Err(Unanswered::Gone(failure)) => Some(failure),
                },
                () = silence(&connection) => None,
            };
            // It has said so of this one dial, and its connection is there.
            let is_leaving = gone.is_some() && connection.close_reason().is_none();
            let proxy = shown(connection.remote_address());
            let failure = gone.unwrap_or_else(|| silent(&self.request.target, Some(proxy)));
            if asked == MAX_ASKED {
                return self.rest(failure).await;
            }
            tracing::debug!(%proxy, %failure, "another proxy is asked");
            connection = match self.other(&connection, is_leaving).await {
                Ok(other) => other,
                Err(answer) => return answer,
            };
        }
    }

    /// The failure of a dial that was not answered in time.
    pub(super) fn late(&self) -> Failure {
        silent(&self.request.target, self.last)
    }

    fn ask(&mut self, connection: &quinn::Connection) {
        let request = ClientRequest::Dial(DialRequest { budget_ms: self.budget.left_ms(), ..self.request.clone() });
        self.last = Some(shown(connection.remote_address()));
        self.running.push(Box::pin(ask(connection.clone(), self.session.sending(connection), request)));
    }

    /// Another connection, unless an answer comes first. Where there is none, the answers that are still to come are waited for.
    async fn other(&mut self, silent: &quinn::Connection, is_leaving: bool) -> Result<quinn::Connection, Answer> {
        let (session, budget) = (self.session, self.budget);
        let connecting = session.instead_of(silent, is_leaving, budget);
        tokio::pin!(connecting);
        loop {
            tokio::select! {
                connected = &mut connecting => return match connected {
                    Ok(connection) => Ok(connection),
                    Err(failure) => Err(self.rest(failure).await),
                },
                answered = self.answer() => match answered {
                    Ok(dialled) => return Err(Ok(dialled)),
                    Err(Unanswered::Final(failure)) => return Err(Err(failure)),
                    Err(Unanswered::Gone(_)) => {}
                },
            }
        }
    }

    /// Waits for the answers that are still to come; `failure` is what there is without one.
    async fn rest(&mut self, mut failure: Failure) -> Result<Dialled, Failure> {
        while !self.running.is_empty() {
            match self.answer().await {
                Ok(dialled) => return Ok(dialled),
                Err(Unanswered::Final(last)) => return Err(last),
                Err(Unanswered::Gone(last)) => failure = last,
            }
        }
        Err(failure)
    }

    /// Waits for the next answer; never resolves while none is to come.
    async fn answer(&mut self) -> Asked {
        poll_fn(|context| {
            for position in 0..self.running.len() {
                if let Poll::Ready(asked) = self.running[position].as_mut().poll(context) {
                    drop(self.running.remove(position));
                    return Poll::Ready(asked);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// The failure of a dial of which nothing was heard.
fn silent(target: &Heard<Target>, at: Option<SocketAddr>) -> Failure {
    let failure = Failure::new(Code::Timeout, Stage::Ingress, format!("no answer about `{target}` in time"))
        .with_hint("`warren status` on a proxy's machine shows what is wrong");
    match at {
        Some(at) => failure.at(at.to_string()),
        None => failure,
    }
}

async fn ask(connection: quinn::Connection, sending: Sending, request: ClientRequest) -> Asked {
    let lost = |error: &dyn std::fmt::Display| lost(&connection, error);
    let (send, recv) = connection.open_bi().await.map_err(|error| lost(&error))?;
    let mut stream = Unfinished(Some((send, recv)));
    let at = || shown(connection.remote_address()).to_string();
    let reply = stream.exchange(&request).await.map_err(|error| match error.given_up_with() {
        // No answer has come, so that no byte of the client's has gone that way.
        Some(code) if code == Close::LEAVING.code() => Unanswered::Gone(broken(&connection, &error)),
        Some(_) | None => lost(&error),
    })?;
    match reply {
        Heard::Known(DialReply::Connected { agent, path, trace, hello }) => {
            hello.agree(Party::Proxy).map_err(|error| Unanswered::Final(error.failure().at(at())))?;
            let (send, recv) = stream.0.take().expect("it was there for the exchange");
            Ok(Dialled { send, recv, sending, agent, path, trace })
        }
        Heard::Known(DialReply::Failed(failure)) => Err(Unanswered::Final(failure)),
        Heard::Unknown(number) => Err(Unanswered::Final(not_understood(&format!("answer {number} of a proxy")).at(at()))),
    }
}

/// A stream whose dial is not answered yet; given up when dropped, so that the proxy stops its work.
struct Unfinished(Option<(SendStream, RecvStream)>);

impl Unfinished {
    async fn exchange(&mut self, request: &ClientRequest) -> Result<Heard<DialReply>, frame::FrameError> {
        let Some((send, recv)) = &mut self.0 else { return Err(frame::FrameError::Stream(std::io::ErrorKind::NotConnected.into())) };
        frame::write(send, request, frame::MAX_MESSAGE).await?;
        frame::hear(recv, frame::MAX_MESSAGE).await
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some((send, recv)) = &mut self.0 {
            Close::CANCELLED.abort(send, recv);
        }
    }
}

/// Resolves when nothing is heard over a connection on which something was just asked.
async fn silence(connection: &quinn::Connection) {
    let acknowledgements = || connection.stats().frame_rx.acks;
    let before = acknowledgements();
    sleep(ACKNOWLEDGED.max(connection.rtt() * 4)).await;
    if acknowledgements() == before {
        return;
    }
    // Its proxy is at work.
    loop {
        let datagrams = || connection.stats().udp_rx.datagrams;
        let before = datagrams();
        sleep(QUIET).await;
        if datagrams() == before {
            return;
        }
    }
}

/// What the end of a connection means. A proxy's refusal of this machine comes only now: the handshake is complete for a client before the server has
/// seen its certificate.
pub(super) fn broken(connection: &quinn::Connection, error: &dyn std::fmt::Display) -> Failure {
    let at = shown(connection.remote_address()).to_string();
    let reason = connection.close_reason();
    let anew = "to come back, enrol with an empty `--identity DIR` and a new token";
    let revoked = "if only its certificate was revoked (`warren ca revoke`), delete `certificate.pem` in its `--identity DIR` and enrol again with a new token; \
                   if it was removed, enrol with an empty `--identity DIR` and a new token";
    let enrol = "enrol again with a token made by `warren token create --role client`";
    match &reason {
        Some(ConnectionError::ApplicationClosed(closed)) if closed.error_code == Close::DENIED.code() => {
            Failure::new(Code::Denied, Stage::Ingress, "this machine was removed from the cluster").with_hint(anew).at(at)
        }
        Some(ConnectionError::ApplicationClosed(closed)) if closed.error_code == Close::REFUSED.code() => {
            Failure::new(Code::Denied, Stage::Ingress, "the proxy does not know this machine").with_hint(enrol).at(at)
        }
        Some(ConnectionError::ApplicationClosed(closed)) if closed.error_code == Close::LIMIT.code() => {
            let message = "this client has too many connections to the proxy";
            reached::failure(Limit::ConnectionsPerIdentity, Stage::Ingress, message).at(at)
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
                .with_hint(if refused == tls::Refused::Revoked { revoked } else { enrol })
                .at(at)
        }
        _ => Failure::new(Code::PeerUnreachable, Stage::Local, "the connection to the proxy broke").with_cause(error.to_string()).at(at),
    }
}

/// The same for a dial, which another proxy may answer.
fn lost(connection: &quinn::Connection, error: &dyn std::fmt::Display) -> Unanswered {
    let failure = broken(connection, error);
    if connection.close_reason().is_some_and(is_departure) { Unanswered::Gone(failure) } else { Unanswered::Final(failure) }
}

/// Whether a connection ended because its proxy has gone, or is going, which says nothing about others.
fn is_departure(reason: ConnectionError) -> bool {
    match reason {
        ConnectionError::TimedOut | ConnectionError::Reset => true,
        ConnectionError::ApplicationClosed(closed) => closed.error_code == Close::LEAVING.code(),
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted => false,
    }
}

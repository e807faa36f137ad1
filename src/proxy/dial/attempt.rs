//! One try of a dial at one owner proxy.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use warren_raft::{ProxyId, reached};

use super::loads::Counted;
use crate::net::Budget;
use crate::net::quic::StreamWindow;
use crate::proxy::mesh::{InUse, Links};
use crate::proxy::parties::Party;
use crate::proxy::tunnels::{StreamError, StreamPermit, Tunnel, Tunnels};
use crate::wire::close::Close;
use crate::wire::{DialAnswer, DialHeader, Heard, frame};

/// How long a connection that has just broken may take to be made anew.
const RECONNECT: Duration = Duration::from_secs(2);

/// How many newer tunnels of its agent one dial follows at this proxy.
const MAX_REPLACED: usize = 4;

/// A stream that has connected, and what must live as long as it.
#[derive(Debug)]
pub(crate) struct Open {
    /// To the agent.
    pub send: SendStream,
    /// From the agent.
    pub recv: RecvStream,
    /// The place among the tunnel's streams, if the tunnel is this proxy's.
    pub permit: Option<StreamPermit>,
    /// The place among the streams of the connection to the owner, if the tunnel is a peer's.
    pub in_use: Option<InUse>,
    /// How much of what the agent sends may wait here.
    pub received: StreamWindow,
    /// It counts among the streams of its agent, where this proxy is the ingress.
    pub _counted: Option<Counted>,
}

/// Why a try came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// The owner, or the agent behind it, answered.
    Answered(DialAnswer),
    /// The owner proxy cannot be reached.
    Unreachable(String),
    /// No answer in time.
    Deadline,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(answer) => answer.fmt(f),
            Self::Unreachable(reason) => f.write_str(reason),
            Self::Deadline => f.write_str("no answer in time"),
        }
    }
}

impl Miss {
    /// Whether the answer holds wherever the agent is asked.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Answered(answer) => match answer {
                DialAnswer::TargetRefused { .. } | DialAnswer::TargetTimeout | DialAnswer::Denied | DialAnswer::UnknownService => true,
                DialAnswer::Connected
                | DialAnswer::NotHere { .. }
                | DialAnswer::Draining { .. }
                | DialAnswer::Overloaded { .. }
                | DialAnswer::TunnelLost { .. }
                | DialAnswer::Unconfirmed { .. }
                | DialAnswer::NotUnderstood { .. }
                | DialAnswer::Superseded => false,
            },
            Self::Unreachable(_) | Self::Deadline => false,
        }
    }

    /// Whether the agent answers the same dial by another way.
    pub(super) fn is_superseded(&self) -> bool {
        *self == Self::Answered(DialAnswer::Superseded)
    }

    /// Whether the owner says that the tunnel is no more: the agent may have another one by now.
    pub(super) fn has_moved(&self) -> bool {
        matches!(self, Self::Answered(DialAnswer::NotHere { .. } | DialAnswer::Draining { .. } | DialAnswer::TunnelLost { .. }))
    }

    /// Whether the tunnel, or the way to it, gave no answer or broke.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Deadline | Self::Answered(DialAnswer::TunnelLost { .. }))
    }
}

/// Tries a tunnel of this proxy. One that breaks before there is an answer may have been replaced by a newer one, as that of an agent that has
/// been started anew: the dial is sent again, over that one.
pub(super) async fn local(tunnels: &Tunnels, header: &DialHeader, budget: Budget) -> Result<Open, Miss> {
    let mut tunnel = tunnels.get(&header.agent).ok_or(Miss::Answered(DialAnswer::NotHere { hint: None }))?;
    for _ in 0..MAX_REPLACED {
        let miss = match local_once(&tunnel, header, budget).await {
            Err(miss) if miss.has_moved() => miss,
            tried => return tried,
        };
        tunnel = tunnels.get(&header.agent).filter(|newest| newest.sequence > tunnel.sequence).ok_or(miss)?;
        reached!("proxy.dial_by_newer_tunnel");
        tracing::debug!(agent = %header.agent, sequence = %tunnel.sequence, "the tunnel was replaced, dialling by the newer one");
    }
    local_once(&tunnel, header, budget).await
}

async fn local_once(tunnel: &Arc<Tunnel>, header: &DialHeader, budget: Budget) -> Result<Open, Miss> {
    // A newer tunnel is here before its route is committed.
    if budget.run(tunnel.registering()).await.is_err() {
        return Err(lost("its route was not registered in time"));
    }
    let (permit, send, recv) = tunnel.open(Party::of(header), budget).await.map_err(|error| {
        Miss::Answered(match error {
            StreamError::Limit(_) => DialAnswer::Overloaded { retry_after_ms: 1000 },
            StreamError::Gone(_) | StreamError::Deadline => DialAnswer::TunnelLost { reason: error.to_string() },
        })
    })?;
    let question = tunnel.question();
    let asked = ask(send, recv, header, budget).await;
    if matches!(asked, Ok(_) | Err(Miss::Answered(_))) {
        question.answered();
    }
    let (send, recv) = asked.map_err(|miss| match miss {
        // This proxy is reached: it is the way behind it that broke.
        Miss::Unreachable(reason) => lost(&reason),
        miss @ (Miss::Answered(_) | Miss::Deadline) => miss,
    })?;
    Ok(Open { send, recv, received: permit.received(), permit: Some(permit), in_use: None, _counted: None })
}

fn lost(reason: &str) -> Miss {
    Miss::Answered(DialAnswer::TunnelLost { reason: reason.to_owned() })
}

/// Tries the tunnel of a peer. A connection that breaks before there is an answer may have been dead for a while without anybody's notice, as
/// one to a peer that has just come back: the dial is sent once more, over the next one. All those that there were may be dead.
pub(super) async fn peer(links: &Links, owner: ProxyId, header: &DialHeader, budget: Budget) -> Result<Open, Miss> {
    let mut again = links.lanes(owner);
    let mut tried = peer_once(links, owner, header, (budget, budget)).await;
    let reconnect = budget.at_most(RECONNECT);
    while let Err(Miss::Unreachable(reason)) = &tried {
        if again == 0 || reconnect.left().is_zero() {
            break;
        }
        tracing::debug!(%owner, reason, "the connection broke, dialling again");
        again -= 1;
        tried = peer_once(links, owner, header, (reconnect, budget)).await;
    }
    tried
}

/// Opens a stream to the peer within the first budget, and gets its answer within the second.
async fn peer_once(links: &Links, owner: ProxyId, header: &DialHeader, (open, answer): (Budget, Budget)) -> Result<Open, Miss> {
    let (in_use, send, recv) = links.open(owner, open).await.map_err(|error| Miss::Unreachable(error.to_string()))?;
    let (send, recv) = ask(send, recv, header, answer).await?;
    Ok(Open { send, recv, received: links.received(owner), permit: None, in_use: Some(in_use), _counted: None })
}

/// Sends the header and waits for the answer. Whatever ends this early gives the stream up at both ends.
async fn ask(send: SendStream, recv: RecvStream, header: &DialHeader, budget: Budget) -> Result<(SendStream, RecvStream), Miss> {
    let mut stream = Unanswered { stream: Some((send, recv)) };
    let header = DialHeader { budget_ms: budget.left_ms(), ..header.clone() };
    let answer =
        budget.run(stream.exchange(&header)).await.map_err(|_| Miss::Deadline)?.map_err(|error| Miss::Unreachable(error.to_string()))?;
    if answer == DialAnswer::Connected { stream.stream.take().ok_or(Miss::Deadline) } else { Err(Miss::Answered(answer)) }
}

/// A stream whose dial is not answered yet; given up when dropped, so that the hops behind it stop their work.
struct Unanswered {
    stream: Option<(SendStream, RecvStream)>,
}

impl Unanswered {
    async fn exchange(&mut self, header: &DialHeader) -> Result<DialAnswer, frame::FrameError> {
        let Some((send, recv)) = &mut self.stream else { return Err(frame::FrameError::Stream(std::io::ErrorKind::NotConnected.into())) };
        frame::write(send, header, frame::MAX_MESSAGE).await?;
        Ok(match frame::hear(recv, frame::MAX_MESSAGE).await? {
            Heard::Known(answer) => answer,
            Heard::Unknown(number) => DialAnswer::NotUnderstood { number },
        })
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some((send, recv)) = &mut self.stream {
            Close::CANCELLED.abort(send, recv);
        }
    }
}

//! Why a tunnel did not come about, or is no more.

use std::time::Duration;

use super::events::End;
use super::placement::Meeting;
use super::pulse::DEAD;
use crate::failure::{Failure, Printable};
use crate::identity::tls;
use crate::net::Elapsed;
use crate::wire::{TooOld, frame};

/// Why a tunnel did not come about, or is no more.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelError {
    #[error("no address to dial")]
    NoAddress,
    #[error("no socket: {0}")]
    Socket(std::io::Error),
    #[error("`{address}` does not resolve: {error}")]
    Resolve { address: String, error: std::io::Error },
    #[error("{}", located(.error, .address))]
    At { address: String, error: Box<TunnelError> },
    #[error("the dial failed: {0}")]
    Connect(#[from] quinn::ConnectError),
    #[error("{}", reason_of(.0))]
    Connection(#[from] quinn::ConnectionError),
    #[error("the control stream broke: {0}")]
    Control(#[from] frame::FrameError),
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
    #[error("refused: {}", told(.failure))]
    Refused { failure: Failure, retry_after: Duration },
    #[error("the certificate names no proxy")]
    NoProxy,
    #[error("the proxy did not begin with a welcome")]
    NoWelcome,
    #[error(transparent)]
    TooOld(#[from] TooOld),
    #[error("a proxy that answered is held already or not wanted")]
    NotNeeded(Meeting),
    #[error("no sign of life for {} s", DEAD.as_secs())]
    Silent,
    #[error("the agent is stopping")]
    Stopping,
}

impl TunnelError {
    /// The same, which happened at this address.
    pub(super) fn at(self, address: String) -> Self {
        match self {
            Self::NotNeeded(_) | Self::Stopping => self,
            Self::At { .. } | Self::Resolve { .. } => self,
            error @ (Self::NoAddress
            | Self::Socket(_)
            | Self::Connect(_)
            | Self::Connection(_)
            | Self::Control(_)
            | Self::Elapsed(_)
            | Self::Refused { .. }
            | Self::NoProxy
            | Self::NoWelcome
            | Self::TooOld(_)
            | Self::Silent) => Self::At { address, error: Box::new(error) },
        }
    }

    /// The address that it happened at.
    pub(super) fn address(&self) -> Option<&str> {
        match self {
            Self::At { address, .. } | Self::Resolve { address, .. } => Some(address),
            Self::NoAddress
            | Self::Socket(_)
            | Self::Connect(_)
            | Self::Connection(_)
            | Self::Control(_)
            | Self::Elapsed(_)
            | Self::Refused { .. }
            | Self::NoProxy
            | Self::NoWelcome
            | Self::TooOld(_)
            | Self::NotNeeded(_)
            | Self::Silent
            | Self::Stopping => None,
        }
    }

    /// Of two that addresses of one tunnel failed with, the one that tells more.
    pub(super) fn or_rather(self, other: Self) -> Self {
        let rank = |error: &Self| match error {
            Self::NoAddress => 0,
            Self::NotNeeded(Meeting::Held | Meeting::Taken) => 1,
            Self::NotNeeded(Meeting::Enough) | Self::Stopping => 3,
            Self::Socket(_)
            | Self::Resolve { .. }
            | Self::At { .. }
            | Self::Connect(_)
            | Self::Connection(_)
            | Self::Control(_)
            | Self::Elapsed(_)
            | Self::Refused { .. }
            | Self::NoProxy
            | Self::NoWelcome
            | Self::TooOld(_)
            | Self::Silent => 2,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }

    /// Whether the identity was revoked, as it is when the machine is removed.
    fn is_removal(&self) -> bool {
        match self {
            Self::At { error, .. } => error.is_removal(),
            Self::Connection(error) => tls::refused(error) == Some(tls::Refused::Revoked),
            Self::NoAddress
            | Self::Socket(_)
            | Self::Resolve { .. }
            | Self::Connect(_)
            | Self::Control(_)
            | Self::Elapsed(_)
            | Self::Refused { .. }
            | Self::NoProxy
            | Self::NoWelcome
            | Self::TooOld(_)
            | Self::NotNeeded(_)
            | Self::Silent
            | Self::Stopping => false,
        }
    }

    /// What the supervisor is told of it.
    pub(super) fn end(self) -> End {
        let reason = self.to_string();
        if self.is_removal() {
            return End::Removed { reason, address: self.address().map(str::to_owned) };
        }
        match self {
            Self::NotNeeded(meeting) => End::NotNeeded(meeting),
            Self::At { address, .. } | Self::Resolve { address, .. } => End::Failed { reason, address: Some(address), retry_after: None },
            Self::Refused { retry_after, .. } => End::Failed { reason, address: None, retry_after: Some(retry_after) },
            Self::NoAddress
            | Self::Socket(_)
            | Self::Connect(_)
            | Self::Connection(_)
            | Self::Control(_)
            | Self::Elapsed(_)
            | Self::NoProxy
            | Self::NoWelcome
            | Self::TooOld(_)
            | Self::Silent
            | Self::Stopping => End::Failed { reason, address: None, retry_after: None },
        }
    }
}

/// What happened, and where: the address is at the end.
fn located(error: &TunnelError, address: &str) -> String {
    let is_silent = matches!(error, TunnelError::Elapsed(_) | TunnelError::Connection(quinn::ConnectionError::TimedOut));
    if is_silent { format!("no answer from {address}") } else { format!("{error}, at {address}") }
}

/// What a proxy says, and what is to be done about it.
fn told(failure: &Failure) -> String {
    let message = Printable(failure.message());
    failure.hint().map_or_else(|| message.to_string(), |hint| format!("{message}: {}", Printable(hint)))
}

/// What the proxy has to say of this machine comes as the connection's close.
fn reason_of(error: &quinn::ConnectionError) -> String {
    match tls::refused(error) {
        // TLS has one alert for both: only an operator knows which it was.
        Some(refused @ tls::Refused::Revoked) => format!(
            "the proxy refused this machine: {refused}; if only its certificate was revoked (`warren ca revoke`), stop the agent, delete `certificate.pem` in its `data_dir` \
             and start it with a new token; if it was removed (`warren agents rm`), it needs an empty `data_dir` and a new token"
        ),
        Some(refused) => format!("the proxy refused this machine: {refused}"),
        None => error.to_string(),
    }
}

//! One line.

use std::fmt;
use std::time::Duration;

use crate::failure::Code;

/// The target of the lines, as log filters name it.
pub const TARGET: &str = "warren::access";

/// What came before there was an answer: nobody wants it any more.
pub(super) const CANCELLED: &str = "cancelled";
/// A stream that has been connected.
pub(super) const CONNECTED: &str = "connected";

/// How a process takes part in a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A proxy that a client has reached.
    Ingress,
    /// A proxy whose tunnel it went over, asked by another one.
    Owner,
    /// The agent.
    Agent,
}

/// What is told of a stream. The order of the fields is that of the line.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// How this process took part.
    pub role: Role,
    /// Who asked; nobody by name where an ingress wants none.
    pub client: Option<&'a str>,
    /// By which way in of the proxy, if it is no client of warren's own.
    pub ingress: Option<&'a str>,
    /// What for: the target as it was asked for, at owner and agent the service that was chosen; `service` in the line, where `target` is that of the log.
    pub target: &'a str,
    /// The proxies on the way, as far as this process knows them.
    pub path: &'a str,
    /// `connected`, `cancelled` before there was an answer, or why it came to nothing.
    pub outcome: &'a str,
    /// The same in words.
    pub reason: Option<&'a str>,
    /// How the stream ended, where there was one: [`End`](crate::net::relay::End).
    pub end: Option<&'a str>,
    /// Payload bytes from the client to the agent.
    pub sent_bytes: u64,
    /// Payload bytes from the agent to the client.
    pub received_bytes: u64,
    /// From the request to the end.
    pub duration: Duration,
    /// The dial's number in every hop's log.
    pub trace: &'a str,
}

/// Whether anybody reads such lines.
pub fn is_on() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::INFO)
}

impl Line<'_> {
    /// Writes it.
    pub fn write(&self) {
        let Self { client, ingress, target: service, path, outcome, reason, end, sent_bytes, received_bytes, trace, .. } = *self;
        let (role, duration_ms) = (self.role.as_str(), u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX));
        macro_rules! say {
            ($level:expr) => {
                tracing::event!(
                    target: TARGET, $level, role, client, ingress, service, path, outcome, reason, end, sent_bytes, received_bytes, duration_ms, trace, "stream"
                )
            };
        }
        if self.is_of_note() { say!(tracing::Level::INFO) } else { say!(tracing::Level::DEBUG) }
    }

    /// Whether an operator wants to know. A client that is over its bound can be so as often as it likes; a proxy that is not the owner any more, and a try that lost the race, are told of by the ingress.
    fn is_of_note(&self) -> bool {
        match self.role {
            Role::Ingress => self.outcome != Code::LimitReached.as_str(),
            Role::Owner | Role::Agent => !matches!(self.outcome, CANCELLED | "not_here" | "draining" | "superseded" | "overloaded"),
        }
    }
}

impl Role {
    /// The word in the line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Owner => "owner",
            Self::Agent => "agent",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a stream has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) end: &'static str,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_can_cause_at_will_and_what_is_told_elsewhere_is_not_of_note() {
        let table = [
            (Role::Ingress, CONNECTED, true),
            (Role::Ingress, CANCELLED, true),
            (Role::Ingress, "agent_offline", true),
            (Role::Ingress, "limit_reached", false),
            (Role::Owner, CONNECTED, true),
            (Role::Owner, CANCELLED, false),
            (Role::Owner, "not_here", false),
            (Role::Owner, "target_refused", true),
            (Role::Agent, "target_refused", true),
            (Role::Agent, "superseded", false),
        ];
        for (role, outcome, expected) in table {
            let line = Line {
                role,
                client: Some("c"),
                ingress: None,
                target: "a/s",
                path: "proxy-1",
                outcome,
                reason: None,
                end: None,
                sent_bytes: 0,
                received_bytes: 0,
                duration: Duration::ZERO,
                trace: "00",
            };
            assert_eq!(line.is_of_note(), expected, "{role} {outcome}");
        }
    }
}

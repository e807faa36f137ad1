//! A stream at an owner proxy or an agent, told of when it has ended.

use tokio::time::Instant;

use super::line::{CANCELLED, CONNECTED, Ended, Line, Role, is_on};
use crate::net::relay::Relayed;
use crate::net::stalled::Teller;
use crate::wire::{DialAnswer, DialHeader};

/// A stream that has not ended. Dropped, it has, and is told of.
#[derive(Debug)]
pub struct Carried {
    role: Role,
    begun: Instant,
    /// `None` where nobody reads it.
    told: Option<Box<Told>>,
}

#[derive(Debug)]
struct Told {
    client: String,
    target: String,
    path: String,
    trace: String,
    outcome: &'static str,
    reason: Option<String>,
    ended: Option<Ended>,
}

impl Carried {
    /// A dial has come, by the proxies of `path`.
    pub fn begin(role: Role, header: &DialHeader, path: impl FnOnce() -> String) -> Self {
        let told = is_on().then(|| {
            Box::new(Told {
                client: header.client.to_string(),
                target: format!("{}/{}", header.agent, header.service),
                path: path(),
                trace: header.trace.to_string(),
                outcome: CANCELLED,
                reason: None,
                ended: None,
            })
        });
        Self { role, begun: Instant::now(), told }
    }

    /// It is connected.
    pub fn connected(&mut self) {
        if let Some(told) = &mut self.told {
            told.outcome = CONNECTED;
        }
    }

    /// It came to nothing.
    pub fn failed(&mut self, answer: &DialAnswer) {
        if let Some(told) = &mut self.told {
            (told.outcome, told.reason) = (answer.as_str(), Some(answer.to_string()));
        }
    }

    /// The stream has come to its end.
    pub fn relayed(&mut self, relayed: &Relayed) {
        let Some(told) = &mut self.told else { return };
        let Relayed { sent_bytes, received_bytes, end } = *relayed;
        // An agent's relay begins at the target, so that what it sends goes to the client.
        let (sent_bytes, received_bytes) =
            if self.role == Role::Agent { (received_bytes, sent_bytes) } else { (sent_bytes, received_bytes) };
        told.ended = Some(Ended { end: end.as_str(), sent_bytes, received_bytes });
    }

    /// The stream was cut by this process, when so much had moved.
    pub fn cut(&mut self, moved: &[Teller; 2]) {
        if let Some(told) = &mut self.told {
            let [sent, received] = moved;
            told.ended = Some(Ended { end: "cut", sent_bytes: sent.moved_bytes(), received_bytes: received.moved_bytes() });
        }
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        let Some(told) = &self.told else { return };
        let line = Line {
            role: self.role,
            client: Some(&told.client),
            ingress: None,
            target: &told.target,
            path: &told.path,
            outcome: told.outcome,
            reason: told.reason.as_deref(),
            end: told.ended.map(|ended| ended.end),
            sent_bytes: told.ended.map_or(0, |ended| ended.sent_bytes),
            received_bytes: told.ended.map_or(0, |ended| ended.received_bytes),
            duration: self.begun.elapsed(),
            trace: &told.trace,
        };
        line.write();
    }
}

//! What the access log and the audit log are told of a dial: once, at its end, however that comes.

use tokio::time::Instant;
use warren_raft::{AgentName, ProxyId, Table};

use crate::access::{self, Line, Role};
use crate::audit::{Audit, Dial, Event};
use crate::failure::{Code, Failure};
use crate::net::relay::Relayed;
use crate::net::stalled::Teller;
use crate::proxy::caller::Caller;
use crate::proxy::dial::Wanted;

/// A dial that has not ended. Dropped, it has.
#[derive(Debug)]
pub(in crate::proxy) struct ToldDial {
    audit: Audit,
    begun: Instant,
    /// `None` where nobody is told.
    dial: Option<Box<Dial>>,
}

impl ToldDial {
    /// A client has asked.
    pub(in crate::proxy) fn begin(audit: &Audit, wanted: &Wanted, me: &str) -> Self {
        let dial = (audit.is_on() || access::is_on()).then(|| {
            Box::new(Dial {
                client: match &wanted.caller {
                    Caller::Client(client) => Some(client.to_string()),
                    Caller::Ingress { .. } => None,
                },
                ingress: wanted.ingress.clone(),
                from: wanted.client_address.clone(),
                target: wanted.target.to_string(),
                agent: None,
                path: vec![me.to_owned()],
                outcome: "cancelled",
                reason: None,
                end: None,
                sent_bytes: 0,
                received_bytes: 0,
                duration_ms: 0,
                trace: wanted.trace.to_string(),
            })
        });
        Self { audit: audit.clone(), begun: Instant::now(), dial }
    }

    /// A way was found.
    pub(in crate::proxy) fn connected(&mut self, agent: &AgentName, path: &[ProxyId], table: &Table) {
        let Some(dial) = &mut self.dial else { return };
        (dial.outcome, dial.agent) = ("connected", Some(agent.to_string()));
        // Whoever was removed a moment ago has a number still.
        let name = |id: &ProxyId| table.proxy(*id).map_or_else(|| id.to_string(), |proxy| proxy.name.to_string());
        dial.path = path.iter().map(name).collect();
    }

    /// None was.
    pub(in crate::proxy) fn failed(&mut self, failure: &Failure) {
        let Some(dial) = &mut self.dial else { return };
        (dial.outcome, dial.reason) = (failure.code().as_str(), Some(failure.message().to_owned()));
    }

    /// The stream has come to its end.
    pub(in crate::proxy) fn relayed(&mut self, relayed: &Relayed) {
        let Some(dial) = &mut self.dial else { return };
        (dial.end, dial.sent_bytes, dial.received_bytes) = (Some(relayed.end.as_str()), relayed.sent_bytes, relayed.received_bytes);
    }

    /// The stream was cut by this proxy, when so much had moved.
    pub(in crate::proxy) fn cut(&mut self, moved: &[Teller; 2]) {
        let Some(dial) = &mut self.dial else { return };
        let [sent, received] = moved;
        (dial.end, dial.sent_bytes, dial.received_bytes) = (Some("cut"), sent.moved_bytes(), received.moved_bytes());
    }
}

impl Drop for ToldDial {
    fn drop(&mut self) {
        let Some(mut dial) = self.dial.take() else { return };
        let duration = self.begun.elapsed();
        dial.duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let line = Line {
            role: Role::Ingress,
            client: dial.client.as_deref(),
            ingress: dial.ingress.as_deref(),
            target: &dial.target,
            path: &dial.path.join(","),
            outcome: dial.outcome,
            reason: dial.reason.as_deref(),
            end: dial.end,
            sent_bytes: dial.sent_bytes,
            received_bytes: dial.received_bytes,
            duration,
            trace: &dial.trace,
        };
        line.write();
        // A client that is over its bound can be so as often as it likes.
        if dial.outcome == Code::LimitReached.as_str() {
            self.audit.record_at_pace(Event::Dial(*dial));
        } else {
            self.audit.record(Event::Dial(*dial));
        }
    }
}

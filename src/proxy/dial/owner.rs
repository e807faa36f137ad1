//! The owner side of a dial: a peer asks for a tunnel of this proxy.

use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::time::Instant;
use warren_raft::{ProxyId, RoutingStore, Table, reached};

use super::attempt::{self, Miss, Open};
use crate::access::{Carried, Role};
use crate::audit::{Denial, Port};
use crate::net::quic::StreamWindow;
use crate::net::{Budget, Env, relay};
use crate::proxy::caller::{Caller, Shown};
use crate::proxy::dial_metrics::DialStage;
use crate::proxy::grants::{Grant, Grants};
use crate::proxy::metrics::Metrics;
use crate::proxy::tunnels::Tunnels;
use crate::traces::{Deed, Timer};
use crate::wire::close::Close;
use crate::wire::{DialAnswer, DialHeader, frame};

/// Longest budget that is taken from a peer.
const MAX_BUDGET: Duration = Duration::from_secs(60);
/// Longest address of a client that is told: one of IPv6 with its zone and port.
const MAX_ADDRESS: usize = 80;
/// How long the leader may take to confirm that a client is known.
const CONFIRM: Duration = Duration::from_secs(2);

/// Serves peers' dials from the tunnels of this proxy, and only from those: there is at most one hop between proxies.
#[derive(Debug)]
pub(crate) struct Owner {
    /// This proxy.
    pub me: ProxyId,
    /// Who is where, and who may what.
    pub store: RoutingStore,
    /// The tunnels that are here.
    pub tunnels: Arc<Tunnels>,
    /// What is counted.
    pub metrics: Metrics,
    /// What streams that are not read hold, who is told of a dial that a peer should not have sent on, and where spans go.
    pub env: Env,
    /// What runs by the cluster's leave.
    pub grants: Arc<Grants>,
}

impl Owner {
    /// Carries the dial of `header` by the proxy `from` to its end. Of the peer's stream so much may wait here.
    pub(crate) async fn carry(
        &self,
        (from, header): (ProxyId, DialHeader),
        received: StreamWindow,
        (mut send, mut recv): (SendStream, RecvStream),
    ) {
        let (begun, timer) = (Instant::now(), Timer::begin(&*self.env.wall));
        let mut told = Carried::begin(Role::Owner, &header, || self.path(from));
        let caller = match &header.entered {
            None => Caller::Client(header.client.clone()),
            Some(entered) => Caller::Ingress { proxy: from, rule: entered.rule },
        };
        let budget = Budget::new(Duration::from_millis(header.budget_ms.into()).min(MAX_BUDGET));
        let dialled = tokio::select! {
            dialled = self.dial((from, &caller), &header, budget) => dialled,
            // The ingress proxy has found another way, or its client has left.
            _ = send.stopped() => {
                tracing::debug!("cancelled by the ingress proxy");
                Close::CANCELLED.abort(&mut send, &mut recv);
                return;
            }
        };
        self.metrics.dials().took(DialStage::Owner, begun.elapsed());
        self.env.traces.record(|| {
            let span = timer.end(header.trace, (Deed::Carry(self.me), Some(Deed::Try(from, self.me))));
            let span = span.with("client", &header.client).with("agent", &header.agent).with("service", &header.service);
            span.failed(dialled.as_ref().err().map(ToString::to_string))
        });
        match dialled {
            Ok(open) => self.relay((open, header, caller), (received, told), (send, recv)).await,
            Err(answer) => {
                told.failed(&answer);
                drop(told);
                if frame::write(&mut send, &answer, frame::MAX_MESSAGE).await.is_ok() {
                    // It fails only when the asker has gone.
                    let _ = send.finish();
                }
                // Bytes that the client has sent already are nobody's.
                let _ = recv.stop(Close::DONE.code());
            }
        }
    }

    async fn dial(&self, by: (ProxyId, &Caller), header: &DialHeader, budget: Budget) -> Result<Open, DialAnswer> {
        self.check(by, header, budget).await?;
        attempt::local(&self.tunnels, header, budget).await.map_err(|miss| match miss {
            Miss::Answered(DialAnswer::NotHere { .. }) => DialAnswer::NotHere { hint: self.elsewhere(header) },
            Miss::Answered(answer) => answer,
            Miss::Unreachable(reason) => DialAnswer::TunnelLost { reason },
            Miss::Deadline => DialAnswer::TunnelLost { reason: "the agent did not answer in time".to_owned() },
        })
    }

    /// Checks by itself that the client may, or that the proxy has said of its door that everybody may, so that one bad proxy cannot quietly reach everything.
    /// And that the one who asks is a proxy of the cluster: whoever has the authority's key alone can make itself a certificate of one, with a number that the table does not know.
    async fn check(&self, (from, caller): (ProxyId, &Caller), header: &DialHeader, budget: Budget) -> Result<(), DialAnswer> {
        let allowed = |table: &Table| table.proxy(from).is_some() && caller.may(table, &header.agent, &header.service);
        if self.store.with_table(allowed) {
            return Ok(());
        }
        match self.store.confirm(budget.at_most(CONFIRM).left()).await {
            Ok(table) if allowed(&table) => Ok(()),
            Ok(table) => {
                // The proxy that sent it on has checked it too: it is behind, or not to be trusted.
                let (agent, service, trace) = (&header.agent, &header.service, header.trace);
                let reason = format!("proxy {from} sent on a dial to {agent}/{service} that is not allowed, trace {trace}");
                let denial = Denial::at(Port::Peer, header.client_address.chars().take(MAX_ADDRESS).collect::<String>(), reason);
                self.env.audit.denied(match caller {
                    Caller::Client(client) => denial.of("client", client),
                    Caller::Ingress { proxy, .. } => denial.of("proxy", proxy),
                });
                // Of one that was removed a moment ago the client is to find another, and not to be told that it may not.
                Err(match table.proxy(from) {
                    Some(_) => DialAnswer::Denied,
                    None => DialAnswer::Unconfirmed { reason: format!("proxy {from} is none of the cluster") },
                })
            }
            Err(error) => Err(DialAnswer::Unconfirmed { reason: error.to_string() }),
        }
    }

    fn elsewhere(&self, header: &DialHeader) -> Option<ProxyId> {
        self.store.with_table(|table| table.routes_of(&header.agent).map(|route| route.proxy).find(|proxy| *proxy != self.me))
    }

    /// The names of the proxies on the way.
    fn path(&self, from: ProxyId) -> String {
        let name = |table: &Table, id| table.proxy(id).map_or_else(|| id.to_string(), |proxy| proxy.name.to_string());
        self.store.with_table(|table| format!("{},{}", name(table, from), name(table, self.me)))
    }

    async fn relay(
        &self,
        (open, header, caller): (Open, DialHeader, Caller),
        (received, mut told): (StreamWindow, Carried),
        (mut send, recv): (SendStream, RecvStream),
    ) {
        if frame::write(&mut send, &DialAnswer::Connected, frame::MAX_MESSAGE).await.is_err() {
            let (mut send, mut recv) = (open.send, open.recv);
            Close::CANCELLED.abort(&mut send, &mut recv);
            return;
        }
        reached!("proxy.dial_carried");
        told.connected();
        let carried = self.env.readers.begin([Some(received), Some(open.received)]);
        let moved = carried.tellers();
        let DialHeader { agent, service, .. } = header;
        // The ingress proxy knows what the client has shown, and this one only its word for it.
        let grant = Grant { caller, shown: Shown::Nothing, agent, service };
        let granted = self.grants.stream(grant, |grant| self.store.with_table(|table| grant.stands(table)));
        let relay = relay::quic((send, recv), (open.send, open.recv), carried, granted.revoked().cancelled_owned());
        let Some(relayed) = self.metrics.streams().begin(open.permit.as_ref()).carry(relay).await else {
            // The time that this proxy had to drain is over.
            return told.cut(&moved);
        };
        told.relayed(&relayed);
        self.metrics.relayed(&relayed);
    }
}

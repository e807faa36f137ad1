//! What this proxy does for its peers.

use async_trait::async_trait;
use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use tokio::time::Instant;
use tracing::Instrument;
use warren_raft::{LeaseState, ProxyId, RoutingStore};

use super::dial::Owner;
use super::disk_report::disk_report;
use super::handover::{Drain, Phase};
use super::mesh::{Links, PeerService};
use super::metrics::Metrics;
use super::recent::Lookout;
use super::rotation::Rotations;
use crate::identity::peer_serial;
use crate::target::Target;
use crate::wire::peer::PeerReport;
use crate::wire::{AgentProgress, CertificateReport, DialHeader, Held, LiveCertificates, Vitals};

/// The parts that peers may use.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) store: RoutingStore,
    pub(super) owner: Owner,
    pub(super) links: Links,
    pub(super) metrics: Metrics,
    pub(super) drain: Drain,
    pub(super) rotations: Rotations,
    pub(super) lookout: Lookout,
}

#[async_trait]
impl PeerService for Service {
    async fn store(&self, from: ProxyId, request: Bytes) -> Result<Bytes, String> {
        self.store.handle(from, request).await.map_err(|error| error.to_string())
    }

    fn report(&self) -> PeerReport {
        PeerReport {
            applied_index: self.store.status().applied_index,
            streams: self.metrics.streams().running(),
            isolated: *self.store.lease().borrow() == LeaseState::Lost,
            draining: self.drain.is_on(),
            disk: disk_report(&self.store),
            tunnels: u64::try_from(self.owner.tunnels.count()).unwrap_or(u64::MAX),
            cut_streams: self.drain.cut_streams(),
            unreachable: self.links.unreachable(),
            drained: self.drain.phase() == Phase::Drained,
            leaving: self.drain.is_leaving(),
        }
    }

    fn held(&self, target: &Target) -> Vec<Held> {
        self.owner.tunnels.held(target)
    }

    fn unsettled(&self) -> Vec<AgentProgress> {
        self.owner.tunnels.unsettled(Instant::now())
    }

    fn admits(&self, connection: &quinn::Connection) -> bool {
        let now = self.rotations.env.wall.now();
        peer_serial(connection).is_none_or(|serial| !self.store.with_table(|table| table.is_revoked(serial, now)))
    }

    fn certificates(&self) -> CertificateReport {
        self.rotations.mine()
    }

    fn vitals(&self) -> Vitals {
        self.lookout.vitals()
    }

    fn live_certificates(&self) -> LiveCertificates {
        self.rotations.live()
    }

    async fn dial(&self, from: ProxyId, header: DialHeader, stream: (SendStream, RecvStream)) {
        let span = tracing::info_span!("dial", trace = %header.trace, agent = %header.agent, service = %header.service, ingress = %from);
        self.owner.carry((from, header), self.links.received(from), stream).instrument(span).await;
    }
}

//! How the peers are reached, shown at `/metrics`: read off the links at each scrape, so that a proxy that has left is not shown any more.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use warren_raft::{ProxyId, RoutingStore, Table};

use super::mesh::{Links, Packets};
use super::recent::Lookout;

/// The peers, by name.
#[derive(Debug)]
pub(super) struct PeerMetrics {
    pub(super) store: RoutingStore,
    pub(super) links: Links,
    pub(super) lookout: Lookout,
}

impl Collector for PeerMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let table = self.store.table();
        self.encode_own(&mut encoder, &table)?;
        let trips: Vec<_> = self.links.traffic().into_iter().filter_map(|(peer, link)| Some((peer, link.round_trip?))).collect();
        if !trips.is_empty() {
            let help = "The round trip of the control connection to each peer, while there is one";
            let mut family = encoder.encode_descriptor("warren_peer_round_trip", help, Some(&Unit::Seconds), MetricType::Gauge)?;
            for (peer, trip) in trips {
                ConstGauge::new(trip.as_secs_f64()).encode(family.encode_family(&[("peer", name(&table, peer))])?)?;
            }
        }
        self.encode_packets(&mut encoder, &table, &SENT)?;
        self.encode_packets(&mut encoder, &table, &LOST)
    }
}

/// Something that is counted of packets.
struct Counted {
    name: &'static str,
    help: &'static str,
    of: fn(&Packets) -> u64,
}

const SENT: Counted =
    Counted { name: "warren_peer_packets_sent", help: "QUIC packets sent to each peer, over all connections", of: |packets| packets.sent };
const LOST: Counted =
    Counted { name: "warren_peer_packets_lost", help: "Those of them that were found to be lost", of: |packets| packets.lost };

impl PeerMetrics {
    fn encode_packets(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        table: &Table,
        Counted { name: metric, help, of }: &Counted,
    ) -> Result<(), std::fmt::Error> {
        let packets = self.lookout.packets();
        if packets.is_empty() {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(metric, help, None, MetricType::Counter)?;
        for (peer, packets) in &packets {
            ConstCounter::new(of(packets)).encode(family.encode_family(&[("peer", name(table, *peer))])?)?;
        }
        Ok(())
    }

    /// What joins a proxy's figures with its names: everything else has no label for them.
    fn encode_own(&self, encoder: &mut DescriptorEncoder<'_>, table: &Table) -> Result<(), std::fmt::Error> {
        let me = self.store.status().id;
        let cluster = table.cluster().map(|cluster| cluster.name.clone()).unwrap_or_default();
        let zone = table.proxy(me).map(|proxy| proxy.zone.clone()).unwrap_or_default();
        let mut info = encoder.encode_descriptor("warren_proxy", "Which proxy of which cluster this is", None, MetricType::Info)?;
        info.encode_info(&[("cluster", cluster), ("proxy", name(table, me)), ("zone", zone)])
    }
}

fn name(table: &Table, peer: ProxyId) -> String {
    table.proxy(peer).map_or_else(|| peer.to_string(), |proxy| proxy.name.to_string())
}

//! `[peer]`: the port for other proxies.

use std::net::{Ipv4Addr, SocketAddr};

use super::HostPort;
use super::reader::Reader;

/// `[peer]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTable {
    /// Where other proxies are listened for, UDP.
    pub listen: SocketAddr,
    /// Where other proxies reach this one; `None` is where it listens, or its first routable address.
    pub advertise: Option<HostPort>,
}

impl PeerTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut section = reader.section("peer");
        Self { listen: section.get("listen", SocketAddr::from((Ipv4Addr::UNSPECIFIED, 3021))), advertise: section.get("advertise", None) }
    }
}

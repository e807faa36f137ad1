//! `[peer]`: the port for other proxies.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use super::HostPort;
use super::reader::Reader;
use crate::wire::peer::MAX_LANES;

/// Connections for dials to each peer, unless it is set: the figures are in ARCHITECTURE.md.
const DATA_CONNECTIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// `[peer]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTable {
    /// Where other proxies are listened for, UDP.
    pub listen: SocketAddr,
    /// Where other proxies reach this one; `None` is where it listens, or its first routable address.
    pub advertise: Option<HostPort>,
    /// Connections for dials that are kept to each peer, at most [`MAX_LANES`].
    pub data_connections: u8,
}

impl PeerTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut section = reader.section("peer");
        let listen = section.get("listen", SocketAddr::from((Ipv4Addr::UNSPECIFIED, 3021)));
        let advertise = section.get("advertise", None);
        let asked = section.count("data_connections", DATA_CONNECTIONS, MAX_LANES.into());
        let data_connections = u8::try_from(asked.get()).unwrap_or(MAX_LANES);
        Self { listen, advertise, data_connections }
    }
}

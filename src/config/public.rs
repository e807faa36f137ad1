//! `[public]`: the port for agents, clients and machines that enrol.

use std::net::{Ipv4Addr, SocketAddr};

use super::HostPort;
use super::reader::Reader;

/// Most addresses of one proxy.
const MAX_ADDRESSES: usize = 16;

/// `[public]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicTable {
    /// Where agents, clients and machines that enrol are listened for, UDP.
    pub listen: SocketAddr,
    /// Where they reach this proxy; empty is where it listens, or its first routable address.
    pub advertise: Vec<HostPort>,
}

impl PublicTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut section = reader.section("public");
        let table = Self {
            listen: section.get("listen", SocketAddr::from((Ipv4Addr::UNSPECIFIED, 3024))),
            advertise: section.get("advertise", Vec::new()),
        };
        if table.advertise.len() > MAX_ADDRESSES {
            section.refuse("advertise", format!("has more than {MAX_ADDRESSES} addresses"));
        }
        table
    }
}

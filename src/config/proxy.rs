//! `[proxy]`: this proxy itself.

use std::path::PathBuf;
use std::time::Duration;

use warren_raft::ProxyName;

use super::reader::Reader;

/// Longest zone, in bytes.
const MAX_ZONE: usize = 63;

/// `[proxy]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyTable {
    /// Its name, unique in the cluster; the machine's by default.
    pub name: ProxyName,
    /// Where it keeps its identity and its store.
    pub data_dir: PathBuf,
    /// Its zone; voters and an agent's tunnels are spread over zones. Empty when there is only one.
    pub zone: String,
    /// How long streams in flight may go on once it drains.
    pub drain_timeout: Duration,
}

impl ProxyTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let host = reader.host_name().parse().expect("a host name is made of what a name can have");
        let mut section = reader.section("proxy");
        let table = Self {
            name: section.get_or("name", host),
            data_dir: section.get("data_dir", PathBuf::from("/var/lib/warren")),
            zone: section.get("zone", String::new()),
            drain_timeout: section.get("drain_timeout", Duration::from_secs(30)),
        };
        if table.zone.len() > MAX_ZONE {
            section.refuse("zone", format!("has more than {MAX_ZONE} bytes"));
        }
        section.require_within("drain_timeout", table.drain_timeout, Duration::ZERO..Duration::from_secs(24 * 3600));
        table
    }
}

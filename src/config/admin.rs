//! `[admin]`: the doors for operators and probes.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::reader::Reader;

/// Longest path of a unix socket that every system takes, in bytes (`sun_path` of macOS, less the closing zero).
/// It leaves room for the four bytes that the socket's name has more while it is made.
const MAX_SOCKET: usize = 103;

/// `[admin]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminTable {
    /// The unix socket for operators on this machine; `admin.sock` in the data directory by default.
    pub socket: PathBuf,
    /// Where probes, scrapers and browsers read, TCP; `None` is nowhere.
    pub http: Option<SocketAddr>,
}

impl AdminTable {
    pub(super) fn read(reader: &mut Reader<'_>, data_dir: &Path) -> Self {
        let mut section = reader.section("admin");
        let table = Self {
            socket: section.get_or("socket", data_dir.join("admin.sock")),
            http: section.get("http", Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 3081)))),
        };
        if table.socket.as_os_str().len() > MAX_SOCKET {
            section.refuse("socket", format!("is `{}`: a socket's path has at most {MAX_SOCKET} bytes", table.socket.display()));
        }
        table
    }
}

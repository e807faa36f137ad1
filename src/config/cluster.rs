//! `[cluster]`: which cluster a proxy belongs to.

use super::reader::Reader;
use super::{HostPort, TokenSource};

/// Longest name of a cluster, in bytes.
const MAX_NAME: usize = 63;

/// `[cluster]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterTable {
    /// Its name, for people; what the cluster was bootstrapped with stays.
    pub name: String,
    /// Public addresses of any of its proxies; empty: an empty data directory bootstraps a new cluster.
    pub join: Vec<HostPort>,
    /// Where the token to join it is; needed only until this proxy has its identity.
    pub token_file: Option<TokenSource>,
}

impl ClusterTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut section = reader.section("cluster");
        let table = Self {
            name: section.get("name", "warren".to_owned()),
            join: section.get("join", Vec::new()),
            token_file: section.get("token_file", None),
        };
        if table.name.is_empty() || table.name.len() > MAX_NAME {
            section.refuse("name", format!("has 1 to {MAX_NAME} bytes"));
        }
        table
    }
}

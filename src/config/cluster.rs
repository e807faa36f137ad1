//! `[cluster]`: which cluster a proxy belongs to.

use std::time::Duration;

use super::reader::Reader;
use super::{HostPort, TokenSource};
use crate::identity::{LIFETIME, LONGEST_LIFETIME};

/// Longest name of a cluster, in bytes.
const MAX_NAME: usize = 63;
/// How short-lived a certificate may be: seconds are for tests.
const LEAST_LIFETIME: Duration = Duration::from_secs(5);

/// `[cluster]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterTable {
    /// Its name, for people; what the cluster was bootstrapped with stays.
    pub name: String,
    /// Public addresses of any of its proxies; empty: an empty data directory bootstraps a new cluster.
    pub join: Vec<HostPort>,
    /// Where the token to join it is; needed only until this proxy has its identity.
    pub token_file: Option<TokenSource>,
    /// How long the certificates live that this proxy issues.
    pub certificate_lifetime: Duration,
}

impl ClusterTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut section = reader.section("cluster");
        let table = Self {
            name: section.get("name", "warren".to_owned()),
            join: section.get("join", Vec::new()),
            token_file: section.get("token_file", None),
            certificate_lifetime: section.get("certificate_lifetime", LIFETIME),
        };
        section.require_within(
            "certificate_lifetime",
            table.certificate_lifetime,
            LEAST_LIFETIME..LONGEST_LIFETIME + Duration::from_nanos(1),
        );
        if table.name.is_empty() || table.name.len() > MAX_NAME {
            section.refuse("name", format!("has 1 to {MAX_NAME} bytes"));
        }
        table
    }
}

//! `[liveness]`: when a proxy counts as dead.

use std::time::Duration;

use super::reader::Reader;

/// `[liveness]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LivenessTable {
    /// How long a proxy that does not renew keeps its routes.
    pub lease: Duration,
}

impl LivenessTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut section = reader.section("liveness");
        let table = Self { lease: section.get("lease", Duration::from_secs(3)) };
        section.require_within("lease", table.lease, Duration::from_secs(1)..Duration::from_secs(3600));
        table
    }
}

//! The authorities as agents and clients are told of them.

use warren_raft::Table;

use crate::wire::{Authorities, Holdings};

/// Those of one version of the table, that of `index` or a later one.
pub(in crate::proxy) fn announced(table: &Table, index: u64) -> Authorities {
    let certificates = table.trusted_authorities().into_iter().map(|record| record.certificate.to_vec()).collect();
    Authorities { index, certificates }
}

impl Authorities {
    /// Whether a machine that holds this has something to learn from it.
    pub(in crate::proxy) fn is_news_to(&self, holds: &Holdings) -> bool {
        !self.certificates.is_empty() && self.fingerprints() != holds.trusted
    }
}

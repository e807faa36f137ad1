//! A fresh certificate for an identity that has just shown its old one.

use warren_raft::KeyHash;

use crate::identity::{Identity, Issued, RequestError, key_hash_of_csr};
use crate::proxy::issuing::{Issuing, NotIssued};

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub(super) enum RenewError {
    #[error("the signing request is for another key")]
    OtherKey,
    #[error("the machine was removed from the cluster")]
    Removed,
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    NotIssued(#[from] NotIssued),
}

/// Signs `request` for `identity`, whose connection was made with the key `key`; the same key must be asked for.
pub(super) fn renew(issuing: &Issuing, identity: &Identity, key: KeyHash, request: &[u8]) -> Result<Issued, RenewError> {
    if key_hash_of_csr(request)? != key {
        return Err(RenewError::OtherKey);
    }
    // Its connection is about to be closed.
    if issuing.store.with_table(|table| table.has_removed_key(key)) {
        return Err(RenewError::Removed);
    }
    Ok(issuing.certify(identity, request)?)
}

//! A fresh certificate for an identity that has just shown its old one.

use warren_raft::{KeyHash, RoutingStore};

use crate::identity::authority::AuthorityError;
use crate::identity::{Authority, Identity, IssueError, LIFETIME, RequestError, key_hash_of_csr};
use crate::net::Env;

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub(super) enum RenewError {
    #[error("there is no cluster yet")]
    NoCluster,
    #[error("the signing request is for another key")]
    OtherKey,
    #[error("the machine was removed from the cluster")]
    Removed,
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Issue(#[from] IssueError),
}

/// Signs `request` for `identity`, whose connection was made with the key `key`; the same key must be asked for.
pub(super) fn renew(store: &RoutingStore, env: &Env, identity: &Identity, key: KeyHash, request: &[u8]) -> Result<Vec<u8>, RenewError> {
    if key_hash_of_csr(request)? != key {
        return Err(RenewError::OtherKey);
    }
    let table = store.table();
    let cluster = table.cluster().ok_or(RenewError::NoCluster)?;
    // Its connection is about to be closed.
    if table.has_removed_key(key) {
        return Err(RenewError::Removed);
    }
    let authority = Authority::from_der(&cluster.ca_certificate, &cluster.ca_key)?;
    Ok(authority.issue(request, identity, LIFETIME, env)?.certificate.to_vec())
}

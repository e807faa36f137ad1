//! `warren enroll`: a client's identity.

use warren_raft::{ClientName, TokenRole};

use crate::failure::Failure;
use crate::identity::enroll::Enrolling;
use crate::identity::{CredentialStore, KnownProxies, StoreError, Token};
use crate::net::{Env, dialling_endpoint};

/// Why a client did not enrol.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The identity cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No UDP socket.
    #[error("no socket: {0}")]
    Socket(#[from] std::io::Error),
    /// There is an identity already.
    #[error("`{0}` holds the identity of client `{1}` already")]
    Enrolled(std::path::PathBuf, String),
    /// The cluster did not enrol it.
    #[error("{}", .0.message())]
    Refused(Failure),
}

/// Enrols this machine as the client `name` at the first of `addresses` that answers, and keeps the identity in `store`. Returns the cluster's name.
///
/// # Errors
/// [`EnrollError`]; a key that was made stays, so that the same token can be used again after a lost answer.
pub async fn enroll(
    name: &ClientName,
    addresses: &[String],
    token: &Token,
    store: &CredentialStore,
    env: &Env,
) -> Result<String, EnrollError> {
    if store.is_enrolled()
        && let known = store.load()?
        && !known.remaining(env.wall.now()).is_zero()
    {
        return Err(EnrollError::Enrolled(store.dir().to_owned(), known.identity().name.clone()));
    }
    let key = store.key_or_new(&env.entropy)?;
    let endpoint = dialling_endpoint(env)?;
    let enrolling = Enrolling { token, role: TokenRole::Client, name: name.as_str(), key: &key };
    let (credentials, enrolled) = enrolling.at(addresses, &endpoint, env).await.map_err(EnrollError::Refused)?;
    store.save(&credentials)?;
    KnownProxies::new(store).save(&enrolled.proxies)?;
    endpoint.wait_idle().await;
    Ok(enrolled.cluster_name)
}

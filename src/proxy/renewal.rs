//! A proxy's own certificate: every proxy has the authority in its table, so it renews its own.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use warren_raft::RoutingStore;

use super::member::{JoinError, issue};
use crate::identity::{Authority, CredentialStore, CredentialsHandle, renew_in};
use crate::net::Env;

/// How soon a renewal that failed is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// Renews the certificate when two thirds of its life are over, until `cancel`.
pub(super) async fn keep_renewed(
    store: RoutingStore,
    files: CredentialStore,
    credentials: CredentialsHandle,
    env: Env,
    cancel: CancellationToken,
) {
    loop {
        let wait = renew_in(&credentials.current(), &env);
        if !sleep_or(wait, &cancel).await {
            return;
        }
        match renew(&store, &files, &credentials, &env) {
            Ok(()) => tracing::info!("certificate renewed"),
            Err(error) => {
                let hours_left = credentials.current().remaining(env.wall.now()).as_secs() / 3600;
                tracing::warn!(%error, hours_left, "certificate not renewed");
                if !sleep_or(RETRY, &cancel).await {
                    return;
                }
            }
        }
    }
}

fn renew(store: &RoutingStore, files: &CredentialStore, handle: &CredentialsHandle, env: &Env) -> Result<(), JoinError> {
    let table = store.table();
    let cluster = table.cluster().ok_or_else(|| JoinError::Authority("the table is not here yet".to_owned()))?;
    let authority = Authority::from_der(&cluster.ca_certificate, &cluster.ca_key)?;
    let current = handle.current();
    let renewed = issue(&authority, current.identity(), current.key().clone(), env)?;
    files.save(&renewed)?;
    Ok(handle.replace(renewed)?)
}

async fn sleep_or(wait: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(wait) => true,
        () = cancel.cancelled() => false,
    }
}

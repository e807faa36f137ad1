//! The proxies that a machine has been told of, kept beside its identity, so that it finds the cluster again when the addresses of its
//! configuration are gone.

use std::path::PathBuf;
use std::sync::Arc;

use super::store::{CredentialStore, StoreError};
use crate::net::{Access, FileError, StateFiles};
use crate::wire::Member;

/// The list, in a file of its own.
#[derive(Clone, Debug)]
pub struct KnownProxies {
    files: Arc<dyn StateFiles>,
    path: PathBuf,
}

impl KnownProxies {
    /// The list beside the identity in `store`.
    pub fn new(store: &CredentialStore) -> Self {
        Self { files: store.files().clone(), path: store.dir().join("proxies.json") }
    }

    /// What was kept; nothing when there is no list.
    ///
    /// # Errors
    /// A list that cannot be read, or is none.
    pub fn load(&self) -> Result<Vec<Member>, StoreError> {
        match self.files.read(&self.path, Access::Public) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|_| StoreError::Damaged { path: self.path.clone(), expected: "a list of proxies (JSON)" }),
            Err(error) if error.is_absent() => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps `proxies` instead of what was there.
    ///
    /// # Errors
    /// The file's.
    pub fn save(&self, proxies: &[Member]) -> Result<(), StoreError> {
        let text = serde_json::to_vec_pretty(proxies).map_err(|error| FileError::io(&self.path, error.into()))?;
        Ok(self.files.replace(&self.path, &text, Access::Public)?)
    }

    /// The public addresses of `proxies`, those of proxies that are up first, each once.
    pub fn addresses(proxies: &[Member]) -> Vec<String> {
        let mut addresses = Vec::new();
        for member in proxies.iter().filter(|member| member.is_up()).chain(proxies.iter().filter(|member| !member.is_up())) {
            for address in &member.public_addresses {
                if !addresses.contains(address) {
                    addresses.push(address.clone());
                }
            }
        }
        addresses
    }
}

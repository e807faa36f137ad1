//! Why a proxy does not start.

use std::net::SocketAddr;

use warren_raft::ProposeError;

use super::admin::AdminError;
use super::data_dir::DataDirError;
use super::member::JoinError;
use crate::identity::StoreError;
use crate::identity::credentials::CredentialsError;

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// It did not become a member.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// A socket.
    #[error("cannot listen on {address}/udp: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// A way in for programs that know nothing of warren.
    #[error("cannot listen on {address}/tcp for ingress: {error}")]
    Ingress {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// The thread for control.
    #[error("no thread could be started: {0}")]
    Thread(std::io::Error),
    /// The administration's sockets.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Its store.
    #[error(transparent)]
    Store(#[from] warren_raft::OpenError),
    /// The first entries of a new cluster.
    #[error("the new cluster's store was not written: {0}")]
    Bootstrap(#[from] ProposeError),
    /// Its certificate.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::DataDir(error.into())
    }
}

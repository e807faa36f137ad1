//! What the cluster's table has to say about a proven identity.

use warren_raft::{KeyHash, Serial};

use super::uri::Identity;

/// Judges an identity that the handshake is about to accept: chain, cluster and role are right already. It runs inside the handshake, so it
/// must answer from memory.
pub trait Policy: Send + Sync + 'static {
    /// Whether the machine with this key may act as `identity` today.
    ///
    /// # Errors
    /// Why not; the connection then ends in the handshake.
    fn admit(&self, identity: &Identity, key: KeyHash) -> Result<(), Refusal>;

    /// Whether this one certificate may be used today, whosever it is.
    ///
    /// # Errors
    /// Why not; the connection then ends in the handshake.
    fn admit_serial(&self, serial: Serial) -> Result<(), Refusal>;
}

/// Why a certificate that chains is refused all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The identity was removed.
    #[error("its identity is revoked")]
    Revoked,
    /// This one certificate is refused, and the identity is not.
    #[error("its certificate is revoked")]
    Certificate,
    /// The name belongs to another key by now.
    #[error("its name belongs to another key")]
    OtherKey,
    /// The cluster does not know the name.
    #[error("the cluster does not know it")]
    Unknown,
}

/// Admits whoever the authority vouches for.
#[derive(Debug, Clone, Copy, Default)]
pub struct AdmitAll;

impl Policy for AdmitAll {
    fn admit(&self, _: &Identity, _: KeyHash) -> Result<(), Refusal> {
        Ok(())
    }

    fn admit_serial(&self, _: Serial) -> Result<(), Refusal> {
        Ok(())
    }
}

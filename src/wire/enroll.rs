//! How a machine becomes a proxy, an agent or a client.

use serde::{Deserialize, Serialize};
use warren_raft::{ClusterId, ProxyId, TokenRole};
use zeroize::Zeroize;

use super::{Authorities, Heard, Hello, Member};
use crate::failure::Failure;

/// The only message of the machine, on the only stream.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrollRequest {
    /// Versions and features.
    #[serde(with = "super::record")]
    pub hello: Hello,
    /// The secret part of the token; sent only to a server whose CA the token names.
    pub secret: [u8; 32],
    /// What it wants to be.
    pub role: Heard<TokenRole>,
    /// The name it wants.
    pub name: String,
    /// A certificate signing request, PKCS #10 DER: only its key counts.
    pub request: Vec<u8>,
}

impl Drop for EnrollRequest {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl std::fmt::Debug for EnrollRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrollRequest").field("role", &self.role).field("name", &self.name).finish_non_exhaustive()
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnrollReply {
    /// 0: the machine belongs to the cluster now.
    Enrolled(Enrolled),
    /// 1: it does not.
    Failed(Failure),
}

/// What an enrolled machine gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Versions and features.
    #[serde(with = "super::record")]
    pub hello: Hello,
    /// The cluster.
    pub cluster: ClusterId,
    /// Its name.
    pub cluster_name: String,
    /// A proxy's id; `None` for agents and clients.
    pub proxy: Option<ProxyId>,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// The proxies of the cluster.
    #[serde(with = "super::growing")]
    pub proxies: Vec<Member>,
    /// The authorities to trust beside the one that the token names. An older proxy does not say.
    #[serde(with = "super::absent")]
    pub authorities: Option<Authorities>,
}

//! SHA-256 in the forms that identities need.

use ring::digest::{Context, SHA256};
use warren_raft::KeyHash;

/// SHA-256 of a certificate's DER.
pub fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    sha256(&[certificate])
}

/// The hash by which the cluster knows a public key: SHA-256 of its SubjectPublicKeyInfo in DER.
pub fn key_hash(public_key_info: &[u8]) -> KeyHash {
    KeyHash(sha256(&[public_key_info]))
}

pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

//! What a proxy reads from its own small files and from strangers' headers, by itself: for fuzzers, which see nothing else of a proxy's inside.

use warren_raft::Incarnation;

use super::admin;
use super::data_dir::{MemberFile, opened_in};

/// The file `member.json`, written again.
///
/// # Errors
/// Why it is none.
pub fn member(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let member: MemberFile = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    serde_json::to_vec_pretty(&member).map_err(|error| format!("it was read and cannot be written: {error}"))
}

/// The file `opened`.
pub fn opened(bytes: &[u8]) -> Option<Incarnation> {
    opened_in(bytes)
}

/// Whether the `Host` of a request is an address or this machine's own name.
pub fn is_own_name(host: &str) -> bool {
    admin::is_own_name(host)
}

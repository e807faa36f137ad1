//! How two processes introduce themselves.

use serde::{Deserialize, Serialize};

/// The version of the protocols this program speaks.
pub const VERSION: u16 = 1;

/// The first thing each side says on every connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The highest protocol version the sender speaks; it speaks all below it too.
    pub version: u16,
    /// A bit for each optional feature that the sender has; unknown bits are ignored.
    pub features: u64,
    /// The sender's version of warren, for people.
    pub software: String,
}

impl Hello {
    /// What this program says of itself.
    pub fn ours() -> Self {
        Self { version: VERSION, features: 0, software: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

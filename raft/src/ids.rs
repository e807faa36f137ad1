//! Identities and counters. Each is a newtype, so that an epoch is never taken for a sequence.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A proxy's identity in its cluster: 1 for the one that bootstrapped it, then counted up by the table. Never used again
    /// after a removal. It is the Raft node id too.
    ProxyId
}
number! {
    /// A proxy's incarnation as the cluster sees it, granted by the table at each start and after each lost lease. A
    /// route is valid only while its proxy's current epoch equals the route's.
    Epoch
}
number! {
    /// An agent's own increasing number per tunnel attempt. It, not the order of arrival, decides which of two writes about the
    /// same agent and proxy is newer.
    Sequence
}
number! {
    /// How often the process of a proxy has opened its store, counted on its own disk. Together with a running number it names a
    /// proposal, so that a retried one is applied once.
    Incarnation
}
number! {
    /// Wall time in milliseconds since the Unix epoch, as the proposer of a command read it. The table never reads a clock.
    Timestamp
}

number! {
    /// A feature level: which commands exist. A command is written only once the cluster is at its level, and the cluster is
    /// only at a level that every proxy knows, so that two versions of warren can run side by side.
    Level
}

impl Level {
    /// The highest that this version knows.
    pub const CURRENT: Self = Self(4);
}

macro_rules! bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex(text).map(Self).ok_or(IdError { expected: 2 * $len })
            }
        }
    };
}

bytes! {
    /// A certificate's serial number (RFC 5280, section 4.1.2.2): 16 random bytes that the authority has drawn.
    Serial, 16
}
bytes! {
    /// A cluster's random identity, made at bootstrap and part of every certificate's name. 32 hex digits as text.
    ClusterId, 16
}
bytes! {
    /// A token's public name, derived from its secret's hash. 16 hex digits as text.
    TokenId, 8
}
bytes! {
    /// SHA-256 of something the table must recognise but never hold: a token's secret, a machine's public key
    /// (its SubjectPublicKeyInfo in DER).
    KeyHash, 32
}

/// A text that is not the hexadecimal identity it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hex digits")]
pub struct IdError {
    expected: usize,
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (hex_digit(pair[0])? << 4) | hex_digit(pair[1])?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_ids_round_trip() {
        let id = TokenId([0, 1, 2, 3, 0xfc, 0xfd, 0xfe, 0xff]);
        assert_eq!(id.to_string(), "00010203fcfdfeff");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "00", "00010203fcfdfef", "00010203fcfdfeffa", "g0010203fcfdfeff", "é0010203fcfdfef"] {
            assert_eq!(bad.parse::<TokenId>(), Err(IdError { expected: 16 }), "{bad}");
        }
    }
}

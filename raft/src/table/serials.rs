//! Single certificates that are refused although their identity is not.

use imbl::OrdMap;

use super::Table;
use super::apply::Answer;
use crate::command::{Accepted, Rejection};
use crate::ids::{Serial, Timestamp};

/// Most certificates that are refused at once.
pub const MAX_REVOKED: usize = 10_000;

/// The certificates that are refused in one version of the table. Cheap to clone and to compare.
#[derive(Clone, Debug, Default)]
pub struct Revocations(OrdMap<Serial, Timestamp>);

impl Revocations {
    /// Whether nothing has changed from one to the other; that something may have, where it cannot be told at once.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }

    /// Whether the certificate with this serial number is refused at `now`.
    pub fn refuse(&self, serial: Serial, now: Timestamp) -> bool {
        self.0.get(&serial).is_some_and(|until| *until > now)
    }
}

impl Table {
    /// The certificates that are refused.
    pub fn revocations(&self) -> Revocations {
        Revocations(self.revoked.clone())
    }

    /// Whether the certificate with this serial number is refused at `now`.
    pub fn is_revoked(&self, serial: Serial, now: Timestamp) -> bool {
        self.revoked.get(&serial).is_some_and(|until| *until > now)
    }

    /// Whether the certificate with this serial number was revoked, be it that it has ended by itself since.
    pub fn was_revoked(&self, serial: Serial) -> bool {
        self.revoked.contains_key(&serial)
    }

    /// Every certificate that is refused, by serial number, with when it ends by itself; some may have by now.
    pub fn revoked(&self) -> impl Iterator<Item = (Serial, Timestamp)> {
        self.revoked.iter().map(|(serial, until)| (*serial, *until))
    }

    /// Refuses a certificate until it ends by itself. A second word about one only ever makes it refused for longer.
    pub(super) fn revoke_serial(&mut self, serial: Serial, until: Timestamp, at: Timestamp) -> Answer {
        let over: Vec<Serial> = self.revoked.iter().filter(|(_, until)| **until <= at).map(|(serial, _)| *serial).collect();
        for serial in over {
            self.revoked.remove(&serial);
        }
        let until = self.revoked.get(&serial).copied().map_or(until, |known| known.max(until));
        if !self.revoked.contains_key(&serial) && self.revoked.len() >= MAX_REVOKED {
            return Err(Rejection::TooMany { what: "revoked certificates".to_owned(), limit: MAX_REVOKED as u64 });
        }
        self.revoked.insert(serial, until);
        Ok(Accepted::Done)
    }
}

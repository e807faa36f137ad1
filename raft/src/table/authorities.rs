//! The cluster's certificate authority, and how another one takes its place.
//!
//! ```text
//!            begin              advance            advance              advance
//!  one only --------> Trusting ---------> Issuing ---------> Presenting ---------> the new one only
//!                        |                   |                   |
//!                        | roll back         +---- roll back ----+
//!                        v                             v            advance
//!                   the old one only               Returning ---------------------> the old one only
//! ```
//! In every phase both are trusted. Whether everybody is ready for the next one is not the table's business: whoever proposes an advance has looked.
//! It must *never* forget an authority by which a certificate that is still to work was issued: that is why a roll-back passes through
//! `Returning` once certificates of the new one may exist.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::apply::Answer;
use super::{Cluster, Table};
use crate::command::{Accepted, NewAuthority, Rejection};
use crate::ids::Timestamp;

/// An authority that is to take the place of the cluster's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The new authority's certificate, DER.
    pub certificate: Vec<u8>,
    /// Its private key, PKCS #8 DER.
    pub key: Vec<u8>,
    /// How far it is.
    pub phase: RotationPhase,
    /// When it began; what names this rotation, too.
    pub began_at: Timestamp,
    /// When the phase began.
    pub phase_at: Timestamp,
}

impl fmt::Debug for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotation").field("phase", &self.phase).field("began_at", &self.began_at).finish_non_exhaustive()
    }
}

/// How far a rotation is. Both authorities are trusted in each phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RotationPhase {
    /// 0: everybody is told to trust the new authority; the old one still issues every certificate.
    Trusting,
    /// 1: the new authority issues; agents and clients renew early. Proxies still present certificates of the old one, for whoever comes back and knows
    /// no other.
    Issuing,
    /// 2: proxies present certificates of the new authority, too.
    Presenting,
    /// 3: it was rolled back: the old authority issues again, and everybody returns to it.
    Returning,
}

impl RotationPhase {
    /// The word people and programs see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusting => "trusting",
            Self::Issuing => "issuing",
            Self::Presenting => "presenting",
            Self::Returning => "returning",
        }
    }
}

impl fmt::Display for RotationPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An authority of the table: certificate and key, DER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthorityRecord<'a> {
    /// Its certificate.
    pub certificate: &'a [u8],
    /// Its private key, PKCS #8.
    pub key: &'a [u8],
}

impl fmt::Debug for AuthorityRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityRecord").finish_non_exhaustive()
    }
}

impl Table {
    /// The rotation of the authority that is under way.
    pub fn rotation(&self) -> Option<&Rotation> {
        self.rotation.as_ref()
    }

    /// The authority that issues certificates now. `None` before there is a cluster.
    pub fn issuing_authority(&self) -> Option<AuthorityRecord<'_>> {
        let is_new = |phase| matches!(phase, RotationPhase::Issuing | RotationPhase::Presenting);
        self.authority_where(is_new)
    }

    /// The authority whose certificates the proxies present now. `None` before there is a cluster.
    pub fn presented_authority(&self) -> Option<AuthorityRecord<'_>> {
        self.authority_where(|phase| phase == RotationPhase::Presenting)
    }

    /// Every authority that is trusted, the one that issues first. Empty before there is a cluster.
    pub fn trusted_authorities(&self) -> Vec<AuthorityRecord<'_>> {
        let mut trusted: Vec<_> = self.cluster.iter().map(current).chain(self.rotation.iter().map(incoming)).collect();
        if trusted.first().copied() != self.issuing_authority() {
            trusted.reverse();
        }
        trusted
    }

    fn authority_where(&self, is_new: impl FnOnce(RotationPhase) -> bool) -> Option<AuthorityRecord<'_>> {
        let cluster = self.cluster.as_ref()?;
        Some(match &self.rotation {
            Some(rotation) if is_new(rotation.phase) => incoming(rotation),
            Some(_) | None => current(cluster),
        })
    }

    pub(super) fn begin_rotation(&mut self, new: &NewAuthority, at: Timestamp) -> Answer {
        if self.rotation.is_some() {
            return Err(Rejection::Rotating);
        }
        let NewAuthority { certificate, key } = new.clone();
        self.rotation = Some(Rotation { certificate, key, phase: RotationPhase::Trusting, began_at: at, phase_at: at });
        Ok(Accepted::Done)
    }

    pub(super) fn advance_rotation(&mut self, began_at: Timestamp, from: RotationPhase, at: Timestamp) -> Answer {
        let rotation = rotation(&mut self.rotation, began_at)?;
        if rotation.phase != from {
            return Err(Rejection::RotationElsewhere { phase: rotation.phase });
        }
        rotation.phase_at = at;
        match from {
            RotationPhase::Trusting => rotation.phase = RotationPhase::Issuing,
            RotationPhase::Issuing => rotation.phase = RotationPhase::Presenting,
            RotationPhase::Presenting => {
                if let (Some(cluster), Some(Rotation { certificate, key, .. })) = (&mut self.cluster, self.rotation.take()) {
                    (cluster.ca_certificate, cluster.ca_key) = (certificate, key);
                }
            }
            RotationPhase::Returning => self.rotation = None,
        }
        Ok(Accepted::Done)
    }

    pub(super) fn roll_back_rotation(&mut self, began_at: Timestamp, at: Timestamp) -> Answer {
        let rotation = rotation(&mut self.rotation, began_at)?;
        match rotation.phase {
            RotationPhase::Trusting => self.rotation = None,
            RotationPhase::Issuing | RotationPhase::Presenting => {
                (rotation.phase, rotation.phase_at) = (RotationPhase::Returning, at);
            }
            RotationPhase::Returning => {}
        }
        Ok(Accepted::Done)
    }
}

/// The rotation that began then; a command about an earlier one is late.
fn rotation(rotation: &mut Option<Rotation>, began_at: Timestamp) -> Result<&mut Rotation, Rejection> {
    rotation.as_mut().filter(|rotation| rotation.began_at == began_at).ok_or(Rejection::NotRotating)
}

fn current(cluster: &Cluster) -> AuthorityRecord<'_> {
    AuthorityRecord { certificate: &cluster.ca_certificate, key: &cluster.ca_key }
}

fn incoming(rotation: &Rotation) -> AuthorityRecord<'_> {
    AuthorityRecord { certificate: &rotation.certificate, key: &rotation.key }
}

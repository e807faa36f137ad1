//! `warren ca`.

use std::fmt;

use serde::{Deserialize, Serialize};
use warren_raft::{ProxyName, Serial};

use super::{Schema, Time};

/// The certificate authority, and how far its rotation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityView {
    /// 1.
    pub schema: Schema,
    /// Every authority that is trusted, the one that issues first.
    pub authorities: Vec<AuthorityRow>,
    /// The rotation that is under way; `None` without one.
    pub rotation: Option<RotationView>,
    /// Single certificates that are refused.
    pub revoked: Vec<RevokedRow>,
}

/// An authority that is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityRow {
    /// SHA-256 of its certificate, in hexadecimal digits; tokens carry the first 32.
    pub fingerprint: String,
    /// Whether it issues certificates now.
    pub issues: bool,
    /// Whether the proxies present certificates of it now.
    pub presented: bool,
    /// When its own certificate ends.
    pub expires_at: Option<Time>,
}

/// How far a rotation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationView {
    /// `trusting`, `issuing`, `presenting`, or `returning` once it was rolled back.
    pub phase: String,
    /// When it began.
    pub began_at: Time,
    /// When the phase began.
    pub phase_at: Time,
    /// Connections of agents and clients that have what the phase needs.
    pub ready: u64,
    /// Those that have not yet.
    pub lagging: u64,
    /// Agents and clients that are enrolled and not connected.
    pub away: u64,
    /// Some of those that have not yet, each machine once.
    pub laggards: Vec<LaggardRow>,
    /// Some of those that are away.
    #[serde(default)]
    pub absent: Vec<AbsentRow>,
    /// What keeps it from the next phase, as fragments; empty when it is about to go on.
    pub waits_for: Vec<String>,
}

/// A connected machine that has not followed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaggardRow {
    /// `agent` or `client`.
    pub role: String,
    /// Its name.
    pub name: String,
    /// Whether its version of warren is too old to say what it trusts.
    pub outdated: bool,
}

/// A machine that is enrolled and not connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbsentRow {
    /// `agent` or `client`.
    pub role: String,
    /// Its name.
    pub name: String,
}

/// A certificate that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedRow {
    /// Its serial number.
    pub serial: SerialText,
    /// Until when that is remembered: by then it has ended by itself.
    pub until: Time,
}

/// A serial number as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SerialText(pub Serial);

/// The certificates in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificatesView {
    /// 1.
    pub schema: Schema,
    /// By role, name and proxy.
    pub certificates: Vec<CertificateRow>,
}

/// A certificate that somebody uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CertificateRow {
    /// `proxy`, `agent` or `client`.
    pub role: String,
    /// Whose it is.
    pub name: String,
    /// The proxy it is connected to; for a proxy, itself.
    pub proxy: ProxyName,
    /// The serial number of what it holds now.
    pub serial: SerialText,
    /// When that ends; `None` if it does not say.
    pub expires_at: Option<Time>,
    /// The fingerprint of the authority that issued it; `None` if it does not say.
    pub authority: Option<String>,
}

/// Begins a rotation, or takes the one that is under way on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateRequest {
    /// Do not wait for machines that are away: they have to be enrolled again.
    pub skip_absent: bool,
}

/// Takes the rotation back that is under way. Older versions send nothing, which means the same as the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRequest {
    /// Do not wait for machines that are away: those with a certificate of the new authority have to be enrolled again.
    pub skip_absent: bool,
}

/// Refuses one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialRequest {
    /// Its serial number.
    pub serial: SerialText,
}

/// A certificate is refused from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialRevoked {
    /// 1.
    pub schema: Schema,
    /// Its serial number.
    pub serial: SerialText,
    /// Until when that is remembered.
    pub until: Time,
    /// Who uses it; `None` if nobody does now.
    pub holder: Option<String>,
}

impl fmt::Display for SerialText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl TryFrom<String> for SerialText {
    type Error = warren_raft::ids::IdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<SerialText> for String {
    fn from(serial: SerialText) -> Self {
        serial.to_string()
    }
}

//! What a failed handshake means, told from its TLS alert.

use quinn::ConnectionError;

use crate::identity::uri::Identity;

/// Why this side or the other refused the other's identity. As a client's handshake is complete before the server has seen its certificate
/// (RFC 8446, section 2), a refusal may come as the failure of the first read or write instead of the connection's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No certificate was presented where one is needed.
    #[error("a certificate is needed")]
    NoCertificate,
    /// The certificate is not of this cluster's authority.
    #[error("the certificate is not of this cluster")]
    OtherAuthority,
    /// The certificate has expired or is not valid yet; or a clock is wrong.
    #[error("the certificate is out of date, or a clock is wrong")]
    OutOfDate,
    /// The identity was removed or revoked.
    #[error("the identity is revoked")]
    Revoked,
    /// The certificate names another cluster, role or machine than the one that is needed.
    #[error("the certificate's identity is not the one that is needed")]
    OtherIdentity,
    /// The port does not serve the protocol.
    #[error("the port does not serve this protocol")]
    Protocol,
    /// Any other failure of TLS, by its alert (RFC 8446, section 6).
    #[error("tls alert {0}")]
    Other(u8),
}

/// Somebody whose handshake this side has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Whom its certificate names, if that is of this cluster's authority: it has shown the certificate, and proved nothing.
    pub identity: Option<Identity>,
    /// Why it was refused.
    pub refused: Refused,
}

/// Whom this side has refused, if that is how the connection ended.
pub fn denied(error: &ConnectionError) -> Option<Denied> {
    let ConnectionError::TransportError(ended) = error else { return None };
    let identity = ended.reason.split_once(": ").and_then(|(identity, _)| identity.parse().ok());
    refused(error).map(|refused| Denied { identity, refused })
}

/// The refusal behind a connection's end, if it is one.
pub fn refused(error: &ConnectionError) -> Option<Refused> {
    /// The error codes that carry a TLS alert (RFC 9001, section 4.8).
    const CRYPTO: u64 = 0x100;
    let code = match error {
        ConnectionError::TransportError(error) => error.code,
        ConnectionError::ConnectionClosed(close) => close.error_code,
        ConnectionError::VersionMismatch
        | ConnectionError::ApplicationClosed(_)
        | ConnectionError::Reset
        | ConnectionError::TimedOut
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted => return None,
    };
    let alert = u8::try_from(u64::from(code).checked_sub(CRYPTO)?).ok()?;
    Some(match alert {
        44 => Refused::Revoked,
        45 => Refused::OutOfDate,
        46 => Refused::OtherIdentity,
        48 | 51 => Refused::OtherAuthority,
        116 => Refused::NoCertificate,
        120 => Refused::Protocol,
        other => Refused::Other(other),
    })
}

//! The protocols and what each asks of a client.

use std::fmt;

use crate::identity::uri::Role;

/// A protocol as ALPN names it (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alpn {
    /// Between proxies.
    Peer,
    /// An agent's tunnel.
    Agent,
    /// A client's dials.
    Client,
    /// Enrolment of a machine that has no identity yet.
    Enroll,
}

impl Alpn {
    /// Every protocol.
    pub const ALL: [Self; 4] = [Self::Peer, Self::Agent, Self::Client, Self::Enroll];

    /// The name in the handshake.
    pub fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Peer => b"warren-peer/1",
            Self::Agent => b"warren-agent/1",
            Self::Client => b"warren-client/1",
            Self::Enroll => b"warren-enroll/1",
        }
    }

    /// The protocol of that name.
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|alpn| alpn.as_bytes() == name)
    }

    /// The role that the dialling side has to prove; `None` asks for no certificate.
    pub fn client_role(self) -> Option<Role> {
        match self {
            Self::Peer => Some(Role::Proxy),
            Self::Agent => Some(Role::Agent),
            Self::Client => Some(Role::Client),
            Self::Enroll => None,
        }
    }
}

impl fmt::Display for Alpn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(self.as_bytes()))
    }
}

/// The protocol of an established connection; an acceptor switches on it.
pub fn negotiated(connection: &quinn::Connection) -> Option<Alpn> {
    let handshake = connection.handshake_data()?.downcast::<quinn::crypto::rustls::HandshakeData>().ok()?;
    Alpn::from_bytes(handshake.protocol.as_deref()?)
}

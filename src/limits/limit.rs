//! The names of the bounds.

use std::fmt;

/// A bound that can be reached. Its name is its key in `[limits]` and its label in `warren_limit_reached_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Handshakes in progress on a port.
    Handshakes,
    /// Those of one source with a proven address.
    HandshakesPerSource,
    /// How long a handshake may take.
    HandshakeTimeout,
    /// How long the first message on a connection or a stream may take.
    HeaderTimeout,
    /// How long that message may be.
    MessageSize,
    /// Connections of one agent, client or proxy to one port.
    ConnectionsPerIdentity,
    /// Streams over one tunnel.
    StreamsPerAgent,
    /// Streams of one client.
    StreamsPerClient,
    /// Streams of one connection of a peer.
    StreamsPerPeer,
    /// Dials of one client that are not answered yet.
    DialsPerClient,
    /// Services of one agent.
    ServicesPerAgent,
    /// Tunnels that are being registered.
    Registrations,
    /// Machines that enrol.
    Enrollments,
    /// Those of one source.
    EnrollmentsPerSource,
    /// Enrolments of one source that fail, in a minute.
    FailedEnrollmentsPerSource,
    /// Connections to the HTTP address, and as many to the admin socket.
    HttpConnections,
    /// Connections to a way in for programs that know nothing of warren.
    IngressConnections,
    /// Those of one source.
    IngressConnectionsPerSource,
    /// Logins of one source that fail, in a minute.
    FailedLoginsPerSource,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 19] = [
        Self::Handshakes,
        Self::HandshakesPerSource,
        Self::HandshakeTimeout,
        Self::HeaderTimeout,
        Self::MessageSize,
        Self::ConnectionsPerIdentity,
        Self::StreamsPerAgent,
        Self::StreamsPerClient,
        Self::StreamsPerPeer,
        Self::DialsPerClient,
        Self::ServicesPerAgent,
        Self::Registrations,
        Self::Enrollments,
        Self::EnrollmentsPerSource,
        Self::FailedEnrollmentsPerSource,
        Self::HttpConnections,
        Self::IngressConnections,
        Self::IngressConnectionsPerSource,
        Self::FailedLoginsPerSource,
    ];

    /// Its key in `[limits]`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handshakes => "handshakes",
            Self::HandshakesPerSource => "handshakes_per_source",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::HeaderTimeout => "header_timeout",
            Self::MessageSize => "message_size",
            Self::ConnectionsPerIdentity => "connections_per_identity",
            Self::StreamsPerAgent => "streams_per_agent",
            Self::StreamsPerClient => "streams_per_client",
            Self::StreamsPerPeer => "streams_per_peer",
            Self::DialsPerClient => "dials_per_client",
            Self::ServicesPerAgent => "services_per_agent",
            Self::Registrations => "registrations",
            Self::Enrollments => "enrollments",
            Self::EnrollmentsPerSource => "enrollments_per_source",
            Self::FailedEnrollmentsPerSource => "failed_enrollments_per_source",
            Self::HttpConnections => "http_connections",
            Self::IngressConnections => "ingress_connections",
            Self::IngressConnectionsPerSource => "ingress_connections_per_source",
            Self::FailedLoginsPerSource => "failed_logins_per_source",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

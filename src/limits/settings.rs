//! The bounds.

use std::time::Duration;

/// What one party may use of a proxy, as `[limits]` says. Its default is the default of every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Handshakes in progress on each UDP port. One costs about a millisecond of one core, so 256 are the work of a quarter of a second.
    pub handshakes: usize,
    /// Those of one source: an address, or a /64 of IPv6. Half, since many agents may be behind one address.
    pub handshakes_per_source: usize,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
    /// How long the first message may take, once its connection or stream is there: a hello, a request, the head of an HTTP request.
    pub header_timeout: Duration,
    /// The largest message that is taken from an agent or a client, in bytes.
    pub message_size: usize,
    /// Connections of one agent, client or proxy to one port.
    pub connections_per_identity: usize,
    /// Streams of one client, over all its connections.
    pub streams_per_client: usize,
    /// Streams of a peer, for dials, over one connection.
    pub streams_per_peer: u32,
    /// Dials of one client that have no answer yet.
    pub dials_per_client: usize,
    /// Services of one agent.
    pub services_per_agent: usize,
    /// Tunnels that are being registered: a few entries of the log, some tenths of a second.
    pub registrations: usize,
    /// Machines that enrol at the same time. Anybody can be one.
    pub enrollments: usize,
    /// Those of one source.
    pub enrollments_per_source: usize,
    /// Enrolments of one source that may fail in a minute; beyond that no token of it is looked at for a while.
    pub failed_enrollments_per_source: usize,
    /// Connections to the HTTP address, and as many to the admin socket.
    pub http_connections: usize,
    /// Connections to each way in for programs that know nothing of warren, those that run included.
    pub ingress_connections: usize,
    /// Those of one source. Half: many may be behind one address, or a load balancer that does not say whom it speaks for.
    pub ingress_connections_per_source: usize,
    /// Logins of one source that may fail in a minute; beyond that none of it is looked at for a while.
    pub failed_logins_per_source: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshakes: 256,
            handshakes_per_source: 128,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(5),
            message_size: 64 << 10,
            connections_per_identity: 128,
            streams_per_client: 2048,
            streams_per_peer: 8192,
            dials_per_client: 1024,
            services_per_agent: 256,
            registrations: 1024,
            enrollments: 128,
            enrollments_per_source: 32,
            failed_enrollments_per_source: 30,
            http_connections: 128,
            ingress_connections: 2048,
            ingress_connections_per_source: 1024,
            failed_logins_per_source: 30,
        }
    }
}

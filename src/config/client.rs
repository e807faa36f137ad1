//! What the verbs of a client run with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use warren_raft::ClientName;

use super::{HostPort, TokenSource, TransportTable};
use crate::failure::Printable;
use crate::ingress::Domain;
use crate::target::Target;

/// What `warren enroll` runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrollSettings {
    /// Public addresses of any proxies, at least one.
    pub proxies: Vec<HostPort>,
    /// Where the token is.
    pub token_file: TokenSource,
    /// The client's name; the machine's by default.
    pub name: ClientName,
    /// The directory that gets the identity.
    pub identity: PathBuf,
}

/// What `warren connect` runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectSettings {
    /// What to dial.
    pub target: Target,
    /// Where the dial enters; empty: where the identity says.
    pub proxies: Vec<HostPort>,
    /// The directory of the identity.
    pub identity: PathBuf,
    /// The budget of the dial.
    pub dial_timeout: Duration,
    /// `[transport]`.
    pub transport: TransportTable,
}

/// What `warren forward` runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardSettings {
    /// What is forwarded where, at least one.
    pub forwards: Vec<Forward>,
    /// Where dials enter; empty: where the identity says.
    pub proxies: Vec<HostPort>,
    /// The directory of the identity.
    pub identity: PathBuf,
    /// The budget of each dial.
    pub dial_timeout: Duration,
    /// `[transport]`.
    pub transport: TransportTable,
}

/// What `warren socks` runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocksSettings {
    /// Where SOCKS5 is spoken, TCP; port 0 picks one.
    pub socks5: SocketAddr,
    /// Where the HTTP proxy is, TCP; port 0 picks one.
    pub http: SocketAddr,
    /// What follows the names of agents in host names.
    pub domain: Domain,
    /// Where dials enter; empty: where the identity says.
    pub proxies: Vec<HostPort>,
    /// The directory of the identity.
    pub identity: PathBuf,
    /// The budget of each dial.
    pub dial_timeout: Duration,
    /// `[transport]`.
    pub transport: TransportTable,
}

/// One local port and the service behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where to listen, TCP; port 0 picks one.
    pub bind: SocketAddr,
    /// What each connection is dialled to.
    pub target: Target,
}

/// A text that is not `[BIND:]PORT`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not `PORT` or `BIND:PORT`, with an IP address or `localhost` to bind to", Printable(.0))]
pub struct ForwardError(String);

impl Forward {
    /// Reads `[BIND:]PORT`; without an address it is loopback.
    ///
    /// # Errors
    /// [`ForwardError`] when it has another form.
    pub fn parse_bind(text: &str) -> Result<SocketAddr, ForwardError> {
        let bind = match text.rsplit_once(':') {
            None => text.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            Some(("localhost", port)) => port.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            Some((host, port)) => parse_ip(host).zip(port.parse().ok()).map(SocketAddr::from),
        };
        bind.filter(|_| !text.contains('+')).ok_or_else(|| ForwardError(text.chars().take(64).collect()))
    }
}

fn parse_ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_loopback() {
        let table = [
            ("8080", Some("127.0.0.1:8080")),
            ("0", Some("127.0.0.1:0")),
            ("0.0.0.0:80", Some("0.0.0.0:80")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("[::1]:80", Some("[::1]:80")),
            ("::1:80", None),
            ("", None),
            ("+80", None),
            ("65536", None),
            ("example.net:80", None),
        ];
        for (text, expected) in table {
            assert_eq!(Forward::parse_bind(text).ok().map(|bind| bind.to_string()).as_deref(), expected, "{text}");
        }
    }
}

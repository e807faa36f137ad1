//! What the way to an address carries, as far as this machine knows.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, Type};

/// The header of UDP.
const UDP_HEADER: u32 = 8;

/// The largest UDP payload that goes to `remote` in one packet: by the MTU of the interface that its route leads through, or a smaller one that a router has told of.
/// Nothing is sent to find out.
///
/// # Errors
/// The system's: there is no route.
pub(super) fn udp_payload(remote: SocketAddr) -> io::Result<u16> {
    let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
    let socket = Socket::new(Domain::for_address(remote), Type::DGRAM, Some(Protocol::UDP))?;
    // It only looks up the route.
    socket.connect(&remote.into())?;
    let (mtu, header) = match remote.ip() {
        IpAddr::V4(_) => (sockopt::ip_mtu(&socket)?, 20),
        IpAddr::V6(_) => (sockopt::ipv6_mtu(&socket)?, 40),
    };
    Ok(u16::try_from(mtu.saturating_sub(header + UDP_HEADER)).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_carries_more_than_an_ethernet() {
        for remote in ["127.0.0.1:9", "[::ffff:127.0.0.1]:9"] {
            let payload = udp_payload(remote.parse().expect("an address")).expect("a route");
            assert!(payload > 1_472, "{payload} bytes to {remote}");
        }
    }
}

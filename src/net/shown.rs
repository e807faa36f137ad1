//! Addresses as people are shown them: in logs, audit records, failures and views.

use std::net::{IpAddr, SocketAddr};

/// The address of another machine as it is shown. To a socket of both families an IPv4 address comes in the form of IPv6, `[::ffff:127.0.0.1]:3024`, which nobody looks for in a
/// log: it is shown as `127.0.0.1:3024`. Any other stays as it is.
pub fn shown(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        // With its scope.
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_is_shown_as_ipv4() {
        let table = [
            ("[::ffff:127.0.0.1]:3024", "127.0.0.1:3024"),
            ("127.0.0.1:3024", "127.0.0.1:3024"),
            ("[::1]:3024", "[::1]:3024"),
            ("[fe80::1%3]:3024", "[fe80::1%3]:3024"),
            ("[::ffff:0:0:1]:1", "[::ffff:0:0:1]:1"),
        ];
        for (address, expected) in table {
            assert_eq!(shown(address.parse().expect("an address")).to_string(), expected, "{address}");
        }
    }
}

//! The PROXY protocol, version 2: where a connection comes from, said in front of its bytes (haproxy's `proxy-protocol.txt`). Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::wire::TraceId;

/// What every header begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes before those that are counted.
const FIXED: usize = 16;
/// Longest header that is taken: addresses have 36 bytes at most, and load balancers add some hundred.
pub const MAX_HEADER: usize = 2048;
/// A number of the connection that is unique (PP2_TYPE_UNIQUE_ID).
const UNIQUE_ID: u8 = 0x05;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From there.
    From(SocketAddr),
    /// From whoever says so: a check of its health, or something that has no address of the internet.
    Itself,
}

/// Bytes that are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The first bytes are others.
    #[error("there is no PROXY header of version 2 in front")]
    Signature,
    /// A version or command that there is not.
    #[error("version and command {0:#04x} there are none")]
    Command(u8),
    /// It is too long.
    #[error("a header of {0} bytes")]
    TooLong(usize),
    /// It is too short for its addresses.
    #[error("a header that is too short for its addresses")]
    TooShort,
}

/// Reads a header and says how many bytes it had; `None` while there are too few.
///
/// # Errors
/// [`Malformed`]
pub fn parse(bytes: &[u8]) -> Result<Option<(Origin, usize)>, Malformed> {
    let have = bytes.len().min(SIGNATURE.len());
    if bytes[..have] != SIGNATURE[..have] {
        return Err(Malformed::Signature);
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else { return Ok(None) };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if FIXED + length > MAX_HEADER {
        return Err(Malformed::TooLong(FIXED + length));
    }
    if !matches!(command, 0x20 | 0x21) {
        return Err(Malformed::Command(command));
    }
    let Some(addresses) = rest.get(..length) else { return Ok(None) };
    let origin = if command == 0x20 { Origin::Itself } else { source(family, addresses)? };
    Ok(Some((origin, FIXED + length)))
}

fn source(family: u8, addresses: &[u8]) -> Result<Origin, Malformed> {
    let port = |at: usize| addresses.get(at..at + 2).map(|port| u16::from_be_bytes([port[0], port[1]]));
    match family {
        0x11 => {
            let ip = addresses.first_chunk::<4>().ok_or(Malformed::TooShort)?;
            let port = port(8).filter(|_| addresses.len() >= 12).ok_or(Malformed::TooShort)?;
            Ok(Origin::From(SocketAddr::new(Ipv4Addr::from(*ip).into(), port)))
        }
        0x21 => {
            let ip = addresses.first_chunk::<16>().ok_or(Malformed::TooShort)?;
            let port = port(32).filter(|_| addresses.len() >= 36).ok_or(Malformed::TooShort)?;
            Ok(Origin::From(SocketAddr::new(Ipv6Addr::from(*ip).into(), port)))
        }
        // Others are to be taken as if nothing had been said.
        _ => Ok(Origin::Itself),
    }
}

/// The header of a connection from there, with the dial's number. Whither it went the service knows by itself: of that the family alone is said.
pub fn encode(from: Option<SocketAddr>, trace: TraceId) -> Vec<u8> {
    let (command, family, addresses) = match from.map(|from| (from.ip().to_canonical(), from.port())) {
        Some((IpAddr::V4(ip), port)) => (0x21, 0x11, [&ip.octets()[..], &[0; 4], &port.to_be_bytes(), &[0; 2]].concat()),
        Some((IpAddr::V6(ip), port)) => (0x21, 0x21, [&ip.octets()[..], &[0; 16], &port.to_be_bytes(), &[0; 2]].concat()),
        None => (0x20, 0, Vec::new()),
    };
    let unique = [&[UNIQUE_ID, 0, 16][..], &trace.0].concat();
    let length = u16::try_from(addresses.len() + unique.len()).expect("addresses and the number have some fifty bytes");
    [&SIGNATURE[..], &[command, family], &length.to_be_bytes(), &addresses, &unique].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: TraceId = TraceId([7; 16]);

    fn header(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).expect("short");
        [&SIGNATURE[..], &[command, family], &length.to_be_bytes(), addresses].concat()
    }

    #[test]
    fn headers() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 1, 187];
        let from = |text: &str| Origin::From(text.parse().expect("an address"));
        assert_eq!(parse(&header(0x21, 0x11, &v4)), Ok(Some((from("192.0.2.7:4660"), 28))));
        let with_more = [&v4[..], &[4, 0, 1, 9]].concat();
        assert_eq!(parse(&[header(0x21, 0x11, &with_more), b"GET".to_vec()].concat()), Ok(Some((from("192.0.2.7:4660"), 32))));
        let v6 = [&[0; 15][..], &[1], &[0; 16], &[0, 80, 0, 0]].concat();
        assert_eq!(parse(&header(0x21, 0x21, &v6)), Ok(Some((from("[::1]:80"), 52))));
        assert_eq!(parse(&header(0x20, 0, &[])), Ok(Some((Origin::Itself, 16))));
        assert_eq!(parse(&header(0x21, 0x31, &[0; 216])), Ok(Some((Origin::Itself, 232))), "a socket of this machine");
        assert_eq!(parse(&header(0x21, 0x12, &v4)), Ok(Some((Origin::Itself, 28))), "datagrams");
        assert_eq!(parse(&header(0x21, 0x11, &v4[..11])), Err(Malformed::TooShort));
        assert_eq!(parse(&header(0x11, 0x11, &v4)), Err(Malformed::Command(0x11)));
        assert_eq!(parse(&header(0x22, 0x11, &v4)), Err(Malformed::Command(0x22)));
        assert_eq!(parse(&header(0x21, 0x11, &[0; MAX_HEADER])), Err(Malformed::TooLong(MAX_HEADER + 16)));
        assert_eq!(parse(b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n"), Err(Malformed::Signature));
        let whole = header(0x21, 0x11, &v4);
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), Ok(None), "{end} bytes");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for from in ["192.0.2.7:4660", "[2001:db8::1]:443"] {
            let from = from.parse().expect("an address");
            let written = encode(Some(from), TRACE);
            assert_eq!(parse(&written), Ok(Some((Origin::From(from), written.len()))));
            assert!(written.ends_with(&TRACE.0));
        }
        let mapped = encode("[::ffff:192.0.2.7]:1".parse().ok(), TRACE);
        assert_eq!(parse(&mapped), Ok(Some((Origin::From("192.0.2.7:1".parse().expect("an address")), mapped.len()))));
        let unknown = encode(None, TRACE);
        assert_eq!(parse(&unknown), Ok(Some((Origin::Itself, unknown.len()))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for bytes in [bytes.clone(), [&SIGNATURE[..], &bytes].concat(), [&SIGNATURE[..], &[0x21, 0x11, 0], &bytes].concat()] {
                if let Ok(Some((_, length))) = parse(&bytes) {
                    prop_assert!(length <= bytes.len() && length <= MAX_HEADER);
                }
            }
        }
    }
}

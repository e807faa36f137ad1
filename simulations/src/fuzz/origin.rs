//! PROXY headers of version 2.

use warren::ingress::proxy_header::{MAX_HEADER, Origin, encode, parse};
use warren::wire::TraceId;

use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "origin", reads: "PROXY headers of version 2, of load balancers in front of a way in", run: target, seeds };

fn target(data: &[u8]) -> Outcome {
    match parse(data) {
        Ok(Some((origin, length))) => {
            assert!(length <= data.len() && length <= MAX_HEADER, "{length} bytes");
            assert_eq!(parse(&data[..length]), Ok(Some((origin, length))), "what follows plays no part");
            assert_eq!(parse(&data[..length - 1]), Ok(None), "less is not whole");
            let Origin::From(from) = origin else { return Outcome::plain("origin", "itself") };
            let written = encode(Some(from), TraceId([0; 16]));
            let (again, _) = parse(&written).expect("our own").expect("whole");
            let canonical = std::net::SocketAddr::new(from.ip().to_canonical(), from.port());
            assert_eq!(again, Origin::From(canonical), "written and read again");
            Outcome::plain("origin", if from.is_ipv4() { "of IPv4" } else { "of IPv6" })
        }
        Ok(None) => Outcome::plain("origin", "not whole"),
        Err(error) => Outcome::refused("origin", &error),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let own = |from: Option<&str>| encode(from.map(|from| from.parse().expect("an address")), TraceId([7; 16]));
    let header = |rest: &[u8]| [b"\r\n\r\n\0\r\nQUIT\n", rest].concat();
    vec![
        own(Some("192.0.2.7:4660")),
        own(Some("[2001:db8::1]:443")),
        own(None),
        [own(Some("192.0.2.7:4660")), b"GET /".to_vec()].concat(),
        header(&[0x21, 0x11, 0, 4, 1, 2, 3, 4]),
        header(&[0x22, 0x11, 0, 0]),
        header(&[0x21, 0x31, 0, 0]),
        header(&[0x21, 0x11, 0xff, 0xff]),
        header(&[0x21]),
        b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n".to_vec(),
    ]
}

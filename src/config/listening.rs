//! The addresses at which one configuration listens: no two of them can be the same socket.

use std::net::{IpAddr, SocketAddr};

use super::reader::Reader;
use super::{AdminTable, IngressTable, PeerTable, PublicTable};

/// What is spoken below: a port of the one is none of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Tcp,
    Udp,
}

/// A key by which something listens.
#[derive(Clone, Copy, Debug)]
struct Listens {
    section: &'static str,
    key: &'static str,
    transport: Transport,
    address: SocketAddr,
    /// Which element of the list, if the key is one, counted from 0.
    index: Option<usize>,
}

/// Refuses an address that another key, or another port of the same list, has taken.
pub(super) fn check(reader: &mut Reader<'_>, (peer, public): (&PeerTable, &PublicTable), (ingress, admin): (&IngressTable, &AdminTable)) {
    let at = |section, key, transport, address: &SocketAddr| Listens { section, key, transport, address: *address, index: None };
    let mut all = vec![at("peer", "listen", Transport::Udp, &peer.listen), at("public", "listen", Transport::Udp, &public.listen)];
    all.extend(admin.http.iter().map(|address| at("admin", "http", Transport::Tcp, address)));
    let named = [("ingress.tls", &ingress.tls), ("ingress.http_connect", &ingress.http_connect), ("ingress.socks5", &ingress.socks5)];
    let named = named.into_iter().filter_map(|(section, way)| Some((section, way.as_ref()?)));
    all.extend(named.map(|(section, way)| at(section, "listen", Transport::Tcp, &way.listen)));
    let ports = ingress.tcp.iter().enumerate();
    all.extend(ports.map(|(index, port)| Listens { index: Some(index), ..at("ingress", "tcp", Transport::Tcp, &port.listen) }));
    for (index, listens) in all.iter().enumerate() {
        let mut told = Vec::new();
        for other in all[..index].iter().filter(|other| other.transport == listens.transport && clash(other.address, listens.address)) {
            // Those that are at one place clash with each other, which is told of them.
            if !told.contains(&other.address) {
                told.push(other.address);
                refuse(reader, listens, other);
            }
        }
    }
}

/// Refuses the later one of two that clash, or the earlier one where nobody has set the later: the place is to be where somebody can change it.
fn refuse(reader: &mut Reader<'_>, later: &Listens, earlier: &Listens) {
    let is_set = |listens: &Listens| reader.is_set(listens.section, listens.key);
    let (refused, other) = if !is_set(later) && is_set(earlier) { (earlier, later) } else { (later, earlier) };
    let mut section = reader.section(refused.section);
    match refused.index {
        Some(index) => section.refuse_element(refused.key, (index, "listen"), reason(refused, other)),
        None => section.refuse(refused.key, reason(refused, other)),
    }
}

fn reason(listens: &Listens, other: &Listens) -> String {
    let (address, taken) = (listens.address, other.address);
    let is_listed = (listens.section, listens.key) == (other.section, other.key);
    match (is_listed, address == taken) {
        (true, true) => format!("has two ports at {address}"),
        (true, false) => format!("has ports at {taken} and {address}, of which the one takes in the other"),
        (false, true) => format!("is at {address}, where `{}.{}` is", other.section, other.key),
        (false, false) => format!("is at {address}, and `{}.{}` at {taken}: the one takes in the other", other.section, other.key),
    }
}

/// Whether only one of them can be listened at. `[::]` takes in all of IPv4, too.
fn clash(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    let takes_in = |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    one.port() != 0 && one.port() == other.port() && (a == b || takes_in(a, b) || takes_in(b, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_clash() {
        let table = [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("[::]:80", "127.0.0.1:80", true),
            ("[::]:80", "0.0.0.0:80", true),
            ("[::]:80", "[::1]:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true),
        ];
        for (one, other, expected) in table {
            let parse = |text: &str| text.parse().expect("an address");
            assert_eq!(clash(parse(one), parse(other)), expected, "{one} {other}");
            assert_eq!(clash(parse(other), parse(one)), expected, "{other} {one}");
        }
    }
}
